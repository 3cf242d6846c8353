import { parseAvro } from './avro/avro-format.ts'
import { parseJsonSchema } from './json/json-format.ts'
import { type ParsedSchema, type ParseOptions, SCHEMA_TYPES, type SchemaType } from './parsed-schema.ts'
import { parseProtobuf } from './protobuf/protobuf-format.ts'
import { invalidSchema } from './registry-error.ts'

/** Reads a schema of any type. Throws 42201 with what is wrong. */
export function parseSchema(type: SchemaType, text: string, options: ParseOptions): ParsedSchema {
  return withinStack(() => {
    switch (type) {
      case 'AVRO':
        return parseAvro(text, options)
      case 'JSON':
        return parseJsonSchema(text, options)
      case 'PROTOBUF':
        return parseProtobuf(text, options)
    }
  })
}

/** Reading and comparing go as deep as schemas do. Throws 42201 for those that are too deep. */
export function withinStack<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof RangeError) throw invalidSchema('Invalid schema: it is nested too deeply', error)
    throw error
  }
}

/** The type that a request names; Avro when it names none. Throws 42201 for others. */
export function schemaTypeOf(name: string | undefined): SchemaType {
  const type = name === undefined || name === '' ? 'AVRO' : name.toUpperCase()
  const known = SCHEMA_TYPES.find((one) => one === type)
  if (known === undefined) throw invalidSchema(`Invalid schema type ${name}`)
  return known
}
