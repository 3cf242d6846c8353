/**
 * Avro schemas (specification 1.12) as a tree whose named types are shared, so that recursive schemas are circles.
 *
 * `avro-parser.ts` makes it, `avro-text.ts` writes it again, `avro-compatibility.ts` compares two.
 */
import type { Json, JsonObject } from '../json-text.ts'

export const AVRO_PRIMITIVES = [
  'null',
  'boolean',
  'int',
  'long',
  'float',
  'double',
  'bytes',
  'string',
] as const
export type AvroPrimitive = (typeof AVRO_PRIMITIVES)[number]

export type AvroType =
  | { readonly kind: 'primitive'; readonly type: AvroPrimitive; readonly props: JsonObject }
  | { readonly kind: 'array' | 'map'; readonly of: AvroType; readonly props: JsonObject }
  | { readonly kind: 'union'; readonly branches: readonly AvroType[] }
  | AvroNamed

export type AvroNamed = AvroRecord | AvroEnum | AvroFixed

interface Named {
  readonly name: AvroName
  readonly aliases: readonly AvroName[]
  readonly doc: string | undefined
  readonly props: JsonObject
}

export interface AvroRecord extends Named {
  readonly kind: 'record'
  /** Whether it was declared as `error`. */
  readonly isError: boolean
  /** Filled after the record itself can be referred to. */
  fields: readonly AvroField[]
}

export interface AvroEnum extends Named {
  readonly kind: 'enum'
  readonly symbols: readonly string[]
  readonly default: string | undefined
}

export interface AvroFixed extends Named {
  readonly kind: 'fixed'
  readonly size: number
}

export interface AvroField {
  readonly name: string
  readonly type: AvroType
  readonly doc: string | undefined
  /** Undefined when there is none; `null` is a default. */
  readonly default: Json | undefined
  readonly order: 'ascending' | 'descending' | 'ignore'
  readonly aliases: readonly string[]
  readonly props: JsonObject
}

export interface AvroName {
  readonly simple: string
  /** Empty when there is none. */
  readonly space: string
  readonly full: string
}

export function avroName(name: string, space: string): AvroName {
  const dot = name.lastIndexOf('.')
  const simple = name.slice(dot + 1)
  const ownSpace = dot < 0 ? space : name.slice(0, dot)
  return { simple, space: ownSpace, full: ownSpace === '' ? simple : `${ownSpace}.${simple}` }
}

/** The kind as the specification names it: `int`, `record`, `union`. */
export function avroKind(type: AvroType): string {
  return type.kind === 'primitive' ? type.type : type.kind
}
