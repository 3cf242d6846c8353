/**
 * Finds the access rules that speak about a resource and a principal, and decides as Kafka's StandardAuthorizer does:
 *
 *   1. a rule that denies the operation (or ALL) to the principal (or everybody) from the host (or `*`): denied,
 *   2. one that allows it, or allows an operation that implies it: allowed,
 *   3. no rule: denied; the answer says whether any rule names the resource at all.
 *
 * Rules lie by resource type, name and principal. A name is asked for as it is, as `*`, and as each of its beginnings
 * whose length some prefixed rule has: the cost depends on how many such lengths there are, not on how many rules.
 */
import { AclOperation, PatternType, PermissionType } from './access-codes.ts'
import { type AccessRule, WILDCARD } from './access-rule.ts'
import { canonicalHost } from './canonical-host.ts'

/** Who asks: `User:alice`, and the canonical address. */
export interface Asker {
  readonly principal: string
  readonly host: string
}

export type Decision = 'allowed' | 'denied' | 'no rule' | 'no rule for the resource'

const EVERYBODY = 'User:*'

/** DESCRIBE comes with each of these, DESCRIBE_CONFIGS with ALTER_CONFIGS. Only allowing implies; denying does not. */
const IMPLY_DESCRIBE: ReadonlySet<number> = new Set([
  AclOperation.READ,
  AclOperation.WRITE,
  AclOperation.DELETE,
  AclOperation.ALTER,
])

export class RuleIndex {
  readonly #types = new Map<number, ResourceRules>()

  constructor(rules: Iterable<AccessRule>) {
    for (const rule of rules) {
      let type = this.#types.get(rule.resourceType)
      if (type === undefined) this.#types.set(rule.resourceType, (type = new ResourceRules()))
      type.add({ ...rule, host: rule.host === WILDCARD ? WILDCARD : canonicalHost(rule.host) })
    }
    for (const type of this.#types.values()) type.sortLengths()
  }

  decide(asker: Asker, operation: AclOperation, resourceType: number, resourceName: string): Decision {
    const type = this.#types.get(resourceType)
    if (type === undefined) return 'no rule for the resource'
    let named = false
    let allowed = false
    for (const byPrincipal of type.about(resourceName)) {
      named = true
      for (const principal of [asker.principal, EVERYBODY]) {
        const rules = byPrincipal.get(principal)
        if (rules === undefined) continue
        for (const rule of rules) {
          if (rule.host !== WILDCARD && rule.host !== asker.host) continue
          if (rule.permissionType === PermissionType.DENY) {
            if (covers(rule, operation)) return 'denied'
          } else if (!allowed) allowed = covers(rule, operation) || implies(rule, operation)
        }
      }
    }
    if (allowed) return 'allowed'
    return named ? 'no rule' : 'no rule for the resource'
  }

  /**
   * Whether there may be a resource of the type on which the operation is allowed: some rule allows it on names that no
   * other rule denies as a whole. What one operation implies does not count, as with Kafka.
   */
  allowsSome(asker: Asker, operation: AclOperation, resourceType: number): boolean {
    const type = this.#types.get(resourceType)
    if (type === undefined) return false
    const allowed: AccessRule[] = []
    const deniedNames = new Set<string>()
    const deniedPrefixes = new Set<string>()
    for (const rule of type.of([asker.principal, EVERYBODY])) {
      if (rule.host !== WILDCARD && rule.host !== asker.host) continue
      if (!covers(rule, operation)) continue
      if (rule.permissionType === PermissionType.ALLOW) allowed.push(rule)
      else if (rule.patternType === PatternType.PREFIXED) deniedPrefixes.add(rule.resourceName)
      else if (rule.resourceName === WILDCARD) return false
      else deniedNames.add(rule.resourceName)
    }
    return allowed.some((rule) => {
      const literal = rule.patternType === PatternType.LITERAL
      if (literal && rule.resourceName === WILDCARD) return true
      if (literal && deniedNames.has(rule.resourceName)) return false
      for (let length = 1; length <= rule.resourceName.length; length++) {
        if (deniedPrefixes.has(rule.resourceName.slice(0, length))) return false
      }
      return true
    })
  }
}

type ByPrincipal = Map<string, AccessRule[]>

/** The rules about resources of one type. */
class ResourceRules {
  readonly #literal = new Map<string, ByPrincipal>()
  readonly #prefixed = new Map<string, ByPrincipal>()
  #lengths: readonly number[] = []

  add(rule: AccessRule): void {
    const names = rule.patternType === PatternType.PREFIXED ? this.#prefixed : this.#literal
    let byPrincipal = names.get(rule.resourceName)
    if (byPrincipal === undefined) names.set(rule.resourceName, (byPrincipal = new Map()))
    const rules = byPrincipal.get(rule.principal)
    if (rules === undefined) byPrincipal.set(rule.principal, [rule])
    else rules.push(rule)
  }

  sortLengths(): void {
    this.#lengths = [...new Set([...this.#prefixed.keys()].map(({ length }) => length))].sort((a, b) => a - b)
  }

  /** The rules whose pattern the name fits. */
  about(name: string): ByPrincipal[] {
    const found: ByPrincipal[] = []
    const own = this.#literal.get(name)
    if (own !== undefined) found.push(own)
    const wildcard = name === WILDCARD ? undefined : this.#literal.get(WILDCARD)
    if (wildcard !== undefined) found.push(wildcard)
    for (const length of this.#lengths) {
      if (length > name.length) break
      const prefixed = this.#prefixed.get(name.slice(0, length))
      if (prefixed !== undefined) found.push(prefixed)
    }
    return found
  }

  *of(principals: readonly string[]): Iterable<AccessRule> {
    for (const names of [this.#literal, this.#prefixed]) {
      for (const byPrincipal of names.values()) {
        for (const principal of principals) yield* byPrincipal.get(principal) ?? []
      }
    }
  }
}

function covers(rule: AccessRule, operation: number): boolean {
  return rule.operation === AclOperation.ALL || rule.operation === operation
}

function implies(rule: AccessRule, operation: number): boolean {
  if (operation === AclOperation.DESCRIBE) return IMPLY_DESCRIBE.has(rule.operation)
  return operation === AclOperation.DESCRIBE_CONFIGS && rule.operation === AclOperation.ALTER_CONFIGS
}
