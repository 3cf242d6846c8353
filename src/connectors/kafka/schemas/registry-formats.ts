/** Records whose schemas are in a registry: the formats that jobs name. */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { MillraceError } from '../../../base/millrace-error.ts'
import { validate } from '../../../stream/connector/format.ts'
import type { RegistryFormat } from './record-format.ts'
import { type LanguageFormat, OpenRegistryFormat } from './registry-format.ts'
import type { CheckedBy, RegistryFormatOptions } from './registry-options.ts'

export interface AvroOptions extends RegistryFormatOptions {
  /** What a `long` is. A number that would not be exact makes the record a bad one. Default: `number`. */
  readonly longs?: 'number' | 'bigint'
}

export interface ProtobufOptions extends RegistryFormatOptions {
  /** The `.proto` file; see there. */
  readonly schema?: string
  /** The message, in full (`shop.Order`) or relative to the file's package. Default: the first of the file. */
  readonly message?: string
  /** What 64-bit integers are. A number that would not be exact makes the record a bad one. Default: `number`. */
  readonly longs?: 'number' | 'bigint'
}

export interface JsonSchemaOptions extends RegistryFormatOptions {
  /** Whether values are checked against the schema, when read and when written. Default: true. */
  readonly validate?: boolean
}

/**
 * Avro under schemas of a registry. Records are plain objects, `bytes` and `fixed` are `Buffer`s; logical types are what
 * is under them (`timestamp-millis` a number); a branch of a union is its value, or `{ 'full.Name': value }` where
 * values do not tell which branch it is.
 *
 * ```ts
 * kafka({ topic: 'orders', value: avro<Order>({ registry: { url: 'http://127.0.0.1:8081' } }) })
 * ```
 */
export function avro<S extends StandardSchemaV1>(
  options: AvroOptions & CheckedBy<S>,
): RegistryFormat<StandardSchemaV1.InferOutput<S>>
export function avro<T = unknown>(options: AvroOptions): RegistryFormat<T>
export function avro(options: AvroOptions & Partial<CheckedBy<StandardSchemaV1>>): RegistryFormat<unknown> {
  const { longs = 'number' } = options
  return registryFormat(options, {
    name: 'avro',
    load: async () => (await import('./avro-language.ts')).avroLanguage({ longs }),
  })
}

/**
 * JSON under JSON Schemas of a registry. Values are checked against `schema`, or against the one that they were written
 * with.
 */
export function jsonSchema<S extends StandardSchemaV1>(
  options: JsonSchemaOptions & CheckedBy<S>,
): RegistryFormat<StandardSchemaV1.InferOutput<S>>
export function jsonSchema<T = unknown>(options: JsonSchemaOptions): RegistryFormat<T>
export function jsonSchema(
  options: JsonSchemaOptions & Partial<CheckedBy<StandardSchemaV1>>,
): RegistryFormat<unknown> {
  const { validate: validates = true } = options
  return registryFormat(options, {
    name: 'jsonSchema',
    load: async () => (await import('./json-language.ts')).jsonLanguage({ validate: validates }),
  })
}

/**
 * Protobuf under `.proto` files of a registry. Messages are plain objects whose members are named as in Protobuf's JSON
 * (`unitPrice`); enumerations are names, `bytes` are `Buffer`s; what is absent has its default, but is absent where the
 * file tells (`optional`, `oneof`); absent messages are null.
 */
export function protobuf<S extends StandardSchemaV1>(
  options: ProtobufOptions & CheckedBy<S>,
): RegistryFormat<StandardSchemaV1.InferOutput<S>>
export function protobuf<T = unknown>(options: ProtobufOptions): RegistryFormat<T>
export function protobuf(
  options: ProtobufOptions & Partial<CheckedBy<StandardSchemaV1>>,
): RegistryFormat<unknown> {
  const { longs = 'number', message } = options
  return registryFormat(options, {
    name: 'protobuf',
    load: async () => (await import('./protobuf-language.ts')).protobufLanguage({ longs, message }),
  })
}

function registryFormat(
  options: RegistryFormatOptions & Partial<CheckedBy<StandardSchemaV1>>,
  language: Omit<LanguageFormat, 'check'>,
): RegistryFormat<unknown> {
  const { type } = options
  const { url } = options.registry
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
    throw new MillraceError({
      code: 'MR_JOB_INVALID',
      message: `the url of the registry of ${language.name}() is ${JSON.stringify(url)}.`,
      fix: 'Give it in full, as http://127.0.0.1:8081.',
    })
  }
  const format: LanguageFormat = {
    ...language,
    ...(type !== undefined && { check: (value) => validate(type, value) }),
  }
  return { name: format.name, open: (context) => new OpenRegistryFormat(format, options, context) }
}
