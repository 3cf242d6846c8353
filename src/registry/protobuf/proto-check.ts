/** What has to hold of a `.proto` file before it is registered: names and numbers are single, types and imports are there. */
import {
  MAX_FIELD_NUMBER,
  type ProtoEnum,
  type ProtoField,
  type ProtoFile,
  type ProtoMessage,
  type ProtoReserved,
  ProtoSyntaxError,
  type ProtoType,
} from './proto-file.ts'
import { isCommonImport, isScalar, type ProtoScope } from './proto-scope.ts'

const MAP_KEYS: ReadonlySet<string> = new Set([
  'int32',
  'int64',
  'uint32',
  'uint64',
  'sint32',
  'sint64',
  'fixed32',
  'fixed64',
  'sfixed32',
  'sfixed64',
  'bool',
  'string',
])
/** Numbers that Protobuf keeps for itself. */
const OWN_NUMBERS = { from: 19_000, to: 19_999 }

/** Throws `ProtoSyntaxError` with the first thing that is wrong. */
export function checkProto(file: ProtoFile, scope: ProtoScope, imported: ReadonlySet<string>): void {
  for (const { path } of file.imports) {
    if (!imported.has(path) && !isCommonImport(path))
      throw new ProtoSyntaxError(`No schema reference found for import "${path}"`)
  }
  checkTypes(file.types, { scope, file, outer: file.package })
  for (const extend of file.extends) checkExtended(extend.type, { scope, outer: file.package })
  for (const service of file.services) {
    for (const { request, response, name } of service.methods) {
      for (const type of [request, response]) {
        if (scope.resolve(type, file.package) === undefined)
          throw new ProtoSyntaxError(`"${type}" of ${service.name}.${name} is not defined`)
      }
    }
  }
}

interface Place {
  readonly scope: ProtoScope
  readonly file: ProtoFile
  /** Full name of what is around. */
  readonly outer: string
}

function checkTypes(types: readonly ProtoType[], place: Place): void {
  once(
    types.map((type) => type.name),
    `in ${place.outer === '' ? 'the file' : place.outer}`,
  )
  for (const type of types) {
    const fullName = place.outer === '' ? type.name : `${place.outer}.${type.name}`
    if (type.kind === 'enum') checkEnum(type, { ...place, outer: fullName })
    else checkMessage(type, { ...place, outer: fullName })
  }
}

function checkMessage(message: ProtoMessage, place: Place): void {
  const { outer } = place
  const fields = [...message.fields, ...message.oneofs.flatMap((oneof) => oneof.fields)]
  once([...fields.map((field) => field.name), ...message.oneofs.map((oneof) => oneof.name)], `in ${outer}`)
  once(
    fields.map((field) => String(field.number)),
    `as a field number in ${outer}`,
  )
  for (const oneof of message.oneofs) {
    if (oneof.fields.length === 0) throw new ProtoSyntaxError(`oneof ${outer}.${oneof.name} has no fields`)
    const labelled = oneof.fields.find((field) => field.label !== undefined || field.keyType !== undefined)
    if (labelled !== undefined)
      throw new ProtoSyntaxError(`fields of a oneof have no label and are no maps: ${outer}.${labelled.name}`)
  }
  for (const field of fields) {
    checkField(field, place)
    checkNotReserved(field, message.reserved, outer)
  }
  for (const extend of message.extends) checkExtended(extend.type, place)
  checkTypes(message.types, place)
}

function checkField(field: ProtoField, { scope, file, outer }: Place): void {
  const { name, number, type, keyType, label } = field
  const own = number >= OWN_NUMBERS.from && number <= OWN_NUMBERS.to
  if (number < 1 || number > MAX_FIELD_NUMBER || own)
    throw new ProtoSyntaxError(`${number} is no number for a field: ${outer}.${name}`)
  if (keyType !== undefined && !MAP_KEYS.has(keyType))
    throw new ProtoSyntaxError(`${keyType} cannot be the key of a map: ${outer}.${name}`)
  if (label === 'required' && file.syntax !== 'proto2')
    throw new ProtoSyntaxError(`only proto2 has required fields: ${outer}.${name}`)
  if (!isScalar(type) && scope.resolve(type, outer) === undefined)
    throw new ProtoSyntaxError(`"${type}" of ${outer}.${name} is not defined`)
}

function checkEnum(type: ProtoEnum, { outer, file }: Place): void {
  const [first] = type.values
  if (first === undefined) throw new ProtoSyntaxError(`enum ${outer} has no values`)
  if (file.syntax === 'proto3' && first.number !== 0)
    throw new ProtoSyntaxError(`the first value of enum ${outer} must be zero in proto3`)
  once(
    type.values.map((value) => value.name),
    `in ${outer}`,
  )
  const aliases = type.options.some(({ name, value }) => name === 'allow_alias' && value === 'true')
  if (!aliases)
    once(
      type.values.map((value) => String(value.number)),
      `as a value in ${outer}`,
    )
  for (const value of type.values) checkNotReserved(value, type.reserved, outer)
}

function checkNotReserved(
  { name, number }: { readonly name: string; readonly number: number },
  reserved: readonly ProtoReserved[],
  outer: string,
): void {
  for (const { ranges, names } of reserved) {
    if (names.includes(name)) throw new ProtoSyntaxError(`the name of ${outer}.${name} is reserved`)
    if (ranges.some(({ from, to }) => number >= from && number <= to))
      throw new ProtoSyntaxError(`the number ${number} of ${outer}.${name} is reserved`)
  }
}

function checkExtended(
  type: string,
  { scope, outer }: { readonly scope: ProtoScope; readonly outer: string },
): void {
  if (scope.resolve(type, outer) === undefined) throw new ProtoSyntaxError(`"${type}" is not defined`)
}

function once(names: readonly string[], where: string): void {
  const seen = new Set<string>()
  for (const name of names) {
    if (seen.has(name)) throw new ProtoSyntaxError(`"${name}" is there twice ${where}`)
    seen.add(name)
  }
}
