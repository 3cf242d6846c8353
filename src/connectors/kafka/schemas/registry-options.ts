import type { StandardSchemaV1 } from '@standard-schema/spec'

/** A schema registry: Millrace's own, or any that has the API of Confluent's. */
export interface SchemaRegistryOptions {
  /** As clients want it: `http://127.0.0.1:8081`, or with a path, such as `…/registry` or `…/contexts/.staging`. */
  readonly url: string
  /** Default: nobody is asked who they are. */
  readonly auth?:
    | { readonly username: string; readonly password: string }
    /** A bearer token, or what gives one each time one is needed. */
    | { readonly token: string | (() => string | Promise<string>) }
  /** PEM texts for `https:`. Default: the well-known authorities, and no certificate of one's own. */
  readonly tls?: {
    readonly ca?: string
    readonly certificate?: string
    readonly key?: string
    readonly passphrase?: string
  }
  /** How long a registry that does not answer is asked again until the job fails, ms. Default: 30,000. */
  readonly timeoutMs?: number
}

/** Another schema that a schema uses, in the registry. */
export interface SchemaReferenceOptions {
  /** By which the schema refers to it: a full name of Avro, a `$ref` of JSON Schema, an import of Protobuf. */
  readonly name: string
  readonly subject: string
  readonly version: number
}

/** What a subject may be named after. */
export interface SubjectOf {
  readonly topic: string
  readonly part: 'key' | 'value'
  /** Full name of Avro's record or Protobuf's message, `title` of a JSON Schema. */
  readonly recordName: string | undefined
}

/**
 * `topic`: `orders-value`; `record`: `shop.Order`; `topic-record`: `orders-shop.Order`. The names in Confluent's
 * serializers are TopicNameStrategy, RecordNameStrategy and TopicRecordNameStrategy.
 */
export type SubjectNaming = 'topic' | 'record' | 'topic-record' | ((of: SubjectOf) => string)

export interface RegistryFormatOptions {
  readonly registry: SchemaRegistryOptions
  /**
   * To read: what records are read as, whichever schema of the subject they were written with. Default: the one they
   * were written with. To write: the schema of the records. Default: the latest of the subject.
   */
  readonly schema?: string | object
  /** What `schema` refers to. Default: nothing. */
  readonly references?: readonly SchemaReferenceOptions[]
  /** To write: the subject that holds the schema. Default: `topic`. */
  readonly subject?: SubjectNaming
  /** To write: whether the schema is registered when the job starts; else it has to be there already. Default: true. */
  readonly register?: boolean
  /** To write: whether schemas that say the same in other words are the same schema. Default: false. */
  readonly normalize?: boolean
}

/** Values that a Standard Schema (zod, valibot, arktype …) checks behind the decoder, and gives their type. */
export interface CheckedBy<S extends StandardSchemaV1> {
  readonly type: S
}
