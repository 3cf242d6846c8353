import { createHash } from 'node:crypto'
import type { JsonObject } from './json-text.ts'
import type { SchemaReference, SchemaType } from './parsed-schema.ts'

/** What makes a schema the same schema: equal ones have one id. */
export interface SchemaContent {
  readonly schemaType: SchemaType
  readonly schema: string
  readonly references: readonly SchemaReference[]
  /** Tags, properties and the like, which clients make something of. */
  readonly metadata?: JsonObject
  /** Rules that serializers apply. */
  readonly ruleSet?: JsonObject
}

/** A version of a subject. */
export interface StoredSchema extends SchemaContent {
  readonly subject: string
  readonly version: number
  readonly id: number
  /** Whether it was deleted, but can still be read by its id. */
  readonly deleted: boolean
}

/** The same for equal contents, also after a restart and in another registry of this kind: a UUID. */
export function guidOf(content: SchemaContent): string {
  const { schemaType, schema, references, metadata, ruleSet } = content
  const parts = [
    schemaType,
    schema,
    references.map(({ name, subject, version }) => [name, subject, version]),
    metadata ?? null,
    ruleSet ?? null,
  ]
  const hex = createHash('md5').update(JSON.stringify(parts)).digest('hex')
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
