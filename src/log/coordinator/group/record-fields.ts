/** Fields that the flexible records of `__consumer_offsets` are made of: short lists, and tagged fields. */
import type { ByteReader } from '../../../base/byte-reader.ts'
import { ByteWriter } from '../../../base/byte-writer.ts'

export function writeInts(writer: ByteWriter, values: readonly number[]): void {
  writeList(writer, values, (value) => writer.int32(value))
}

export function writeStrings(writer: ByteWriter, values: readonly string[]): void {
  writeList(writer, values, (value) => writer.compactString(value))
}

export function writeList<Item>(
  writer: ByteWriter,
  items: readonly Item[],
  write: (item: Item) => void,
): void {
  writer.unsignedVarint(items.length + 1)
  for (const item of items) write(item)
}

/** The tagged fields of a struct, by ascending tag; those that are undefined are left out. */
export function writeTags(writer: ByteWriter, ...fields: readonly (Buffer | undefined)[]): void {
  writer.unsignedVarint(fields.filter((field) => field !== undefined).length)
  fields.forEach((field, tag) => {
    if (field === undefined) return
    writer.unsignedVarint(tag)
    writer.unsignedVarint(field.length)
    writer.raw(field)
  })
}

/** The bytes of one field. */
export function fieldOf(write: (field: ByteWriter) => void): Buffer {
  const field = new ByteWriter(32)
  write(field)
  return field.toBuffer()
}

export function readInts(reader: ByteReader): number[] {
  return readList(reader, 4, () => reader.int32())
}

export function readStrings(reader: ByteReader): string[] {
  return readList(reader, 1, () => reader.compactString())
}

/** `minBytes`: what an item takes at least, which bounds how many there can be. */
export function readList<Item>(reader: ByteReader, minBytes: number, read: () => Item): Item[] {
  return Array.from({ length: reader.compactArrayLength(minBytes) }, read)
}

/** Reads the tagged fields of a struct: those that are known by their tag, the rest is skipped. */
export function readTags(reader: ByteReader, ...known: readonly ((field: ByteReader) => void)[]): void {
  for (let count = reader.unsignedVarint(); count > 0; count--) {
    const tag = reader.unsignedVarint()
    const end = reader.taggedFieldEnd()
    known[tag]?.(reader)
    reader.position = end
  }
}
