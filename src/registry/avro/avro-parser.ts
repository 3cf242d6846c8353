/**
 * Reads Avro schemas from their JSON. What the specification forbids is refused: names it does not allow, types that are
 * not there or there twice, unions in unions, defaults that are no value of their type.
 */
import { isJsonObject, type Json, JsonNumber, type JsonObject, jsonText, parseJson } from '../json-text.ts'
import {
  AVRO_PRIMITIVES,
  avroKind,
  type AvroField,
  type AvroName,
  avroName,
  type AvroNamed,
  type AvroPrimitive,
  type AvroRecord,
  type AvroType,
} from './avro-schema.ts'
import { isAvroDefault } from './avro-default.ts'

const PRIMITIVES: ReadonlySet<string> = new Set(AVRO_PRIMITIVES)
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/
const TYPE_KEYS: ReadonlySet<string> = new Set([
  'type',
  'name',
  'namespace',
  'aliases',
  'doc',
  'fields',
  'items',
  'values',
  'symbols',
  'size',
])
const FIELD_KEYS: ReadonlySet<string> = new Set(['name', 'type', 'doc', 'default', 'order', 'aliases'])

/** A schema that breaks the specification; the message says how. */
export class AvroSyntaxError extends Error {
  override readonly name = 'AvroSyntaxError'
}

interface GivenDefault {
  readonly name: string
  readonly type: AvroType
  readonly value: Json
}

/** Reads schemas one after the other; what one declares, the next may use. */
export class AvroParser {
  readonly #named = new Map<string, AvroNamed>()
  readonly #checkDefaults: boolean
  /** Checked in the end: a default may be of a record that is not read to its end before. */
  #defaults: GivenDefault[] = []

  constructor(options: { readonly checkDefaults: boolean }) {
    this.#checkDefaults = options.checkDefaults
  }

  /** Full names of the types declared so far. */
  get names(): ReadonlySet<string> {
    return new Set(this.#named.keys())
  }

  /** Throws `AvroSyntaxError`. */
  parse(text: string): AvroType {
    let json: Json
    try {
      json = parseJson(text)
    } catch (error) {
      // A primitive or a referred type may stand alone, without quotes.
      if (!/^[A-Za-z_][\w.]*$/.test(text.trim())) {
        throw new AvroSyntaxError(`not JSON: ${(error as Error).message}`, { cause: error })
      }
      json = text.trim()
    }
    this.#defaults = []
    const type = this.#type(json, '')
    if (this.#checkDefaults) for (const given of this.#defaults) checkDefault(given)
    return type
  }

  #type(json: Json, space: string): AvroType {
    if (typeof json === 'string') return this.#typeByName(json, space)
    if (Array.isArray(json)) return this.#union(json as readonly Json[], space)
    if (!isJsonObject(json)) throw new AvroSyntaxError(`not a schema: ${jsonText(json)}`)
    const { type } = json
    if (type === undefined) throw new AvroSyntaxError(`no type: ${jsonText(json)}`)
    if (typeof type !== 'string') return this.#type(type, space)
    switch (type) {
      case 'record':
      case 'error':
        return this.#record(json, space, type === 'error')
      case 'enum':
        return this.#enum(json, space)
      case 'fixed':
        return this.#fixed(json, space)
      case 'array':
      case 'map': {
        const key = type === 'array' ? 'items' : 'values'
        const of = json[key]
        if (of === undefined) throw new AvroSyntaxError(`no ${key}: ${jsonText(json)}`)
        return { kind: type, of: this.#type(of, space), props: propsOf(json, TYPE_KEYS) }
      }
      default:
        if (!PRIMITIVES.has(type)) return this.#typeByName(type, space)
        return { kind: 'primitive', type: type as AvroPrimitive, props: propsOf(json, TYPE_KEYS) }
    }
  }

  #typeByName(name: string, space: string): AvroType {
    if (PRIMITIVES.has(name)) return { kind: 'primitive', type: name as AvroPrimitive, props: {} }
    // As Java's library has it, a name that its namespace does not have may be one without namespace.
    const found = this.#named.get(avroName(name, space).full) ?? this.#named.get(name)
    if (found === undefined) throw new AvroSyntaxError(`Undefined name: "${avroName(name, space).full}"`)
    return found
  }

  #union(json: readonly Json[], space: string): AvroType {
    const branches = json.map((branch) => this.#type(branch, space))
    const seen = new Set<string>()
    for (const branch of branches) {
      if (branch.kind === 'union') throw new AvroSyntaxError(`Nested union: ${jsonText(json)}`)
      const name = 'name' in branch ? branch.name.full : avroKind(branch)
      if (seen.has(name)) throw new AvroSyntaxError(`Duplicate in union: ${name}`)
      seen.add(name)
    }
    return { kind: 'union', branches }
  }

  #record(json: JsonObject, space: string, isError: boolean): AvroRecord {
    const record: AvroRecord = { kind: 'record', isError, fields: [], ...named(json, space) }
    this.#declare(record)
    const { fields } = json
    if (!Array.isArray(fields)) throw new AvroSyntaxError(`Record has no fields: ${jsonText(json)}`)
    record.fields = (fields as readonly Json[]).map((field) => this.#field(field, record.name.space))
    const seen = new Set<string>()
    for (const { name } of record.fields) {
      if (seen.has(name)) throw new AvroSyntaxError(`Duplicate field ${name} in record ${record.name.full}`)
      seen.add(name)
    }
    return record
  }

  #field(json: Json, space: string): AvroField {
    if (!isJsonObject(json)) throw new AvroSyntaxError(`not a field: ${jsonText(json)}`)
    const name = checkedName(json['name'], 'field')
    if (json['type'] === undefined) throw new AvroSyntaxError(`No field type: ${jsonText(json)}`)
    const type = this.#type(json['type'], space)
    const order = json['order'] ?? 'ascending'
    if (order !== 'ascending' && order !== 'descending' && order !== 'ignore')
      throw new AvroSyntaxError(`Invalid order of field ${name}: ${jsonText(order)}`)
    const value = json['default']
    if (value !== undefined) this.#defaults.push({ name, type, value })
    return {
      name,
      type,
      doc: text(json['doc']),
      default: value,
      order,
      aliases: stringsOf(json['aliases'], 'aliases'),
      props: propsOf(json, FIELD_KEYS),
    }
  }

