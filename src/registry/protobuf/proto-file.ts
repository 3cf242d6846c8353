/** A `.proto` file (proto2, proto3 and editions) as a tree. Type names stand as they were written; options as text. */

export interface ProtoFile {
  /** `edition` names one of the editions instead. */
  readonly syntax: 'proto2' | 'proto3' | 'editions'
  readonly edition: string | undefined
  /** Empty when there is none. */
  readonly package: string
  readonly imports: readonly ProtoImport[]
  readonly options: readonly ProtoOption[]
  /** Messages and enumerations in the order of the file. */
  readonly types: readonly ProtoType[]
  readonly services: readonly ProtoService[]
  readonly extends: readonly ProtoExtend[]
}

export interface ProtoImport {
  readonly path: string
  readonly kind: 'public' | 'weak' | undefined
}

/** `value` as it would be written: `"text"`, `IDENTIFIER`, `-1.5`, `{ a: 1 }`. */
export interface ProtoOption {
  readonly name: string
  readonly value: string
}

export type ProtoType = ProtoMessage | ProtoEnum

export interface ProtoMessage {
  readonly kind: 'message'
  readonly name: string
  /** Those of oneofs are there and not here. */
  readonly fields: readonly ProtoField[]
  readonly oneofs: readonly ProtoOneof[]
  readonly types: readonly ProtoType[]
  readonly extends: readonly ProtoExtend[]
  readonly extensions: readonly ProtoExtensions[]
  readonly reserved: readonly ProtoReserved[]
  readonly options: readonly ProtoOption[]
}

export interface ProtoField {
  readonly name: string
  readonly number: number
  readonly label: 'optional' | 'required' | 'repeated' | undefined
  /** Of a map, the type of its values. */
  readonly type: string
  /** Only of a map. */
  readonly keyType: string | undefined
  /** Whether it was declared as a group: then `type` is a message beside it. */
  readonly isGroup: boolean
  readonly options: readonly ProtoOption[]
}

export interface ProtoOneof {
  readonly name: string
  readonly fields: readonly ProtoField[]
  readonly options: readonly ProtoOption[]
}

export interface ProtoEnum {
  readonly kind: 'enum'
  readonly name: string
  readonly values: readonly ProtoEnumValue[]
  readonly reserved: readonly ProtoReserved[]
  readonly options: readonly ProtoOption[]
}

export interface ProtoEnumValue {
  readonly name: string
  readonly number: number
  readonly options: readonly ProtoOption[]
}

/** Both ends belong to the range. */
export interface ProtoRange {
  readonly from: number
  readonly to: number
}

export interface ProtoReserved {
  readonly ranges: readonly ProtoRange[]
  readonly names: readonly string[]
}

export interface ProtoExtensions {
  readonly ranges: readonly ProtoRange[]
  readonly options: readonly ProtoOption[]
}

export interface ProtoExtend {
  readonly type: string
  readonly fields: readonly ProtoField[]
}

export interface ProtoService {
  readonly name: string
  readonly methods: readonly ProtoMethod[]
  readonly options: readonly ProtoOption[]
}

export interface ProtoMethod {
  readonly name: string
  readonly request: string
  readonly requestStream: boolean
  readonly response: string
  readonly responseStream: boolean
  readonly options: readonly ProtoOption[]
}

export const MAX_FIELD_NUMBER = 2 ** 29 - 1
export const MAX_ENUM_NUMBER = 2 ** 31 - 1

/** Scalar types, each with the group within which values of the wire can be read as another's. */
export const PROTO_SCALARS: ReadonlyMap<string, string> = new Map([
  ['int32', 'varint'],
  ['int64', 'varint'],
  ['uint32', 'varint'],
  ['uint64', 'varint'],
  ['bool', 'varint'],
  ['sint32', 'zigzag'],
  ['sint64', 'zigzag'],
  ['string', 'text'],
  ['bytes', 'text'],
  ['fixed32', 'fixed32'],
  ['sfixed32', 'fixed32'],
  ['fixed64', 'fixed64'],
  ['sfixed64', 'fixed64'],
  ['float', 'float'],
  ['double', 'double'],
])

/** A schema that breaks the language's rules; the message says where and how. */
export class ProtoSyntaxError extends Error {
  override readonly name = 'ProtoSyntaxError'
}
