/**
 * The vocabulary of schemas: a message is an object of fields, a field is data (type, versions, tag, default), and the
 * TypeScript type of a message follows from it. `struct-codec.ts` turns a schema into code.
 *
 * Names, types, versions, tags and defaults are those of Kafka's own message definitions, names in camelCase.
 */

export type PrimitiveKind =
  | 'bool'
  | 'int8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'int64'
  | 'float64'
  | 'string'
  | 'uuid'
  | 'bytes'
  | 'records'

export type FieldType =
  | { readonly kind: PrimitiveKind }
  | { readonly kind: 'array'; readonly element: FieldType }
  | { readonly kind: 'struct'; readonly fields: Fields }

export interface FieldSpec {
  readonly type: FieldType
  /** First and last version that has the field. A tagged field's `since` is the first version in which it is a tag. */
  readonly since: number
  readonly until: number
  readonly nullableSince: number
  readonly tag: number | undefined
  /** What the field is in versions that lack it, and what an omitted value means. */
  readonly defaultValue: number | string | boolean | null | undefined
}

/** `Out` is what decoding gives, `In` what encoding takes, `Optional` whether encoding may go without. */
export interface Field<Out = unknown, In = unknown, Optional extends boolean = boolean> {
  readonly spec: FieldSpec
  /** Never set: carries the types. */
  readonly types?: { readonly out: Out; readonly in: In; readonly optional: Optional }
}

export type Fields = Readonly<Record<string, Field>>

/** What decoding a schema gives: every field is there. */
export type Decoded<F extends Fields> = {
  readonly [K in keyof F]: F[K] extends Field<infer Out, unknown, boolean> ? Out : never
}

/** What encoding a schema takes: fields with a default or with a bounded version range may be left out. */
export type Encodable<F extends Fields> = Flat<
  { readonly [K in keyof F as F[K] extends Field<unknown, unknown, false> ? K : never]: InputOf<F[K]> } & {
    readonly [K in keyof F as F[K] extends Field<unknown, unknown, false> ? never : K]?:
      InputOf<F[K]> | undefined
  }
>

type InputOf<F> = F extends Field<unknown, infer In, boolean> ? In : never
type Flat<T> = { readonly [K in keyof T]: T[K] }

interface Options<Default> {
  /** First version that has the field; default 0. */
  readonly since?: number
  /** Last version that has the field; default: no end. */
  readonly until?: number
  /** First version in which the field may be null. */
  readonly nullableSince?: number
  readonly tag?: number
  readonly default?: Default | null
}

type NullOf<O> = O extends { readonly nullableSince: number } ? null : never
type OptionalOf<O> = keyof O & ('default' | 'since' | 'until' | 'tag') extends never ? false : true
type FieldOf<O, Out, In = Out> = Field<Out | NullOf<O>, In | NullOf<O>, OptionalOf<O>>

/** Names are 22 characters of base64url; this one means "none". */
export const ZERO_UUID = 'AAAAAAAAAAAAAAAAAAAAAA'

const IMPLICIT_DEFAULTS = {
  bool: false,
  int8: 0,
  int16: 0,
  uint16: 0,
  int32: 0,
  int64: 0,
  float64: 0,
  string: '',
  uuid: ZERO_UUID,
  bytes: undefined,
  records: undefined,
} as const

function specOf(type: FieldType, options: Options<unknown>): FieldSpec {
  const implicit = type.kind === 'array' || type.kind === 'struct' ? undefined : IMPLICIT_DEFAULTS[type.kind]
  return {
    type,
    since: options.since ?? 0,
    until: options.until ?? Infinity,
    nullableSince: options.nullableSince ?? Infinity,
    tag: options.tag,
    defaultValue: options.default === undefined ? implicit : (options.default as FieldSpec['defaultValue']),
  }
}

export function bool<const O extends Options<boolean> = {}>(options?: O): FieldOf<O, boolean> {
  return { spec: specOf({ kind: 'bool' }, options ?? {}) }
}

export function int8<const O extends Options<number> = {}>(options?: O): FieldOf<O, number> {
  return { spec: specOf({ kind: 'int8' }, options ?? {}) }
}

export function int16<const O extends Options<number> = {}>(options?: O): FieldOf<O, number> {
  return { spec: specOf({ kind: 'int16' }, options ?? {}) }
}

export function uint16<const O extends Options<number> = {}>(options?: O): FieldOf<O, number> {
  return { spec: specOf({ kind: 'uint16' }, options ?? {}) }
}

export function int32<const O extends Options<number> = {}>(options?: O): FieldOf<O, number> {
  return { spec: specOf({ kind: 'int32' }, options ?? {}) }
}

/** A 64-bit integer as a number: exact up to 2^53. */
export function int64<const O extends Options<number> = {}>(options?: O): FieldOf<O, number> {
  return { spec: specOf({ kind: 'int64' }, options ?? {}) }
}

export function float64<const O extends Options<number> = {}>(options?: O): FieldOf<O, number> {
  return { spec: specOf({ kind: 'float64' }, options ?? {}) }
}

export function string<const O extends Options<string> = {}>(options?: O): FieldOf<O, string> {
  return { spec: specOf({ kind: 'string' }, options ?? {}) }
}

/** 16 bytes as 22 characters of base64url. */
export function uuid<const O extends Options<string> = {}>(options?: O): FieldOf<O, string> {
  return { spec: specOf({ kind: 'uuid' }, options ?? {}) }
}

/** Opaque bytes; decoding copies them out of the message. The implicit default is empty. */
export function bytes<const O extends Options<never> = {}>(options?: O): FieldOf<O, Buffer, Uint8Array> {
  return { spec: specOf({ kind: 'bytes' }, options ?? {}) }
}

/** Record batches; decoding gives a view of the message, encoding takes references. */
export function records<const O extends Options<never> = {}>(
  options?: O,
): FieldOf<O, Buffer, Buffer | readonly Buffer[]> {
  return { spec: specOf({ kind: 'records' }, options ?? {}) }
}

/** An array of primitives. The implicit default is empty. */
export function arrayOf<Out, In, const O extends Options<never> = {}>(
  element: Field<Out, In, false>,
  options?: O,
): FieldOf<O, readonly Out[], readonly In[]> {
  return { spec: specOf({ kind: 'array', element: element.spec.type }, options ?? {}) }
}

/** An array of structs. The implicit default is empty. */
export function array<const F extends Fields, const O extends Options<never> = {}>(
  fields: F,
  options?: O,
): FieldOf<O, readonly Decoded<F>[], readonly Encodable<F>[]> {
  return { spec: specOf({ kind: 'array', element: { kind: 'struct', fields } }, options ?? {}) }
}

/** A struct inside a message. The implicit default is a struct of defaults. */
export function struct<const F extends Fields, const O extends Options<never> = {}>(
  fields: F,
  options?: O,
): FieldOf<O, Decoded<F>, Encodable<F>> {
  return { spec: specOf({ kind: 'struct', fields }, options ?? {}) }
}
