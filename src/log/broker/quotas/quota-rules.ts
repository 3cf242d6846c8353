import type { Disk } from '../../../world/world.ts'
import { DurableDocument } from '../../storage/durable-document.ts'
import {
  entityProblem,
  keyOfEntity,
  passesFilter,
  type QuotaEntity,
  type QuotaFilter,
  type QuotaKey,
  valueProblem,
} from './quota-entity.ts'

export type QuotaValues = Readonly<Record<string, number>>

interface QuotaRule {
  readonly entity: QuotaEntity
  /** At least one. */
  readonly values: QuotaValues
}

/** Sets (or, with null, removes) values of one entity; the entity and the values are good. */
export interface QuotaChange {
  readonly entity: QuotaEntity
  readonly values: Readonly<Record<string, number | null>>
}

type Rules = ReadonlyMap<string, QuotaRule>

/** The quotas, durable: a change is in force when it is on the device. Kept in `millrace-quotas.json`. */
export class QuotaRules {
  readonly #document: DurableDocument<Rules>

  /** Throws `MR_DATA_DIR_DAMAGED` when the file is there but cannot be read. */
  static open(disk: Disk, path: string): QuotaRules {
    return new QuotaRules(
      DurableDocument.open<Rules>({
        disk,
        path,
        what: 'the list of client quotas',
        initial: new Map(),
        parse: parseRules,
        toJson: (rules) => ({ version: 1, quotas: [...rules.values()] }),
        fix: 'Restore the file from a copy, or move it away: then there are no quotas.',
      }),
    )
  }

  private constructor(document: DurableDocument<Rules>) {
    this.#document = document
  }

  /** Changes its identity whenever a quota changes. */
  get version(): unknown {
    return this.#document.content
  }

  get isEmpty(): boolean {
    return this.#document.content.size === 0
  }

  /** Resolves when nothing is being written. */
  idle(): Promise<void> {
    return this.#document.idle()
  }

  /** Of an entity by its key (`entityKey`). */
  value(entityKey: string, key: QuotaKey): number | undefined {
    return this.#document.content.get(entityKey)?.values[key]
  }

  /** Whether anybody has a quota of this kind. */
  has(key: QuotaKey): boolean {
    for (const { values } of this.#document.content.values()) if (values[key] !== undefined) return true
    return false
  }

  matching(filter: QuotaFilter): QuotaRule[] {
    return Array.from(this.#document.content.values()).filter(({ entity }) => passesFilter(entity, filter))
  }

  /** Rejects with the disk's error. */
  async alter(changes: readonly QuotaChange[]): Promise<void> {
    await this.#document.update((before) => {
      const rules = new Map(before)
      for (const { entity, values } of changes) {
        const key = keyOfEntity(entity)
        const changed: Record<string, number> = { ...rules.get(key)?.values }
        for (const [name, value] of Object.entries(values)) {
          if (value === null) delete changed[name]
          else changed[name] = value
        }
        if (Object.keys(changed).length === 0) rules.delete(key)
        else rules.set(key, { entity, values: changed })
      }
      return rules
    })
  }
}

function parseRules(json: unknown): Rules | undefined {
  const { version, quotas } = json as { readonly version?: unknown; readonly quotas?: unknown }
  if (version !== 1 || !Array.isArray(quotas)) return undefined
  const rules = new Map<string, QuotaRule>()
  for (const { entity, values } of quotas as readonly QuotaRule[]) {
    const good =
      entityProblem(entity) === undefined &&
      Object.entries(values).every(([key, value]) => valueProblem(entity, key, value) === undefined)
    if (!good) return undefined
    rules.set(keyOfEntity(entity), { entity, values })
  }
  return rules
}
