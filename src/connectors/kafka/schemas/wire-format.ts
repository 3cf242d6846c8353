/**
 * What stands before the data of a record whose schema is in a registry (Confluent's wire format):
 *
 *   0x00 │ schema id, int32, big endian │ data
 *                                       └ Protobuf: count and indexes of the message in its file first, zigzag varints;
 *                                         one byte 0 stands for the first message
 */
export const HEADER_BYTES = 5

/** Throws an `Error` for bytes that do not begin so. */
export function readSchemaId(source: Buffer, start: number, end: number): number {
  if (end - start < HEADER_BYTES)
    throw new Error(`it has ${end - start} bytes, fewer than the id of a schema takes`)
  if (source[start] !== 0) {
    throw new Error(
      `it begins with the byte 0x${source[start]!.toString(16).padStart(2, '0')} and not with 0x00 and the id of a schema`,
    )
  }
  return source.readInt32BE(start + 1)
}

export function writeHeader(target: Buffer, schemaId: number): void {
  target[0] = 0
  target.writeInt32BE(schemaId, 1)
}

/** Where a message stands in its file: among the file's messages, then among those within that one, and so on. */
export interface MessageIndexes {
  readonly path: readonly number[]
  /** Where the message begins. */
  readonly end: number
}

const DEPTH_MAX = 32

/** Throws an `Error` for bytes that are none. */
export function readMessageIndexes(source: Buffer, start: number, end: number): MessageIndexes {
  let position = start
  const next = (): number => {
    let value = 0
    for (let shift = 0; shift < 32; shift += 7) {
      if (position >= end) break
      const byte = source[position++]!
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1)
    }
    throw new Error('it does not say which message of its schema it is')
  }
  const count = next()
  if (count === 0) return { path: FIRST_MESSAGE, end: position }
  if (count < 0 || count > DEPTH_MAX)
    throw new Error(`it says that its message lies ${count} messages deep in its schema`)
  const path = Array.from({ length: count }, next)
  return { path, end: position }
}

const FIRST_MESSAGE: readonly number[] = [0]

export function messageIndexBytes(path: readonly number[]): Buffer {
  if (path.length === 1 && path[0] === 0) return Buffer.from([0])
  const bytes: number[] = []
  for (const number of [path.length, ...path]) {
    let rest = number << 1
    for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80)
    bytes.push(rest)
  }
  return Buffer.from(bytes)
}
