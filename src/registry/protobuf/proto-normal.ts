/** One way of saying what a `.proto` file says: imports and options in order of their names, types by their full names. */
import type { ProtoField, ProtoFile, ProtoMessage, ProtoOneof, ProtoOption, ProtoType } from './proto-file.ts'
import { isScalar, type ProtoScope } from './proto-scope.ts'

export function normalizedProto(file: ProtoFile, scope: ProtoScope): ProtoFile {
  const full = (type: string, outer: string): string => fullName(type, scope, outer)
  return {
    ...file,
    imports: file.imports.toSorted((a, b) => (a.path < b.path ? -1 : 1)),
    options: sorted(file.options),
    types: file.types.map((type) => normalizedType(type, scope, file.package)),
    extends: file.extends.map(({ type, fields }) => ({
      type: full(type, file.package),
      fields: fields.map((field) => normalizedField(field, scope, file.package)),
    })),
    services: file.services.map((service) => ({
      ...service,
      options: sorted(service.options),
      methods: service.methods.map((method) => ({
        ...method,
        request: full(method.request, file.package),
        response: full(method.response, file.package),
        options: sorted(method.options),
      })),
    })),
  }
}

function normalizedType(type: ProtoType, scope: ProtoScope, outer: string): ProtoType {
  if (type.kind === 'enum') {
    return {
      ...type,
      options: sorted(type.options),
      values: type.values.map((value) => ({ ...value, options: sorted(value.options) })),
    }
  }
  return normalizedMessage(type, scope, outer === '' ? type.name : `${outer}.${type.name}`)
}

function normalizedMessage(message: ProtoMessage, scope: ProtoScope, name: string): ProtoMessage {
  const fields = (list: readonly ProtoField[]): readonly ProtoField[] =>
    list.map((field) => normalizedField(field, scope, name)).toSorted((a, b) => a.number - b.number)
  return {
    ...message,
    options: sorted(message.options),
    fields: fields(message.fields),
    oneofs: message.oneofs.map((oneof): ProtoOneof => ({
      ...oneof,
      options: sorted(oneof.options),
      fields: fields(oneof.fields),
    })),
    types: message.types.map((type) => normalizedType(type, scope, name)),
    extends: message.extends.map((extend) => ({
      type: fullName(extend.type, scope, name),
      fields: fields(extend.fields),
    })),
  }
}

function normalizedField(field: ProtoField, scope: ProtoScope, outer: string): ProtoField {
  // The message of a group is known by its name alone.
  const type = field.isGroup ? field.type : fullName(field.type, scope, outer)
  return { ...field, type, options: sorted(field.options) }
}

function fullName(type: string, scope: ProtoScope, outer: string): string {
  if (isScalar(type) || type.startsWith('.')) return type
  const found = scope.resolve(type, outer)
  return found === undefined ? type : `.${found.fullName}`
}

function sorted(options: readonly ProtoOption[]): readonly ProtoOption[] {
  return options.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
}
