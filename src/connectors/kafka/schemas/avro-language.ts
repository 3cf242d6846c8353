/**
 * Avro by the library avsc, which compiles a reader and a writer for a schema, and what lies between two schemas
 * (schema resolution: defaults, aliases, promotions).
 *
 *  - Records are plain objects, which state and other threads take. A branch of a union stands for itself where its type
 *    tells which it is, else it is wrapped: `{ 'shop.Order': {…} }`, as in Avro's JSON.
 *  - Records of rubbish cost no more than their bytes: a list is never longer than the bytes that are left.
 */
import avsc, { type Schema, type Type } from 'avsc'
import { messageOf } from '../../../base/millrace-error.ts'
import { ownType, plainValues } from './avro-types.ts'
import type { BodyWriter, DecodeBody, SchemaLanguage, SchemaText } from './schema-language.ts'
import { HEADER_BYTES, writeHeader } from './wire-format.ts'

export interface AvroLanguageOptions {
  readonly longs: 'number' | 'bigint'
}

export function avroLanguage(options: AvroLanguageOptions): SchemaLanguage {
  return {
    type: 'AVRO',
    reader: (writer, reader) => decoder(writer, reader, options),
    writer: (schema) => encoder(compiled(schema, options)),
  }
}

function decoder(
  writer: SchemaText,
  reader: SchemaText | undefined,
  options: AvroLanguageOptions,
): DecodeBody {
  const written = compiled(writer, options)
  const type = reader === undefined ? written : compiled(reader, options)
  const resolver = type.equals(written) ? undefined : resolverOf(type, written)
  return (source, start, end) => {
    const read: { readonly value: unknown; readonly offset: number } = type.decode(source, start, resolver)
    const { offset } = read
    if (offset < 0 || offset > end) throw new Error('it ends before all its fields are there')
    if (offset < end) throw new Error(`it has ${end - offset} bytes more than its schema says`)
    return read.value
  }
}

function resolverOf(type: Type, written: Type): ReturnType<Type['createResolver']> {
  try {
    return type.createResolver(written)
  } catch (error) {
    const [from, to] = [written, type].map((one) => one.name ?? one.typeName)
    throw new Error(`${from} does not become ${to} (${messageOf(error)})`, { cause: error })
  }
}

function encoder(type: Type): BodyWriter {
  let target = Buffer.allocUnsafeSlow(1_024)
  return {
    recordName: type.name,
    encode(value, schemaId) {
      try {
        for (;;) {
          const end = type.encode(value, target, HEADER_BYTES)
          if (end > 0) {
            writeHeader(target, schemaId)
            return Buffer.from(target.subarray(0, end))
          }
          target = Buffer.allocUnsafeSlow(target.length * 2 - end)
        }
      } catch (error) {
        throw new Error(faultOf(type, value) ?? messageOf(error), { cause: error })
      }
    },
  }
}

/** What does not fit first, and where. */
function faultOf(type: Type, value: unknown): string | undefined {
  let fault: string | undefined
  type.isValid(value, {
    errorHook: (path: readonly string[], found: unknown, expected: Type) => {
      const shown = typeof found === 'object' && found !== null ? 'an object' : String(found)
      fault ??= `${path.join('.') || 'the value'} is ${shown}, not ${expected.name ?? expected.typeName}`
    },
  })
  return fault
}

function compiled({ schema, references }: SchemaText, { longs }: AvroLanguageOptions): Type {
  const options = {
    registry: {},
    omitRecordMethods: true,
    typeHook: (attributes: Schema, given: object) => ownType(attributes, given, longs),
  }
  for (const reference of references) avsc.Type.forSchema(parsed(reference.schema), options)
  const type = avsc.Type.forSchema(parsed(schema), options)
  plainValues(type)
  return type
}

/** A type's name may stand alone, without quotes. */
function parsed(schema: string): Schema {
  return /^[\w.]+$/.test(schema.trim()) ? schema.trim() : (JSON.parse(schema) as Schema)
}
