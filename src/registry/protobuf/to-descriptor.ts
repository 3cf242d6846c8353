/** Protobuf's own description of a `.proto` file. Options that are extensions are left out: their types are elsewhere. */
import {
  camelCase,
  type EnumDescriptor,
  type FieldDescriptor,
  type FileDescriptor,
  type MessageDescriptor,
  type Options,
  type OptionsKind,
  optionType,
} from './proto-descriptor.ts'
import type {
  ProtoEnum,
  ProtoExtend,
  ProtoField,
  ProtoFile,
  ProtoMessage,
  ProtoOneof,
  ProtoOption,
  ProtoReserved,
  ProtoType,
} from './proto-file.ts'
import { isScalar, type ProtoScope } from './proto-scope.ts'
import { textOf } from './proto-tokens.ts'

/** Enumerations among the types that everybody has. */
const COMMON_ENUMS: ReadonlySet<string> = new Set([
  'google.protobuf.NullValue',
  'google.protobuf.Syntax',
  'google.type.DayOfWeek',
  'google.type.Month',
  'google.rpc.Code',
])

export function descriptorFromProto(file: ProtoFile, scope: ProtoScope): FileDescriptor {
  const context = { scope, syntax: file.syntax }
  const at = (kind: 'public' | 'weak'): readonly number[] =>
    file.imports.flatMap((one, index) => (one.kind === kind ? [index] : []))
  return {
    name: 'default',
    package: file.package,
    dependency: file.imports.map(({ path }) => path),
    publicDependency: at('public'),
    weakDependency: at('weak'),
    ...typesOf(file.types, context, file.package),
    service: file.services.map(({ name, methods, options }) => ({
      name,
      method: methods.map((method) => ({
        name: method.name,
        inputType: absolute(method.request, scope, file.package),
        outputType: absolute(method.response, scope, file.package),
        clientStreaming: method.requestStream,
        serverStreaming: method.responseStream,
        ...optionsOf('MethodOptions', method.options),
      })),
      ...optionsOf('ServiceOptions', options),
    })),
    extension: extensionsOf(file.extends, context, file.package),
    ...optionsOf('FileOptions', file.options),
    ...(file.syntax === 'proto2' ? {} : { syntax: file.syntax }),
    ...(file.edition !== undefined && { edition: `EDITION_${file.edition}` }),
  }
}

/** The name of a field in JSON, unless an option gives another. */
export function jsonNameOf(name: string): string {
  return name.replaceAll(/_+([A-Za-z\d]?)/g, (_, letter: string) => letter.toUpperCase())
}

interface Context {
  readonly scope: ProtoScope
  readonly syntax: ProtoFile['syntax']
}

function typesOf(
  types: readonly ProtoType[],
  context: Context,
  outer: string,
): { readonly enumType: EnumDescriptor[]; readonly messageType: MessageDescriptor[] } {
  const messageType = types.flatMap((type) =>
    type.kind === 'message' ? [messageOf(type, context, outer)] : [],
  )
  return {
    messageType,
    enumType: types.flatMap((type) => (type.kind === 'enum' ? [enumOf(type)] : [])),
  }
}

function messageOf(message: ProtoMessage, context: Context, outer: string): MessageDescriptor {
  const fullName = outer === '' ? message.name : `${outer}.${message.name}`
  const { enumType, messageType } = typesOf(message.types, context, fullName)
  const optional = message.fields.filter((field) => isOptional(field, context))
  const oneofIndex = (field: ProtoField): number | undefined => {
    const own = message.oneofs.findIndex((oneof: ProtoOneof) => oneof.fields.includes(field))
    if (own >= 0) return own
    const synthetic = optional.indexOf(field)
    return synthetic < 0 ? undefined : message.oneofs.length + synthetic
  }
  const fields = [...message.fields, ...message.oneofs.flatMap((oneof) => oneof.fields)]
  return {
    name: message.name,
    field: fields.map((field) => ({
      ...fieldOf(field, context, fullName),
      ...(oneofIndex(field) !== undefined && { oneofIndex: oneofIndex(field)! }),
      ...(optional.includes(field) && { proto3Optional: true }),
    })),
    nestedType: [
      ...messageType,
      ...fields
        .filter((field) => field.keyType !== undefined)
        .map((field) => entryOf(field, context, fullName)),
    ],
    enumType,
    extension: extensionsOf(message.extends, context, fullName),
    extensionRange: message.extensions.flatMap(({ ranges }) =>
      ranges.map(({ from, to }) => ({ start: from, end: to + 1 })),
    ),
    oneofDecl: [
      ...message.oneofs.map(({ name, options }) => ({ name, ...optionsOf('OneofOptions', options) })),
      ...optional.map(({ name }) => ({ name: `_${name}` })),
    ],
    reservedRange: rangesOf(message.reserved).map(({ from, to }) => ({ start: from, end: to + 1 })),
    reservedName: message.reserved.flatMap(({ names }) => names),
    ...optionsOf('MessageOptions', message.options),
  }
}

