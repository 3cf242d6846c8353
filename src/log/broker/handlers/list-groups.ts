import type { ListGroupsRequest, ListGroupsResponseInput } from '../../protocol/apis/list-groups.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { AclOperation, showsGroup, showsOnCluster } from '../security/access.ts'
import type { Handler } from '../services.ts'

/** ListGroups: filters are compared without regard to case; empty ones let everything through. */
export const handleListGroups: Handler<ListGroupsRequest, ListGroupsResponseInput> = (request, context) => {
  const all = showsOnCluster(context, AclOperation.DESCRIBE)
  const states = lowered(request.statesFilter)
  const types = lowered(request.typesFilter)
  const groups = context.services.groups
    .list()
    .filter(({ groupState, groupType }) => passes(states, groupState) && passes(types, groupType))
    .filter(({ groupId }) => all || showsGroup(context, AclOperation.DESCRIBE, groupId))
  return { errorCode: ErrorCode.NONE, groups }
}

function lowered(filter: readonly string[]): ReadonlySet<string> {
  return new Set(filter.map((word) => word.toLowerCase()))
}

function passes(filter: ReadonlySet<string>, word: string): boolean {
  return filter.size === 0 || filter.has(word.toLowerCase())
}
