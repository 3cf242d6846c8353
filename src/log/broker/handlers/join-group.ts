import type { JoinGroupRequest, JoinGroupResponseInput } from '../../protocol/apis/join-group.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { AclOperation, mayOnGroup } from '../security/access.ts'
import type { BrokerServices, Handler } from '../services.ts'

const KNOWN_MEMBER_ID_FROM = 4
const NULLABLE_PROTOCOL_FROM = 7
const SKIP_ASSIGNMENT_FROM = 9

/** JoinGroup: answered when all members have joined, or the time for it is over. */
export const handleJoinGroup: Handler<JoinGroupRequest, JoinGroupResponseInput> = async (
  request,
  context,
) => {
  const { apiVersion, services, connection } = context
  const clientId = context.clientId ?? ''
  const result = mayOnGroup(context, AclOperation.READ, request.groupId)
    ? await services.groups.join({
        ...request,
        clientId,
        clientHost: connection.clientHost,
        newMemberId: `${request.groupInstanceId ?? clientId}-${randomUuid(services)}`,
        requiresKnownMemberId: apiVersion >= KNOWN_MEMBER_ID_FROM,
        canSkipAssignment: apiVersion >= SKIP_ASSIGNMENT_FROM,
      })
    : NOT_ALLOWED
  return apiVersion >= NULLABLE_PROTOCOL_FROM
    ? result
    : { ...result, protocolName: result.protocolName ?? '' }
}

const NOT_ALLOWED = {
  errorCode: ErrorCode.GROUP_AUTHORIZATION_FAILED,
  generationId: -1,
  protocolType: null,
  protocolName: null,
  leader: '',
  memberId: '',
  members: [],
}

function randomUuid({ random }: BrokerServices): string {
  const hex = Buffer.from(random.bytes(16)).toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
