/** What the registry knows of a schema in any of the three languages. */

export type SchemaType = 'AVRO' | 'JSON' | 'PROTOBUF'

export const SCHEMA_TYPES: readonly SchemaType[] = ['JSON', 'PROTOBUF', 'AVRO']

/** Another schema that a schema uses, under the name by which it does: a type, a `$ref`, an import. */
export interface SchemaReference {
  readonly name: string
  /** Qualified with its context, unless that is the default one. */
  readonly subject: string
  readonly version: number
}

/** The text of a schema that is referred to, directly or not. */
export interface ResolvedReference {
  readonly name: string
  readonly schema: string
}

/** Why data of one schema cannot be read with another. */
export interface Incompatibility {
  /** In upper case, such as `READER_FIELD_MISSING_DEFAULT_VALUE`. */
  readonly kind: string
  /** Where: a path in the schema. */
  readonly path: string
  readonly description: string
  readonly detail?: string
}

export interface ParseOptions {
  /** What the schema refers to, dependencies before what needs them. */
  readonly references: readonly ResolvedReference[]
  /** Whether it is about to be registered: what older registries let pass is checked then. */
  readonly isNew: boolean
}

export interface ParsedSchema {
  readonly type: SchemaType
  /** The text as it is stored and compared: white space and the like do not matter in it. */
  readonly canonical: string
  /** The text when ways of saying the same thing are brought to one. */
  normalized(): string
  /** Another text form, such as `serialized` of Protobuf; undefined for a form that the language does not have. */
  format(name: string): string | undefined
  /** What keeps a reader with this schema from reading data of `writer`, a schema of the same type. Empty when nothing. */
  differencesAsReaderOf(writer: ParsedSchema): readonly Incompatibility[]
}
