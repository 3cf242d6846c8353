import { isJsonObject, type Json, JsonNumber } from '../json-text.ts'
import type { AvroPrimitive, AvroType } from './avro-schema.ts'

const INT = { least: -(2n ** 31n), most: 2n ** 31n - 1n }
const LONG = { least: -(2n ** 63n), most: 2n ** 63n - 1n }

/** Whether a JSON value can be the default of a field of this type; for a union it may be of any branch. */
export function isAvroDefault(type: AvroType, value: Json): boolean {
  switch (type.kind) {
    case 'primitive':
      return isPrimitiveDefault(type.type, value)
    case 'enum':
      return typeof value === 'string' && type.symbols.includes(value)
    case 'fixed':
      return typeof value === 'string'
    case 'array':
      return Array.isArray(value) && (value as readonly Json[]).every((one) => isAvroDefault(type.of, one))
    case 'map':
      return isJsonObject(value) && Object.values(value).every((one) => isAvroDefault(type.of, one))
    case 'union':
      return type.branches.some((branch) => isAvroDefault(branch, value))
    case 'record':
      return (
        isJsonObject(value) &&
        // A field's own default is checked where it is given.
        type.fields.every((field) =>
          Object.hasOwn(value, field.name)
            ? isAvroDefault(field.type, value[field.name]!)
            : field.default !== undefined,
        )
      )
  }
}

function isPrimitiveDefault(type: AvroPrimitive, value: Json): boolean {
  switch (type) {
    case 'null':
      return value === null
    case 'boolean':
      return typeof value === 'boolean'
    case 'string':
    case 'bytes':
      return typeof value === 'string'
    case 'int':
      return isWithin(value, INT)
    case 'long':
      return isWithin(value, LONG)
    case 'float':
    case 'double':
      return value instanceof JsonNumber
  }
}

function isWithin(value: Json, range: { readonly least: bigint; readonly most: bigint }): boolean {
  if (!(value instanceof JsonNumber) || !value.isInteger) return false
  const number = BigInt(value.text)
  return number >= range.least && number <= range.most
}
