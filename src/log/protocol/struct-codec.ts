/**
 * Turns a schema into a decoder or an encoder for one version, as generated source compiled with `new Function`.
 * Schemas are our own constants, so nothing from outside ever gets into the source. Generated code reads and writes
 * field after field without looking at the schema again, and decoded objects of one schema have one shape in all
 * versions (every field, in schema order), so that what uses them stays monomorphic.
 *
 *   struct      fields in order, then, in flexible versions, the tagged fields: count, then (tag, size, value)…
 *   array       legacy: int32 length, -1 is null; flexible: unsigned varint length + 1, 0 is null
 *   string      legacy: int16 length, -1 is null; flexible: as an array. bytes and records: as an array of bytes
 *   nullable struct   an int8 in front: -1 is null, 1 is not
 */
import { assert } from '../../base/assert.ts'
import { type ByteReader, WireError } from '../../base/byte-reader.ts'
import { ByteWriter } from '../../base/byte-writer.ts'
import type { Fields, FieldSpec, FieldType, PrimitiveKind } from './field.ts'

export type Decoder = (reader: ByteReader) => unknown
export type Encoder = (writer: ByteWriter, value: never) => void

export interface CodecVersion {
  readonly version: number
  readonly flexible: boolean
}

/**
 * Arrays of so many elements are made in their size; `push` has room for 17 from the first on, in each of the four of a
 * request for one partition. Longer ones grow, since their length is no more than what the client said.
 */
const EXACT_BELOW = 1024

export function compileDecoder(fields: Fields, codec: CodecVersion): Decoder {
  const source = new DecoderSource(codec)
  const root = source.struct(fields)
  return compile(source.text, root, [WireError, Buffer.alloc(0)]) as Decoder
}

export function compileEncoder(fields: Fields, codec: CodecVersion): Encoder {
  const source = new EncoderSource(codec)
  const root = source.struct(fields)
  return compile(source.text, root, [ByteWriter, Buffer.alloc(0)]) as Encoder
}

function compile(text: string, root: string, [helper, empty]: readonly [unknown, Buffer]): unknown {
  const make = new Function('helper', 'empty', `'use strict'\n${text}\nreturn ${root}`) as (
    ...helpers: unknown[]
  ) => unknown
  return make(helper, empty)
}

class DecoderSource {
  text = ''
  #count = 0
  readonly #codec: CodecVersion

  constructor(codec: CodecVersion) {
    this.#codec = codec
  }

  /** Adds a function that decodes the struct and returns its name. */
  struct(fields: Fields): string {
    const name = `decode${this.#count++}`
    const lines: string[] = []
    const tagged: string[] = []
    for (const [field, spec] of specsOf(fields)) {
      const present = isPresent(spec, this.#codec)
      if (present && spec.tag === undefined) {
        lines.push(`const ${field} = ${this.#value(spec)}`)
        continue
      }
      lines.push(`let ${field} = ${defaultSource(spec)}`)
      if (present) tagged.push(`case ${spec.tag}: ${field} = ${this.#value(spec)}; break`)
    }
    if (this.#codec.flexible)
      lines.push(tagged.length === 0 ? 'r.skipTaggedFields()' : taggedFieldsLoop(tagged))
    this.text += `function ${name}(r) {\n${lines.join('\n')}\nreturn { ${Object.keys(fields).join(', ')} }\n}\n`
    return name
  }

  #value(spec: FieldSpec): string {
    return this.#type(spec.type, this.#codec.version >= spec.nullableSince)
  }

  #type(type: FieldType, nullable: boolean): string {
    if (type.kind === 'array') return `${this.#array(type.element, nullable)}(r)`
    if (type.kind !== 'struct') return `r.${methodOf(type.kind, this.#codec.flexible, nullable)}()`
    const decode = `${this.struct(type.fields)}(r)`
    return nullable ? `(r.int8() < 0 ? null : ${decode})` : decode
  }

