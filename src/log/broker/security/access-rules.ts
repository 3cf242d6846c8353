import { join } from 'node:path/posix'
import type { Disk } from '../../../world/world.ts'
import { DurableDocument } from '../../storage/durable-document.ts'
import {
  type AccessRule,
  type AccessRuleFilter,
  keyOfNamedRule,
  keyOfRule,
  matchesFilter,
  ruleFromJson,
  ruleToJson,
} from './access-rule.ts'
import { RuleIndex } from './rule-index.ts'

type Rules = ReadonlyMap<string, AccessRule>

/** Rules that one request may create or delete, as with Kafka: beyond, it is refused as a whole. */
export const RULES_MAX_PER_REQUEST = 10_000
/** Rules that the filters of one request may be held against, all in all: some tens of milliseconds. */
const COMPARISONS_MAX = 1_000_000

/** The access rules, durable: a change is in force when it is on the device. In `millrace-acls.json` in the data directory. */
export class AccessRules {
  readonly #document: DurableDocument<Rules>
  #indexed: Rules | undefined
  #index = new RuleIndex([])

  /** Throws `MR_DATA_DIR_DAMAGED` when the file is there but cannot be read. */
  static open(disk: Disk, dataPath: string): AccessRules {
    const document = DurableDocument.open<Rules>({
      disk,
      path: join(dataPath, 'millrace-acls.json'),
      what: 'the list of access rules',
      initial: new Map(),
      parse: parseRules,
      toJson: (rules) => ({ version: 1, rules: Array.from(rules.values(), ruleToJson) }),
      fix: 'Restore the file from a copy, or move it away: then there are no rules, and super.users alone may do anything.',
    })
    return new AccessRules(document)
  }

  private constructor(document: DurableDocument<Rules>) {
    this.#document = document
  }

  /** Changes its identity whenever the rules change. */
  get version(): unknown {
    return this.#document.content
  }

  get index(): RuleIndex {
    const rules = this.#document.content
    if (this.#indexed !== rules) {
      this.#index = new RuleIndex(rules.values())
      this.#indexed = rules
    }
    return this.#index
  }

  /** Those that pass the filter, in the order of their creation. */
  matching(filter: AccessRuleFilter): AccessRule[] {
    return Array.from(this.#document.content.values()).filter((rule) => matchesFilter(rule, filter))
  }

  /** Adds rules; those that are there already stay as they are. Rejects with the disk's error. */
  async create(rules: readonly AccessRule[]): Promise<void> {
    await this.#document.update((before) => {
      const added = rules.filter((rule) => !before.has(keyOfRule(rule)))
      if (added.length === 0) return before
      return new Map([...before, ...added.map((rule) => [keyOfRule(rule), rule] as const)])
    })
  }

  /**
   * Deletes what passes any of the filters; says for each filter what passed it. Undefined, and nothing is deleted, when
   * that is too much for one request. Rejects with the disk's error.
   */
  async delete(
    filters: readonly AccessRuleFilter[],
  ): Promise<readonly (readonly AccessRule[])[] | undefined> {
    let deleted: readonly (readonly AccessRule[])[] | undefined
    await this.#document.update((before) => {
      deleted = matchesOf(filters, before)
      const gone = new Set(deleted?.flat().map(keyOfRule))
      return gone.size === 0 ? before : new Map([...before].filter(([key]) => !gone.has(key)))
    })
    return deleted
  }

  /** Resolves when nothing is being written. */
  idle(): Promise<void> {
    return this.#document.idle()
  }
}

/** A filter that names one rule is looked up; the others are held against all rules, as often as there are filters. */
function matchesOf(
  filters: readonly AccessRuleFilter[],
  rules: Rules,
): readonly (readonly AccessRule[])[] | undefined {
  const all = [...rules.values()]
  const matches: AccessRule[][] = []
  let comparisons = 0
  let found = 0
  for (const filter of filters) {
    const key = keyOfNamedRule(filter)
    const candidates = key === undefined ? all : [rules.get(key)].filter((rule) => rule !== undefined)
    comparisons += candidates.length + 1
    if (comparisons > COMPARISONS_MAX) return undefined
    const passed = candidates.filter((rule) => matchesFilter(rule, filter))
    found += passed.length
    if (found > RULES_MAX_PER_REQUEST) return undefined
    matches.push(passed)
  }
  return matches
}

function parseRules(json: unknown): Rules | undefined {
  const { version, rules } = json as { readonly version?: unknown; readonly rules?: unknown }
  if (version !== 1 || !Array.isArray(rules)) return undefined
  const parsed = new Map<string, AccessRule>()
  for (const entry of rules) {
    const rule = ruleFromJson(entry)
    if (rule === undefined) return undefined
    parsed.set(keyOfRule(rule), rule)
  }
  return parsed
}
