/**
 * Writes Avro schemas as Avro's Java library does, which is how schema registries store and compare them: without white
 * space, attributes in a fixed order, a type in full where it is first used and by name after that.
 */
import { type Json, JsonNumber, type JsonObject, jsonText } from '../json-text.ts'
import type { AvroField, AvroName, AvroType } from './avro-schema.ts'

/**
 * @param options.known full names of types that are declared elsewhere: only their names are written.
 * @param options.sortProps whether attributes that the specification does not know come in the order of their names.
 */
export function avroText(
  type: AvroType,
  options: { readonly known?: ReadonlySet<string>; readonly sortProps?: boolean } = {},
): string {
  const writer = new AvroWriter({ written: new Set(options.known), sortProps: options.sortProps === true })
  return jsonText(writer.json(type, ''))
}

class AvroWriter {
  readonly #written: Set<string>
  readonly #sortProps: boolean

  constructor(options: { readonly written: Set<string>; readonly sortProps: boolean }) {
    this.#written = options.written
    this.#sortProps = options.sortProps
  }

  json(type: AvroType, space: string): Json {
    switch (type.kind) {
      case 'primitive':
        return Object.keys(type.props).length === 0
          ? type.type
          : { type: type.type, ...this.#props(type.props) }
      case 'array':
        return { type: 'array', items: this.json(type.of, space), ...this.#props(type.props) }
      case 'map':
        return { type: 'map', values: this.json(type.of, space), ...this.#props(type.props) }
      case 'union':
        return type.branches.map((branch) => this.json(branch, space))
      case 'record':
      case 'enum':
      case 'fixed':
        return this.#named(type, space)
    }
  }

  #named(type: Extract<AvroType, { readonly name: AvroName }>, space: string): Json {
    const { name } = type
    if (this.#written.has(name.full)) return relative(name, space)
    this.#written.add(name.full)
    const kind = type.kind === 'record' && type.isError ? 'error' : type.kind
    const head = {
      type: kind,
      name: name.simple,
      ...(name.space !== space && { namespace: name.space }),
      ...(type.doc !== undefined && { doc: type.doc }),
    }
    const tail = {
      ...this.#props(type.props),
      ...(type.aliases.length > 0 && { aliases: type.aliases.map((alias) => relative(alias, name.space)) }),
    }
    switch (type.kind) {
      case 'record':
        return { ...head, fields: type.fields.map((field) => this.#field(field, name.space)), ...tail }
      case 'enum':
        return {
          ...head,
          symbols: type.symbols,
          ...(type.default !== undefined && { default: type.default }),
          ...tail,
        }
      case 'fixed':
        return { ...head, size: new JsonNumber(String(type.size)), ...tail }
    }
  }

  #field(field: AvroField, space: string): Json {
    return {
      name: field.name,
      type: this.json(field.type, space),
      ...(field.doc !== undefined && { doc: field.doc }),
      ...(field.default !== undefined && { default: field.default }),
      ...(field.order !== 'ascending' && { order: field.order }),
      ...(field.aliases.length > 0 && { aliases: field.aliases }),
      ...this.#props(field.props),
    }
  }

  #props(props: JsonObject): JsonObject {
    if (!this.#sortProps) return props
    return Object.fromEntries(Object.entries(props).sort(([a], [b]) => (a < b ? -1 : 1)))
  }
}

function relative(name: AvroName, space: string): string {
  return name.space === space ? name.simple : name.full
}