  #array(element: FieldType, nullable: boolean): string {
    const decodeElement = this.#type(element, false)
    const name = `decode${this.#count++}`
    const length = this.#codec.flexible ? 'compactArrayLength' : 'arrayLength'
    const whenNull = nullable ? 'return null' : `throw new helper('a null array where null is not allowed')`
    this.text += `function ${name}(r) {
const length = r.${length}(${minBytesOf(element, this.#codec)}, ${SLOT_HEAP_BYTES + heapBytesOf(element)})
if (length < 0) ${whenNull}
const array = new Array(length < ${EXACT_BELOW} ? length : 0)
for (let index = 0; index < length; index++) array[index] = ${decodeElement}
return array
}
`
    return name
  }
}

function taggedFieldsLoop(cases: readonly string[]): string {
  return `for (let count = r.unsignedVarint(); count > 0; count--) {
const tag = r.unsignedVarint()
const end = r.taggedFieldEnd()
switch (tag) {
${cases.join('\n')}
default: r.position = end
}
if (r.position !== end) throw new helper('tagged field ' + tag + ' is not as long as it says')
}`
}

class EncoderSource {
  text = ''
  #count = 0
  readonly #codec: CodecVersion

  constructor(codec: CodecVersion) {
    this.#codec = codec
  }

  /** Adds a function that encodes the struct and returns its name. */
  struct(fields: Fields): string {
    const name = `encode${this.#count++}`
    const lines: string[] = []
    const tagged: string[] = []
    for (const [field, spec] of specsOf(fields)) {
      if (!isPresent(spec, this.#codec)) continue
      const value =
        spec.defaultValue === undefined && spec.type.kind !== 'array'
          ? `v.${field}`
          : withDefault(field, spec)
      if (spec.tag === undefined) lines.push(this.#write('w', spec, value))
      else tagged.push(this.#tagged(field, spec))
    }
    if (this.#codec.flexible) {
      if (tagged.length === 0) lines.push('w.unsignedVarint(0)')
      else
        lines.push(
          'let tags = 0',
          'const t = new helper(64)',
          ...tagged,
          'w.unsignedVarint(tags)',
          'w.raw(t.toBuffer())',
        )
    }
    this.text += `function ${name}(w, v) {\n${lines.join('\n')}\n}\n`
    return name
  }

  #tagged(field: string, spec: FieldSpec): string {
    const value = `v.${field}`
    const isDefault =
      spec.type.kind === 'struct' && spec.defaultValue !== null
        ? `${isDefaultSource(value, spec.type.fields)}`
        : equalsDefault(value, spec)
    return `if (${value} !== undefined && !(${isDefault})) {
tags++
t.unsignedVarint(${spec.tag})
const f = new helper(64)
${this.#write('f', spec, value)}
t.unsignedVarint(f.sizeBytes)
t.raw(f.toBuffer())
}`
  }

  #write(writer: string, spec: FieldSpec, value: string): string {
    return this.#type(writer, spec.type, { value, nullable: this.#codec.version >= spec.nullableSince })
  }

  #type(writer: string, type: FieldType, { value, nullable }: { value: string; nullable: boolean }): string {
    if (type.kind === 'array') return `${this.#array(type.element, nullable)}(${writer}, ${value})`
    if (type.kind !== 'struct')
      return `${writer}.${methodOf(type.kind, this.#codec.flexible, nullable)}(${value})`
    const encode = this.struct(type.fields)
    if (!nullable) return `${encode}(${writer}, ${value} ?? {})`
    return `if (${value} == null) ${writer}.int8(-1); else { ${writer}.int8(1); ${encode}(${writer}, ${value}) }`
  }

  #array(element: FieldType, nullable: boolean): string {
    const encodeElement = this.#type('w', element, { value: 'array[index]', nullable: false })
    const name = `encode${this.#count++}`
    const flexible = this.#codec.flexible
    const nullLength = flexible ? 'w.unsignedVarint(0)' : 'w.int32(-1)'
    const length = flexible ? 'w.unsignedVarint(array.length + 1)' : 'w.int32(array.length)'
    this.text += `function ${name}(w, array) {
${nullable ? `if (array === null) { ${nullLength}; return }` : ''}
${length}
for (let index = 0; index < array.length; index++) ${encodeElement}
}
`
    return name
  }
}

