/** Access rules (ACLs), by the words that Kafka's tools use for them. */
import { createAclsApi } from '../protocol/apis/create-acls.ts'
import { deleteAclsApi } from '../protocol/apis/delete-acls.ts'
import { describeAclsApi } from '../protocol/apis/describe-acls.ts'
import { ACL_OPERATIONS, ACL_PATTERNS, ACL_PERMISSIONS, ACL_RESOURCES } from './acl-words.ts'
import { throwIfError } from './kafka-error.ts'
import type { LogClient } from './log-client.ts'

export interface Acl {
  readonly resource: (typeof ACL_RESOURCES)[number]
  /** `kafka-cluster` for the cluster; `*` for all of a kind. */
  readonly name: string
  readonly pattern: (typeof ACL_PATTERNS)[number]
  /** Such as `User:alice` or `User:*`. */
  readonly principal: string
  /** An address, or `*`. */
  readonly host: string
  readonly operation: (typeof ACL_OPERATIONS)[number]
  readonly permission: (typeof ACL_PERMISSIONS)[number]
}

/** What a rule has to be; whatever is left out may be anything. `match` finds all rules that hold for the name. */
export interface AclFilter extends Partial<Omit<Acl, 'pattern'>> {
  readonly pattern?: Acl['pattern'] | 'match'
}

const ANY = 1
const MATCH = 2
const FIRST = 2
const FIRST_PATTERN = 3

/** The rules that fit, sorted. Throws `MR_KAFKA_REFUSED` (SECURITY_DISABLED) where the cluster has no authorizer. */
export async function describeAcls(client: LogClient, filter: AclFilter = {}): Promise<readonly Acl[]> {
  return client.retry(async () => {
    const answer = await client.request(describeAclsApi, filterCodes(filter))
    throwIfError(answer.errorCode, { doing: 'listing ACLs', detail: answer.errorMessage })
    return answer.resources
      .flatMap(({ resourceType, resourceName, patternType, acls }) =>
        acls.map((acl) => aclOf({ ...acl, resourceType, resourceName, patternType })),
      )
      .sort(byText)
  })
}

/** Adds rules; those that are there already stay. */
export async function createAcls(client: LogClient, acls: readonly Acl[]): Promise<void> {
  const answer = await client.request(
    createAclsApi,
    {
      creations: acls.map((acl) => ({
        resourceType: codeOf(ACL_RESOURCES, acl.resource),
        resourceName: acl.name,
        resourcePatternType: codeOf(ACL_PATTERNS, acl.pattern, FIRST_PATTERN),
        principal: acl.principal,
        host: acl.host,
        operation: codeOf(ACL_OPERATIONS, acl.operation),
        permissionType: codeOf(ACL_PERMISSIONS, acl.permission),
      })),
    },
    { node: 'controller' },
  )
  for (const { errorCode, errorMessage } of answer.results)
    throwIfError(errorCode, { doing: 'adding the ACL', detail: errorMessage })
}

/** Removes the rules that fit, and gives them back. */
export async function deleteAcls(client: LogClient, filter: AclFilter): Promise<readonly Acl[]> {
  const answer = await client.request(
    deleteAclsApi,
    { filters: [filterCodes(filter)] },
    { node: 'controller' },
  )
  return answer.filterResults
    .flatMap(({ errorCode, errorMessage, matchingAcls }) => {
      throwIfError(errorCode, { doing: 'removing ACLs', detail: errorMessage })
      return matchingAcls.map((one) => {
        throwIfError(one.errorCode, { doing: 'removing an ACL', detail: one.errorMessage })
        return aclOf(one)
      })
    })
    .sort(byText)
}

function filterCodes(filter: AclFilter): {
  resourceTypeFilter: number
  resourceNameFilter: string | null
  patternTypeFilter: number
  principalFilter: string | null
  hostFilter: string | null
  operation: number
  permissionType: number
} {
  const { resource, name, pattern, principal, host, operation, permission } = filter
  return {
    resourceTypeFilter: resource === undefined ? ANY : codeOf(ACL_RESOURCES, resource),
    resourceNameFilter: name ?? null,
    patternTypeFilter:
      pattern === undefined
        ? ANY
        : pattern === 'match'
          ? MATCH
          : codeOf(ACL_PATTERNS, pattern, FIRST_PATTERN),
    principalFilter: principal ?? null,
    hostFilter: host ?? null,
    operation: operation === undefined ? ANY : codeOf(ACL_OPERATIONS, operation),
    permissionType: permission === undefined ? ANY : codeOf(ACL_PERMISSIONS, permission),
  }
}

function aclOf(codes: {
  readonly resourceType: number
  readonly resourceName: string
  readonly patternType: number
  readonly principal: string
  readonly host: string
  readonly operation: number
  readonly permissionType: number
}): Acl {
  return {
    resource: wordOf(ACL_RESOURCES, codes.resourceType),
    name: codes.resourceName,
    pattern: wordOf(ACL_PATTERNS, codes.patternType, FIRST_PATTERN),
    principal: codes.principal,
    host: codes.host,
    operation: wordOf(ACL_OPERATIONS, codes.operation),
    permission: wordOf(ACL_PERMISSIONS, codes.permissionType),
  }
}

function codeOf<Word extends string>(words: readonly Word[], word: Word, first = FIRST): number {
  return words.indexOf(word) + first
}

/** A code of a newer broker's is shown as its number. */
function wordOf<Word extends string>(words: readonly Word[], code: number, first = FIRST): Word {
  return words[code - first] ?? (`unknown-${code}` as Word)
}

function byText(a: Acl, b: Acl): number {
  const [left, right] = [a, b].map((acl) =>
    [acl.resource, acl.name, acl.pattern, acl.principal, acl.operation, acl.permission, acl.host].join('\0'),
  )
  return left! < right! ? -1 : 1
}
