/**
 * Whom a quota is for (KIP-257, KIP-546, KIP-612): a user, a client id, a client id of a user, or an address; instead of
 * a name each may be the default, for all that have no quota by their name. Also what may be limited, and the filters by
 * which quotas are listed.
 */
import { canonicalHost, isAddress } from '../security/canonical-host.ts'

export interface QuotaEntityPart {
  readonly entityType: string
  /** Null is the default. */
  readonly entityName: string | null
}

/** Its parts, no two of one type. */
export type QuotaEntity = readonly QuotaEntityPart[]

export const QUOTA_KEYS = [
  'producer_byte_rate',
  'consumer_byte_rate',
  'request_percentage',
  'controller_mutation_rate',
  'connection_creation_rate',
] as const
export type QuotaKey = (typeof QUOTA_KEYS)[number]

const OF_CLIENTS: readonly string[] = QUOTA_KEYS.slice(0, 4)
const OF_ADDRESSES: readonly string[] = ['connection_creation_rate']
/** Quotas whose value is a whole number. */
const WHOLE: readonly string[] = ['producer_byte_rate', 'consumer_byte_rate', 'connection_creation_rate']
const WHOLE_TOLERANCE = 1e-6

const TYPES: readonly string[] = ['user', 'client-id', 'ip']

/** One text for each entity, whatever the order of its parts. */
export function keyOfEntity(entity: QuotaEntity): string {
  const part = (type: string): string | null | undefined =>
    entity.find(({ entityType }) => entityType === type)?.entityName
  return entityKey({ user: part('user'), clientId: part('client-id'), ip: part('ip') })
}

/** As `keyOfEntity`: undefined is not part of the entity, null its default. */
export function entityKey(entity: {
  readonly user?: string | null | undefined
  readonly clientId?: string | null | undefined
  readonly ip?: string | null | undefined
}): string {
  const { user, clientId, ip } = entity
  return JSON.stringify([text(user), text(clientId), text(ip && canonicalHost(ip))])
}

function text(name: string | null | undefined): string {
  return name === undefined ? '' : name === null ? '*' : `=${name}`
}

/** What is wrong with an entity, undefined when nothing is. */
export function entityProblem(entity: QuotaEntity): string | undefined {
  if (entity.length === 0) return 'Invalid empty client quota entity'
  const types = new Set<string>()
  for (const { entityType, entityName } of entity) {
    if (types.has(entityType)) return `Invalid client quota entity: ${entityType} is named twice`
    types.add(entityType)
    if (!TYPES.includes(entityType)) return `Unhandled client quota entity type: ${entityType}`
    if (entityName === '') return `Empty ${entityType} not supported`
    if (entityType === 'ip' && entityName !== null && !isAddress(entityName))
      return `${entityName} is not an IP address`
  }
  if (types.has('ip') && types.size > 1) return 'Invalid client quota entity: an ip stands alone'
  return undefined
}

/** What is wrong with a value for the entity; undefined when nothing is. `value` null removes. */
export function valueProblem(entity: QuotaEntity, key: string, value: number | null): string | undefined {
  const known = entity.some(({ entityType }) => entityType === 'ip') ? OF_ADDRESSES : OF_CLIENTS
  if (!known.includes(key)) return `Invalid configuration key ${key}`
  if (value === null) return undefined
  if (Number.isNaN(value) || value <= 0) return `Quota ${key} must be greater than 0`
  if (WHOLE.includes(key) && Math.abs(value - Math.round(value)) > WHOLE_TOLERANCE)
    return `Configuration ${key} must be a Long value`
  return undefined
}

export interface QuotaFilter {
  readonly components: readonly {
    readonly entityType: string
    readonly matchType: number
    readonly match: string | null
  }[]
  /** Whether entities with other parts than those named are left out. */
  readonly strict: boolean
}

const MATCH = { exact: 0, default: 1, specified: 2 } as const

/** What is wrong with a filter, undefined when nothing is. */
export function filterProblem({ components }: QuotaFilter): string | undefined {
  const types = new Set<string>()
  for (const { entityType, matchType, match } of components) {
    if (entityType === '') return 'Invalid empty entity type'
    if (types.has(entityType)) return `Duplicate entity filter component type: ${entityType}`
    types.add(entityType)
    if (!(Object.values(MATCH) as number[]).includes(matchType)) return `Unknown match type ${matchType}`
    if (matchType === MATCH.exact && match === null)
      return `Request specified exact match for ${entityType}, but no name`
    if (matchType !== MATCH.exact && match !== null)
      return `Request specified a name for ${entityType} with a match that takes none`
  }
  if (types.has('ip') && types.size > 1)
    return 'Invalid entity filter component combination: IP filter component should not be used with user or client-id'
  return undefined
}

export function unknownTypeIn({ components }: QuotaFilter): string | undefined {
  return components.find(({ entityType }) => !TYPES.includes(entityType))?.entityType
}

export function passesFilter(entity: QuotaEntity, { components, strict }: QuotaFilter): boolean {
  if (strict && entity.length !== components.length) return false
  return components.every(({ entityType, matchType, match }) => {
    const part = entity.find((candidate) => candidate.entityType === entityType)
    if (part === undefined) return false
    if (matchType === MATCH.exact) return part.entityName === match
    return matchType === MATCH.specified || part.entityName === null
  })
}
