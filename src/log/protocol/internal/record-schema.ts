/**
 * Schemas of the keys and values that Kafka's coordinators write to their internal topics, and of control records.
 * Each is a struct with an int16 in front: a value's version, or, for a key, the record type (the old numbering of key
 * versions and the types that replaced it agree).
 */
import { ByteReader, WireError } from '../../../base/byte-reader.ts'
import { ByteWriter } from '../../../base/byte-writer.ts'
import type { Decoded, Encodable, Fields } from '../field.ts'
import { compileDecoder, compileEncoder, type Decoder, type Encoder } from '../struct-codec.ts'

export interface RecordSchema<T, Input = T> {
  readonly name: string
  readonly versions: readonly [min: number, max: number]
  /** Encodes with the version in front; the default is the highest. */
  encode(value: Input, version?: number): Buffer
  /** Throws `WireError` on a version outside `versions` and on rubbish. Bytes after the known fields are left alone. */
  decode(bytes: Buffer): T
}

export interface RecordSchemaOptions<F extends Fields> {
  readonly name: string
  readonly versions: readonly [min: number, max: number]
  readonly flexibleFrom: number
  readonly fields: F
}

export function defineRecord<const F extends Fields>(
  options: RecordSchemaOptions<F>,
): RecordSchema<Decoded<F>, Encodable<F>> {
  const { name, versions, flexibleFrom, fields } = options
  const [min, max] = versions
  const decoders: Decoder[] = []
  const encoders: Encoder[] = []
  const codecOf = (version: number): { version: number; flexible: boolean } => {
    if (version < min || version > max)
      throw new WireError(`${name} has versions ${min} to ${max}, not ${version}`)
    return { version, flexible: version >= flexibleFrom }
  }
  return {
    name,
    versions,
    encode: (value, version = max) => {
      const encode = (encoders[version] ??= compileEncoder(fields, codecOf(version)))
      const writer = new ByteWriter(128)
      writer.int16(version)
      encode(writer, value as never)
      return writer.toBuffer()
    },
    decode: (bytes) => {
      const reader = new ByteReader(bytes)
      const version = reader.int16()
      const decode = (decoders[version] ??= compileDecoder(fields, codecOf(version)))
      return decode(reader) as Decoded<F>
    },
  }
}
