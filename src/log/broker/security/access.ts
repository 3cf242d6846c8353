/** What handlers ask about the client of their request; a `false` has been reported as a refusal. */
import type { RequestContext } from '../services.ts'
import { AclOperation, CLUSTER_NAME, ResourceType } from './access-codes.ts'

export { AclOperation } from './access-codes.ts'

type Ask = (context: RequestContext, operation: AclOperation, name: string) => boolean

const may =
  (type: ResourceType): Ask =>
  ({ services, connection }, operation, name) =>
    services.authorizer.allows(connection, operation, type, name)

export const mayOnTopic = may(ResourceType.TOPIC)
export const mayOnGroup = may(ResourceType.GROUP)
export const mayOnTransactionalId = may(ResourceType.TRANSACTIONAL_ID)

export function mayOnCluster(context: RequestContext, operation: AclOperation): boolean {
  return may(ResourceType.CLUSTER)(context, operation, CLUSTER_NAME)
}

const shows =
  (type: ResourceType): Ask =>
  ({ services, connection }, operation, name) =>
    services.authorizer.permits(connection, operation, type, name)

/** For what a list leaves out when the client may not: nothing is reported, here and in what follows. */
export const showsTopic = shows(ResourceType.TOPIC)
export const showsGroup = shows(ResourceType.GROUP)
export const showsTransactionalId = shows(ResourceType.TRANSACTIONAL_ID)

/** For what another right may allow as well. */
export function showsOnCluster(context: RequestContext, operation: AclOperation): boolean {
  return shows(ResourceType.CLUSTER)(context, operation, CLUSTER_NAME)
}

/** Whoever may write to some topic may have a producer id (KIP-679). */
export function mayWriteSomeTopic(context: RequestContext): boolean {
  return context.services.authorizer.allowsSome(context.connection, AclOperation.WRITE, ResourceType.TOPIC)
}

/** What the client may do to the cluster, nothing when it may not describe it. */
export function clusterOperations(context: RequestContext): number {
  if (!showsOnCluster(context, AclOperation.DESCRIBE)) return 0
  return authorizedOperations(context, 'CLUSTER', CLUSTER_NAME)
}

/** For the operations that a resource knows, a bit for each that the client may: `authorizedOperations` in answers. */
export function authorizedOperations(
  context: RequestContext,
  resourceType: keyof typeof OPERATIONS,
  name: string,
): number {
  const { authorizer } = context.services
  let bits = 0
  for (const operation of OPERATIONS[resourceType]) {
    if (authorizer.permits(context.connection, operation, ResourceType[resourceType], name))
      bits |= 1 << operation
  }
  return bits
}

const { READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS } = AclOperation
const { CLUSTER_ACTION, IDEMPOTENT_WRITE } = AclOperation

const OPERATIONS = {
  TOPIC: [READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS],
  GROUP: [READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS],
  CLUSTER: [CREATE, ALTER, DESCRIBE, CLUSTER_ACTION, DESCRIBE_CONFIGS, ALTER_CONFIGS, IDEMPOTENT_WRITE],
} as const satisfies Record<string, readonly AclOperation[]>
