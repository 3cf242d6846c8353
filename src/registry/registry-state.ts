/**
 * What the records of `_schemas` add up to. `apply` alone changes it; replaying the topic gives the same state.
 *
 * Invariants: a version of a subject never changes its schema or id, only whether it is deleted. Within a context, ids and
 * schemas go with each other one to one as long as nobody imports otherwise.
 */
import type { JsonObject } from './json-text.ts'
import type { RegistryRecord } from './registry-record.ts'
import { guidOf, type SchemaContent, type StoredSchema } from './stored-schema.ts'
import { contextOf, DEFAULT_CONTEXT } from './subject-name.ts'

interface Context {
  readonly byId: Map<number, Set<StoredSchema>>
  readonly idByGuid: Map<string, number>
  lastId: number
}

export class RegistryState {
  readonly #subjects = new Map<string, Map<number, StoredSchema>>()
  readonly #contexts = new Map<string, Context>()
  readonly #configs = new Map<string | undefined, JsonObject>()
  readonly #modes = new Map<string | undefined, string>()

  apply(record: RegistryRecord): void {
    switch (record.kind) {
      case 'schema':
        return this.#setVersion(record)
      case 'config':
        if (record.value === null) this.#configs.delete(record.subject)
        else this.#configs.set(record.subject, record.value)
        return
      case 'mode':
        if (record.value === null) this.#modes.delete(record.subject)
        else this.#modes.set(record.subject, record.value)
        return
      case 'delete-subject':
        if (record.upTo === null) return
        for (const schema of this.versions(record.subject, { deleted: true })) {
          const { version } = schema
          if (version > record.upTo || schema.deleted) continue
          this.#setVersion({ ...schema, value: { ...schema, deleted: true } })
        }
        return
      case 'clear-subject':
        if (!record.cleared) return
        for (const { subject, version } of this.versions(record.subject, { deleted: true }))
          this.#setVersion({ subject, version, value: null })
        return
      case 'noop':
    }
  }

  /** Qualified names, those in the order of the alphabet that have a version left (or, if asked, a deleted one). */
  subjects(options: { readonly deleted: boolean }): readonly string[] {
    return [...this.#subjects.keys()].filter((subject) => this.versions(subject, options).length > 0).sort()
  }

  /** In their order; those that are deleted only if asked for. */
  versions(subject: string, options: { readonly deleted: boolean }): readonly StoredSchema[] {
    const versions = [...(this.#subjects.get(subject)?.values() ?? [])]
    return versions
      .filter((schema) => options.deleted || !schema.deleted)
      .sort((a, b) => a.version - b.version)
  }

  /** Also when it is deleted. */
  version(subject: string, version: number): StoredSchema | undefined {
    return this.#subjects.get(subject)?.get(version)
  }

  /** The versions that have this id, in any subject of the context, deleted ones too. */
  byId(context: string, id: number): readonly StoredSchema[] {
    return [...(this.#contexts.get(context)?.byId.get(id) ?? [])]
  }

  /** The versions with this content, in any context. */
  byGuid(guid: string): readonly StoredSchema[] {
    return [...this.#contexts.values()].flatMap(({ idByGuid, byId }) => {
      const id = idByGuid.get(guid)
      return id === undefined ? [] : [...(byId.get(id) ?? [])]
    })
  }

  idOf(context: string, content: SchemaContent): number | undefined {
    return this.#contexts.get(context)?.idByGuid.get(guidOf(content))
  }

  /** The highest id that was given in the context, 0 when none was. */
  lastId(context: string): number {
    return this.#contexts.get(context)?.lastId ?? 0
  }

  contexts(): readonly string[] {
    const used = [...this.#contexts].filter(([, { byId }]) => byId.size > 0).map(([name]) => name)
    return [...new Set([DEFAULT_CONTEXT, ...used])].sort()
  }

  /** Ids of the schemas that refer to a version and are not deleted. */
  referencedBy(subject: string, version: number): readonly number[] {
    const ids = new Set<number>()
    for (const versions of this.#subjects.values()) {
      for (const schema of versions.values()) {
        if (schema.deleted) continue
        const refers = schema.references.some((one) => one.subject === subject && one.version === version)
        if (refers) ids.add(schema.id)
      }
    }
    return [...ids].sort((a, b) => a - b)
  }

  /** As it was set for exactly this subject, or for all. */
  config(subject: string | undefined): JsonObject | undefined {
    return this.#configs.get(subject)
  }

  mode(subject: string | undefined): string | undefined {
    return this.#modes.get(subject)
  }

  #setVersion({
    subject,
    version,
    value,
  }: {
    readonly subject: string
    readonly version: number
    readonly value: StoredSchema | null
  }): void {
    const versions = this.#subjects.get(subject) ?? new Map<number, StoredSchema>()
    const context = this.#context(contextOf(subject))
    const before = versions.get(version)
    if (before !== undefined) forget(context, before)
    if (value === null) {
      versions.delete(version)
      if (versions.size === 0) this.#subjects.delete(subject)
      return
    }
    this.#subjects.set(subject, versions.set(version, value))
    const sharing = context.byId.get(value.id) ?? new Set()
    context.byId.set(value.id, sharing.add(value))
    // The first id that a schema got stays the one that it is registered under.
    const guid = guidOf(value)
    if (!context.idByGuid.has(guid)) context.idByGuid.set(guid, value.id)
    context.lastId = Math.max(context.lastId, value.id)
  }

  #context(name: string): Context {
    const known = this.#contexts.get(name)
    if (known !== undefined) return known
    const context: Context = { byId: new Map(), idByGuid: new Map(), lastId: 0 }
    this.#contexts.set(name, context)
    return context
  }
}

function forget(context: Context, schema: StoredSchema): void {
  const sharing = context.byId.get(schema.id)
  sharing?.delete(schema)
  if (sharing?.size !== 0) return
  context.byId.delete(schema.id)
  const guid = guidOf(schema)
  if (context.idByGuid.get(guid) === schema.id) context.idByGuid.delete(guid)
}