function* specsOf(fields: Fields): Iterable<readonly [string, FieldSpec]> {
  for (const [name, field] of Object.entries(fields)) {
    assert(/^[a-z]\w*$/i.test(name), `field name ${name}`)
    yield [name, field.spec]
  }
}

function isPresent(spec: FieldSpec, codec: CodecVersion): boolean {
  const present = codec.version >= spec.since && codec.version <= spec.until
  assert(!present || spec.tag === undefined || codec.flexible, 'a tagged field needs a flexible version')
  return present
}

/** The method of `ByteReader` and of `ByteWriter` for a primitive; they are named alike. */
function methodOf(kind: PrimitiveKind, flexible: boolean, nullable: boolean): string {
  if (kind !== 'string' && kind !== 'bytes' && kind !== 'records') return kind
  const name = nullable ? `nullable${kind[0]!.toUpperCase()}${kind.slice(1)}` : kind
  return flexible ? `compact${name[0]!.toUpperCase()}${name.slice(1)}` : name
}

function defaultSource(spec: FieldSpec): string {
  if (spec.defaultValue !== undefined) return JSON.stringify(spec.defaultValue)
  const type = spec.type
  if (type.kind === 'array') return '[]'
  if (type.kind !== 'struct') return 'empty'
  const fields = [...specsOf(type.fields)].map(([name, inner]) => `${name}: ${defaultSource(inner)}`)
  return `{ ${fields.join(', ')} }`
}

/** Reads a field of the value that is encoded; undefined means the default. */
function withDefault(field: string, spec: FieldSpec): string {
  return `(v.${field} === undefined ? ${defaultSource(spec)} : v.${field})`
}

function equalsDefault(value: string, spec: FieldSpec): string {
  if (spec.defaultValue !== undefined) return `${value} === ${JSON.stringify(spec.defaultValue)}`
  return `${value} !== null && ${value}.length === 0`
}

function isDefaultSource(value: string, fields: Fields): string {
  const parts = [...specsOf(fields)].map(([name, spec]) => {
    const inner = `${value}.${name}`
    const same =
      spec.type.kind === 'struct' ? isDefaultSource(inner, spec.type.fields) : equalsDefault(inner, spec)
    return `(${inner} === undefined || (${same}))`
  })
  return parts.join(' && ')
}

/** The fewest bytes that a value of the type takes on the wire. */
function minBytesOf(type: FieldType, codec: CodecVersion): number {
  switch (type.kind) {
    case 'bool':
    case 'int8':
      return 1
    case 'int16':
    case 'uint16':
      return 2
    case 'int32':
      return 4
    case 'int64':
    case 'float64':
      return 8
    case 'uuid':
      return 16
    case 'string':
      return codec.flexible ? 1 : 2
    case 'bytes':
    case 'records':
    case 'array':
      return codec.flexible ? 1 : 4
    case 'struct': {
      let total = codec.flexible ? 1 : 0
      for (const [, spec] of specsOf(type.fields)) {
        if (!isPresent(spec, codec) || spec.tag !== undefined) continue
        const nullableStruct = spec.type.kind === 'struct' && codec.version >= spec.nullableSince
        total += nullableStruct ? 1 : minBytesOf(spec.type, codec)
      }
      assert(total > 0, 'an array element that takes no bytes')
      return total
    }
  }
}

const SLOT_HEAP_BYTES = 8

/** What the smallest value of the type takes in V8's heap beside its slot, about, as measured; absent fields have defaults. */
function heapBytesOf(type: FieldType): number {
  switch (type.kind) {
    case 'bool':
    case 'int8':
    case 'int16':
    case 'uint16':
    case 'int32':
      return 0
    case 'int64':
    case 'float64':
      return 16
    case 'string':
      return 24
    case 'array':
      return 32
    case 'uuid':
      return 40
    case 'records':
      return 104
    case 'bytes':
      return 200
    case 'struct': {
      let total = 24
      for (const [, spec] of specsOf(type.fields)) total += SLOT_HEAP_BYTES + heapBytesOf(spec.type)
      return total
    }
  }
}
