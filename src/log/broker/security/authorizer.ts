/**
 * Says whether a client may do something, by the access rules (KIP-11, KIP-290), as Kafka's StandardAuthorizer does.
 *
 * Super users may do everything. What was decided is remembered for each connection until the rules or the connection's
 * principal change, so that a request costs a look into a map for each resource that it names. Refusals are audit lines
 * in the log: as many as `LimitedReport` lets through.
 */
import type { BrokerCounters } from '../broker-metrics.ts'
import type { LimitedReport } from '../limited-report.ts'
import type { ClientConnection } from '../services.ts'
import { AclOperation, nameOfCode, ResourceType } from './access-codes.ts'
import type { AccessRules } from './access-rules.ts'
import { canonicalHost } from './canonical-host.ts'
import { INTERNAL, type Principal, principalText } from './principal.ts'
import type { Asker } from './rule-index.ts'

export interface Authorizer {
  /** The rules, when there are any to be administrated: undefined means that everybody may do everything. */
  readonly rules: AccessRules | undefined
  /** Whether the client may; a refusal is counted and reported. */
  allows(
    connection: ClientConnection,
    operation: AclOperation,
    resourceType: ResourceType,
    name: string,
  ): boolean
  /** As `allows`, for what is left out or tried otherwise where it is not allowed: no refusal, nothing is reported. */
  permits(
    connection: ClientConnection,
    operation: AclOperation,
    resourceType: ResourceType,
    name: string,
  ): boolean
  /** Whether the client may do it to some resource of the type. */
  allowsSome(connection: ClientConnection, operation: AclOperation, resourceType: ResourceType): boolean
}

/** Without access control. */
export const OPEN_TO_ALL: Authorizer = {
  rules: undefined,
  allows: () => true,
  permits: () => true,
  allowsSome: () => true,
}

export interface RuleAuthorizerOptions {
  readonly rules: AccessRules
  /** Principals as text. */
  readonly superUsers: ReadonlySet<string>
  /** What becomes of a resource that no rule names: Kafka's `allow.everyone.if.no.acl.found`. */
  readonly allowWithoutRules: boolean
  readonly audit: LimitedReport
  readonly metrics: BrokerCounters
}

export class RuleAuthorizer implements Authorizer {
  readonly rules: AccessRules
  readonly #options: RuleAuthorizerOptions
  readonly #decided = new WeakMap<ClientConnection, Decided>()

  constructor(options: RuleAuthorizerOptions) {
    this.rules = options.rules
    this.#options = options
  }

  allows(
    connection: ClientConnection,
    operation: AclOperation,
    resourceType: ResourceType,
    name: string,
  ): boolean {
    if (this.permits(connection, operation, resourceType, name)) return true
    const { metrics, audit } = this.#options
    metrics.authorizationsDenied += 1
    const principal = principalText(connection.principal)
    audit.say('warn', 'access denied', {
      cause: principal,
      fields: () => ({
        principal,
        host: connection.clientHost.slice(1),
        listener: connection.listener,
        clientId: connection.clientId,
        operation: nameOfCode(AclOperation, operation),
        resourceType: nameOfCode(ResourceType, resourceType),
        resource: name,
      }),
    })
    return false
  }

  permits(
    connection: ClientConnection,
    operation: AclOperation,
    resourceType: ResourceType,
    name: string,
  ): boolean {
    const decided = this.#decidedFor(connection)
    if (decided.isSuperUser) return true
    if (name.length > NAME_LENGTH_MAX) return this.#decide(decided.asker, operation, resourceType, name)
    const key = operation * RESOURCE_TYPES + resourceType
    let byName = decided.byKey.get(key)
    if (byName === undefined) decided.byKey.set(key, (byName = new Map<string, boolean>()))
    let allowed = byName.get(name)
    if (allowed !== undefined) return allowed
    allowed = this.#decide(decided.asker, operation, resourceType, name)
    if (byName.size >= NAMES_MAX) byName.clear()
    byName.set(name, allowed)
    return allowed
  }

  allowsSome(connection: ClientConnection, operation: AclOperation, resourceType: ResourceType): boolean {
    const { asker, isSuperUser } = this.#decidedFor(connection)
    if (isSuperUser) return true
    // Kafka asks for a resource of a made-up name first, which lets in whoever needs no rule.
    if (this.#decide(asker, operation, resourceType, 'hardcode')) return true
    return this.rules.index.allowsSome(asker, operation, resourceType)
  }

  #decide(asker: Asker, operation: AclOperation, resourceType: ResourceType, name: string): boolean {
    const decision = this.rules.index.decide(asker, operation, resourceType, name)
    if (decision === 'no rule for the resource') return this.#options.allowWithoutRules
    return decision === 'allowed'
  }

  #decidedFor(connection: ClientConnection): Decided {
    const known = this.#decided.get(connection)
    const { version } = this.rules
    if (known !== undefined && known.version === version && known.principal === connection.principal)
      return known
    const principal = principalText(connection.principal)
    const decided: Decided = {
      version,
      principal: connection.principal,
      asker: { principal, host: canonicalHost(connection.clientHost.slice(1)) },
      isSuperUser: connection.principal === INTERNAL || this.#options.superUsers.has(principal),
      byKey: new Map(),
    }
    this.#decided.set(connection, decided)
    return decided
  }
}

/** What is known about a connection while neither the rules nor its principal change. */
interface Decided {
  readonly version: unknown
  readonly principal: Principal
  readonly asker: Asker
  readonly isSuperUser: boolean
  readonly byKey: Map<number, Map<string, boolean>>
}

/** More than there are types of resources. */
const RESOURCE_TYPES = 16
/** Names that are remembered of a connection for an operation on a type; then it begins anew. */
const NAMES_MAX = 2000
/** Longer ones, which are no topic's, are not remembered: a client could fill the memory with them. */
const NAME_LENGTH_MAX = 249