  #enum(json: JsonObject, space: string): AvroType {
    const head = named(json, space, ['default'])
    const { symbols, default: chosen } = json
    if (!Array.isArray(symbols)) throw new AvroSyntaxError(`Enum has no symbols: ${jsonText(json)}`)
    const names = (symbols as readonly Json[]).map((symbol) => checkedName(symbol, 'enum symbol'))
    if (new Set(names).size < names.length)
      throw new AvroSyntaxError(`Duplicate enum symbol in ${head.name.full}`)
    if (chosen !== undefined && !names.includes(chosen as string))
      throw new AvroSyntaxError(
        `The Enum Default: ${jsonText(chosen)} is not in the enum symbol set: ${names.join(', ')}`,
      )
    return this.#declare({ kind: 'enum', symbols: names, default: text(chosen), ...head })
  }

  #fixed(json: JsonObject, space: string): AvroType {
    const { size } = json
    if (!(size instanceof JsonNumber) || !size.isInteger || size.value < 0)
      throw new AvroSyntaxError(`Invalid or no size: ${jsonText(json)}`)
    return this.#declare({ kind: 'fixed', size: size.value, ...named(json, space) })
  }

  #declare<T extends AvroNamed>(type: T): T {
    const { full } = type.name
    if (PRIMITIVES.has(full)) throw new AvroSyntaxError(`Schemas may not be named after primitives: ${full}`)
    if (this.#named.has(full)) throw new AvroSyntaxError(`Can't redefine: ${full}`)
    this.#named.set(full, type)
    return type
  }
}

function checkDefault({ name, type, value }: GivenDefault): void {
  if (isAvroDefault(type, value)) return
  throw new AvroSyntaxError(`Invalid default for field ${name}: ${jsonText(value)} not a ${avroKind(type)}`)
}

function named(
  json: JsonObject,
  space: string,
  further: readonly string[] = [],
): { name: AvroName; aliases: readonly AvroName[]; doc: string | undefined; props: JsonObject } {
  const ownSpace = text(json['namespace']) ?? space
  const given = json['name']
  if (typeof given !== 'string') throw new AvroSyntaxError(`No name in schema: ${jsonText(json)}`)
  const name = avroName(given, ownSpace)
  checkedName(name.simple, 'name')
  for (const part of name.space === '' ? [] : name.space.split('.')) checkedName(part, 'namespace')
  return {
    name,
    aliases: stringsOf(json['aliases'], 'aliases').map((alias) => avroName(alias, name.space)),
    doc: text(json['doc']),
    props: propsOf(json, new Set([...TYPE_KEYS, ...further])),
  }
}

function checkedName(name: Json | undefined, what: string): string {
  if (typeof name === 'string' && NAME.test(name)) return name
  throw new AvroSyntaxError(`Illegal ${what}: ${name === undefined ? 'none' : jsonText(name)}`)
}

function text(json: Json | undefined): string | undefined {
  return typeof json === 'string' ? json : undefined
}

function stringsOf(json: Json | undefined, what: string): readonly string[] {
  if (json === undefined) return []
  if (!Array.isArray(json) || json.some((one) => typeof one !== 'string'))
    throw new AvroSyntaxError(`${what} not an array of strings: ${jsonText(json)}`)
  return json as readonly string[]
}

function propsOf(json: JsonObject, reserved: ReadonlySet<string>): JsonObject {
  return Object.fromEntries(Object.entries(json).filter(([key]) => !reserved.has(key)))
}
