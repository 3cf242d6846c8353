/** A `.proto` file from Protobuf's own description of it. Types are called by their full names, with a dot in front. */
import {
  type EnumDescriptor,
  type FieldDescriptor,
  type FileDescriptor,
  type MessageDescriptor,
  type MethodDescriptor,
  optionType,
  type Options,
  type OptionsKind,
  snakeCase,
} from './proto-descriptor.ts'
import { jsonNameOf } from './to-descriptor.ts'
import type {
  ProtoEnum,
  ProtoExtend,
  ProtoField,
  ProtoFile,
  ProtoImport,
  ProtoMessage,
  ProtoMethod,
  ProtoOption,
  ProtoRange,
  ProtoReserved,
} from './proto-file.ts'
import { quoted } from './proto-tokens.ts'

export function protoFromDescriptor(file: FileDescriptor): ProtoFile {
  const syntax = file.syntax === 'editions' ? 'editions' : file.syntax === 'proto3' ? 'proto3' : 'proto2'
  const imports = (file.dependency ?? []).map((path, index): ProtoImport => {
    const isPublic = file.publicDependency?.includes(index) === true
    const isWeak = file.weakDependency?.includes(index) === true
    return { path, kind: isPublic ? 'public' : isWeak ? 'weak' : undefined }
  })
  return {
    syntax,
    edition: file.edition?.replace(/^EDITION_/, ''),
    package: file.package ?? '',
    imports,
    options: optionsFrom('FileOptions', file.options),
    types: [
      ...(file.messageType ?? []).map((message) => messageFrom(message, syntax)),
      ...(file.enumType ?? []).map(enumFrom),
    ],
    services: (file.service ?? []).map(({ name, method = [], options }) => ({
      name,
      methods: method.map(methodFrom),
      options: optionsFrom('ServiceOptions', options),
    })),
    extends: extendsFrom(file.extension, syntax),
  }
}

type Syntax = ProtoFile['syntax']

function messageFrom(message: MessageDescriptor, syntax: Syntax): ProtoMessage {
  const entries = new Map(
    (message.nestedType ?? [])
      .filter((type) => type.options?.['mapEntry'] === true)
      .map((type) => [type.name, type]),
  )
  const fields = (message.field ?? []).map((field) => ({
    oneof: field.proto3Optional === true ? undefined : field.oneofIndex,
    field: fieldFrom(field, { syntax, entries }),
  }))
  return {
    kind: 'message',
    name: message.name,
    fields: fields.filter(({ oneof }) => oneof === undefined).map(({ field }) => field),
    oneofs: (message.oneofDecl ?? [])
      .map(({ name, options }, index) => ({
        name,
        options: optionsFrom('OneofOptions', options),
        fields: fields.filter(({ oneof }) => oneof === index).map(({ field }) => field),
      }))
      // What stands for one `optional` field of proto3 is no oneof that anybody wrote.
      .filter((oneof) => oneof.fields.length > 0),
    types: [
      ...(message.nestedType ?? [])
        .filter((type) => !entries.has(type.name))
        .map((type) => messageFrom(type, syntax)),
      ...(message.enumType ?? []).map(enumFrom),
    ],
    extends: extendsFrom(message.extension, syntax),
    extensions: (message.extensionRange ?? []).map(({ start, end }) => ({
      ranges: [{ from: start, to: end - 1 }],
      options: [],
    })),
    reserved: reservedFrom(
      (message.reservedRange ?? []).map(({ start = 0, end = 0 }) => ({ from: start, to: end - 1 })),
      message.reservedName,
    ),
    options: optionsFrom('MessageOptions', message.options),
  }
}

function fieldFrom(
  field: FieldDescriptor,
  context: { readonly syntax: Syntax; readonly entries: ReadonlyMap<string, MessageDescriptor> },
): ProtoField {
  const { name, number } = field
  const entry = context.entries.get(field.typeName?.split('.').at(-1) ?? '')
  const options = fieldOptions(field)
  if (entry !== undefined && field.label === 'LABEL_REPEATED') {
    const typeOf = (key: number): string => typeFrom(entry.field?.find((one) => one.number === key))
    return { name, number, label: undefined, type: typeOf(2), keyType: typeOf(1), isGroup: false, options }
  }
  return {
    name,
    number,
    label: labelFrom(field, context.syntax),
    type: typeFrom(field),
    keyType: undefined,
    isGroup: false,
    options,
  }
}

function labelFrom(field: FieldDescriptor, syntax: Syntax): ProtoField['label'] {
  if (field.label === 'LABEL_REPEATED') return 'repeated'
  if (field.label === 'LABEL_REQUIRED') return 'required'
  if (field.proto3Optional === true) return 'optional'
  return syntax === 'proto2' && field.oneofIndex === undefined ? 'optional' : undefined
}

function typeFrom(field: FieldDescriptor | undefined): string {
  return field?.typeName ?? (field?.type ?? '').replace(/^TYPE_/, '').toLowerCase()
}

function fieldOptions(field: FieldDescriptor): readonly ProtoOption[] {
  const { defaultValue, jsonName, name } = field
  const isText = field.type === 'TYPE_STRING' || field.type === 'TYPE_BYTES'
  return [
    ...(defaultValue === undefined
      ? []
      : [{ name: 'default', value: isText ? quoted(defaultValue) : defaultValue }]),
    ...(jsonName === undefined || jsonName === jsonNameOf(name)
      ? []
      : [{ name: 'json_name', value: quoted(jsonName) }]),
    ...optionsFrom('FieldOptions', field.options),
  ]
}

function enumFrom({ name, value = [], options, reservedRange, reservedName }: EnumDescriptor): ProtoEnum {
  return {
    kind: 'enum',
    name,
    values: value.map((one) => ({
      name: one.name,
      number: one.number ?? 0,
      options: optionsFrom('EnumValueOptions', one.options),
    })),
    reserved: reservedFrom(
      (reservedRange ?? []).map(({ start = 0, end = 0 }) => ({ from: start, to: end })),
      reservedName,
    ),
    options: optionsFrom('EnumOptions', options),
  }
}

function methodFrom(method: MethodDescriptor): ProtoMethod {
  return {
    name: method.name,
    request: method.inputType,
    requestStream: method.clientStreaming === true,
    response: method.outputType,
    responseStream: method.serverStreaming === true,
    options: optionsFrom('MethodOptions', method.options),
  }
}

function extendsFrom(fields: readonly FieldDescriptor[] = [], syntax: Syntax): readonly ProtoExtend[] {
  return [...Map.groupBy(fields, (field) => field.extendee ?? '')].map(([type, group]) => ({
    type,
    fields: group.map((field) => fieldFrom(field, { syntax, entries: new Map() })),
  }))
}

function reservedFrom(
  ranges: readonly ProtoRange[],
  names: readonly string[] = [],
): readonly ProtoReserved[] {
  return [
    ...(ranges.length > 0 ? [{ ranges, names: [] }] : []),
    ...(names.length > 0 ? [{ ranges: [], names }] : []),
  ]
}

function optionsFrom(kind: OptionsKind, options: Options = {}): readonly ProtoOption[] {
  return Object.entries(options).flatMap(([name, value]) => {
    const type = optionType(kind, name)
    if (type === undefined || name === 'mapEntry') return []
    const text = type === 'string' ? quoted(String(value)) : String(value)
    return [{ name: snakeCase(name), value: text }]
  })
}