/** In proto3 an `optional` field is the only one of a oneof of its own. */
function isOptional(field: ProtoField, { syntax }: Context): boolean {
  return syntax === 'proto3' && field.label === 'optional'
}

function fieldOf(field: ProtoField, context: Context, outer: string): FieldDescriptor {
  const isMap = field.keyType !== undefined
  const label =
    isMap || field.label === 'repeated' ? 'REPEATED' : field.label === 'required' ? 'REQUIRED' : 'OPTIONAL'
  const option = (name: string): string | undefined => field.options.find((one) => one.name === name)?.value
  const [jsonName, defaultValue] = [option('json_name'), option('default')]
  return {
    name: field.name,
    number: field.number,
    label: `LABEL_${label}`,
    jsonName: jsonName === undefined ? jsonNameOf(field.name) : textOf(jsonName),
    ...(defaultValue !== undefined && {
      defaultValue: defaultValue.startsWith('"') ? textOf(defaultValue) : defaultValue,
    }),
    ...(isMap
      ? { type: 'TYPE_MESSAGE', typeName: `.${outer === '' ? '' : `${outer}.`}${entryName(field)}` }
      : typeOf(field.type, context, outer)),
    ...(field.isGroup && { type: 'TYPE_GROUP' }),
    ...optionsOf(
      'FieldOptions',
      field.options.filter(({ name }) => name !== 'json_name' && name !== 'default'),
    ),
  }
}

function typeOf(
  type: string,
  { scope }: Context,
  outer: string,
): { readonly type: string; readonly typeName?: string } {
  if (isScalar(type)) return { type: `TYPE_${type.toUpperCase()}` }
  const found = scope.resolve(type, outer)
  const isEnum =
    found?.known === undefined ? COMMON_ENUMS.has(found?.fullName ?? '') : found.known.type.kind === 'enum'
  return { type: isEnum ? 'TYPE_ENUM' : 'TYPE_MESSAGE', typeName: absolute(type, scope, outer) }
}

/** The message that a map's entries are on the wire. */
function entryOf(field: ProtoField, context: Context, outer: string): MessageDescriptor {
  const part = (name: string, number: number, type: string): FieldDescriptor => ({
    name,
    number,
    label: 'LABEL_OPTIONAL',
    jsonName: name,
    ...typeOf(type, context, outer),
  })
  return {
    name: entryName(field),
    field: [part('key', 1, field.keyType!), part('value', 2, field.type)],
    options: { mapEntry: true },
  }
}

function entryName(field: ProtoField): string {
  const camel = jsonNameOf(field.name)
  return `${camel.slice(0, 1).toUpperCase()}${camel.slice(1)}Entry`
}

function enumOf(type: ProtoEnum): EnumDescriptor {
  return {
    name: type.name,
    value: type.values.map(({ name, number, options }) => ({
      name,
      number,
      ...optionsOf('EnumValueOptions', options),
    })),
    reservedRange: rangesOf(type.reserved).map(({ from, to }) => ({ start: from, end: to })),
    reservedName: type.reserved.flatMap(({ names }) => names),
    ...optionsOf('EnumOptions', type.options),
  }
}

function rangesOf(reserved: readonly ProtoReserved[]): ProtoReserved['ranges'] {
  return reserved.flatMap(({ ranges }) => ranges)
}

function extensionsOf(
  extended: readonly ProtoExtend[],
  context: Context,
  outer: string,
): readonly FieldDescriptor[] {
  return extended.flatMap(({ type, fields }) =>
    fields.map((field) => ({
      ...fieldOf(field, context, outer),
      extendee: absolute(type, context.scope, outer),
    })),
  )
}

function absolute(type: string, scope: ProtoScope, outer: string): string {
  if (type.startsWith('.')) return type
  return `.${scope.resolve(type, outer)?.fullName ?? type}`
}

function optionsOf(kind: OptionsKind, options: readonly ProtoOption[]): { readonly options?: Options } {
  const known = options.flatMap(({ name, value }) => {
    const type = optionType(kind, camelCase(name))
    return type === undefined ? [] : [[camelCase(name), optionValue(value, type)] as const]
  })
  return known.length === 0 ? {} : { options: Object.fromEntries(known) }
}

function optionValue(text: string, type: string): unknown {
  if (type === 'string') return textOf(text)
  if (type === 'bool') return text === 'true'
  return type === 'enum' ? text : Number(text)
}
