/** What Avro, JSON Schema and Protobuf have in common for those who read and write records. */

export interface SchemaText {
  readonly type: 'AVRO' | 'JSON' | 'PROTOBUF'
  readonly schema: string
  /** All that it refers to, directly or not, dependencies before what needs them. */
  readonly references: readonly { readonly name: string; readonly schema: string }[]
}

/** Reads what follows the schema's id; throws an `Error` that says what is wrong. */
export type DecodeBody = (source: Buffer, start: number, end: number) => unknown

export interface BodyWriter {
  /** Full name of the record or message, title of a JSON Schema. */
  readonly recordName: string | undefined
  /** A record under this id of its schema; throws an `Error` that says what does not fit the schema, and where. */
  encode(value: unknown, schemaId: number): Buffer
}

/** Both functions compile: they are called once for a schema. They throw an `Error` that says what is wrong with it. */
export interface SchemaLanguage {
  readonly type: SchemaText['type']
  /** Reads what was written with one schema, as another one has it where that is given. */
  reader(writer: SchemaText, reader: SchemaText | undefined): DecodeBody
  writer(schema: SchemaText): BodyWriter
}
