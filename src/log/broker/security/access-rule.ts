/**
 * One access rule (Kafka's `AclBinding`): allows or denies a principal from a host an operation on the resources that a
 * pattern names. Also the filters by which rules are listed and deleted, and their form in `millrace-acls.json`.
 */
import { AclOperation, nameOfCode, PatternType, PermissionType, ResourceType } from './access-codes.ts'

export interface AccessRule {
  readonly resourceType: number
  readonly resourceName: string
  /** LITERAL, where the name `*` stands for every resource, or PREFIXED. */
  readonly patternType: number
  /** `User:alice`; `User:*` is everybody. */
  readonly principal: string
  /** An address, or `*`. */
  readonly host: string
  readonly operation: number
  readonly permissionType: number
}

/** What a rule has to be to pass; null, or ANY, lets everything through. */
export interface AccessRuleFilter {
  readonly resourceTypeFilter: number
  readonly resourceNameFilter: string | null
  /** MATCH asks for the rules that are about a resource of this name, whatever their pattern. */
  readonly patternTypeFilter: number
  readonly principalFilter: string | null
  readonly hostFilter: string | null
  readonly operation: number
  readonly permissionType: number
}

export const WILDCARD = '*'

/** Two rules with the same key are the same rule. */
export function keyOfRule(rule: AccessRule): string {
  return JSON.stringify([
    rule.resourceType,
    rule.patternType,
    rule.resourceName,
    rule.principal,
    rule.host,
    rule.operation,
    rule.permissionType,
  ])
}

/** The key of the only rule that can pass the filter; undefined when it leaves something open. */
export function keyOfNamedRule(filter: AccessRuleFilter): string | undefined {
  const {
    resourceTypeFilter: resourceType,
    patternTypeFilter: patternType,
    operation,
    permissionType,
  } = filter
  const { resourceNameFilter: resourceName, principalFilter: principal, hostFilter: host } = filter
  if (resourceName === null || principal === null || host === null) return undefined
  if (resourceType === ResourceType.ANY || operation === AclOperation.ANY) return undefined
  if (permissionType === PermissionType.ANY) return undefined
  if (patternType === PatternType.ANY || patternType === PatternType.MATCH) return undefined
  return keyOfRule({ resourceType, patternType, resourceName, principal, host, operation, permissionType })
}

export function matchesFilter(rule: AccessRule, filter: AccessRuleFilter): boolean {
  const { principalFilter, hostFilter, operation, permissionType } = filter
  return (
    matchesResource(rule, filter) &&
    (principalFilter === null || principalFilter === rule.principal) &&
    (hostFilter === null || hostFilter === rule.host) &&
    (operation === AclOperation.ANY || operation === rule.operation) &&
    (permissionType === PermissionType.ANY || permissionType === rule.permissionType)
  )
}

function matchesResource(rule: AccessRule, filter: AccessRuleFilter): boolean {
  const { resourceTypeFilter, resourceNameFilter: name, patternTypeFilter: pattern } = filter
  if (resourceTypeFilter !== ResourceType.ANY && resourceTypeFilter !== rule.resourceType) return false
  if (pattern !== PatternType.ANY && pattern !== PatternType.MATCH && pattern !== rule.patternType)
    return false
  if (name === null) return true
  if (pattern !== PatternType.MATCH) return name === rule.resourceName
  return rule.patternType === PatternType.PREFIXED
    ? name.startsWith(rule.resourceName)
    : name === rule.resourceName || rule.resourceName === WILDCARD
}

/** Whether each code of the filter has a meaning. */
export function filterIsKnown(filter: AccessRuleFilter): boolean {
  const known = (codes: Readonly<Record<string, number>>, code: number): boolean =>
    nameOfCode(codes, code) !== 'UNKNOWN'
  return (
    known(ResourceType, filter.resourceTypeFilter) &&
    known(PatternType, filter.patternTypeFilter) &&
    known(AclOperation, filter.operation) &&
    known(PermissionType, filter.permissionType)
  )
}

/** The rule in words, for the log: `ALLOW User:alice from * READ TOPIC LITERAL orders`. */
export function ruleText(rule: AccessRule): string {
  const { resourceType, patternType, operation, permissionType } = named(rule)
  return `${permissionType} ${rule.principal} from ${rule.host} ${operation} ${resourceType} ${patternType} ${rule.resourceName}`
}

/** A rule as it stands in the file: codes by their names. */
export function ruleToJson(rule: AccessRule): unknown {
  return { ...rule, ...named(rule) }
}

/** Undefined when it is no rule. */
export function ruleFromJson(json: unknown): AccessRule | undefined {
  if (typeof json !== 'object' || json === null) return undefined
  const given = json as Readonly<Record<string, unknown>>
  const code = (codes: Readonly<Record<string, number>>, field: string): number =>
    codes[String(given[field])] ?? 0
  const text = (field: string): string => (typeof given[field] === 'string' ? given[field] : '')
  const rule: AccessRule = {
    resourceType: code(ResourceType, 'resourceType'),
    resourceName: text('resourceName'),
    patternType: code(PatternType, 'patternType'),
    principal: text('principal'),
    host: text('host'),
    operation: code(AclOperation, 'operation'),
    permissionType: code(PermissionType, 'permissionType'),
  }
  return Object.values(rule).some((value) => value === 0 || value === '') ? undefined : rule
}

function named(rule: AccessRule): {
  readonly resourceType: string
  readonly patternType: string
  readonly operation: string
  readonly permissionType: string
} {
  return {
    resourceType: nameOfCode(ResourceType, rule.resourceType),
    patternType: nameOfCode(PatternType, rule.patternType),
    operation: nameOfCode(AclOperation, rule.operation),
    permissionType: nameOfCode(PermissionType, rule.permissionType),
  }
}
