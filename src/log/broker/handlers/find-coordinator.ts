import type {
  FindCoordinatorRequest,
  FindCoordinatorResponseInput,
} from '../../protocol/apis/find-coordinator.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { AclOperation, mayOnGroup, mayOnTransactionalId } from '../security/access.ts'
import type { Handler, RequestContext } from '../services.ts'

const SEVERAL_KEYS_FROM = 4
const GROUP = 0
const TRANSACTION = 1

/** FindCoordinator: this broker coordinates everything. Asking creates the coordinator's internal topic. */
export const handleFindCoordinator: Handler<FindCoordinatorRequest, FindCoordinatorResponseInput> = (
  request,
  context,
) => {
  if (context.apiVersion < SEVERAL_KEYS_FROM) return find(request.keyType, request.key, context)
  return {
    coordinators: request.coordinatorKeys.map((key) => ({ key, ...find(request.keyType, key, context) })),
  }
}

interface Coordinator extends Answer {
  readonly nodeId: number
  readonly host: string
  readonly port: number
}

function find(keyType: number, key: string, context: RequestContext): Coordinator {
  const { logDirectory } = context.services
  const { advertised } = context.connection
  const answer = check(keyType, key, context)
  if (answer.errorCode !== ErrorCode.NONE) return { nodeId: -1, host: '', port: -1, ...answer }
  return { nodeId: logDirectory.nodeId, host: advertised.host, port: advertised.port, ...answer }
}

interface Answer {
  readonly errorCode: ErrorCode
  readonly errorMessage: string | null
}

function check(keyType: number, key: string, context: RequestContext): Answer {
  const { services } = context
  switch (keyType) {
    case GROUP:
      if (!mayOnGroup(context, AclOperation.DESCRIBE, key))
        return {
          errorCode: ErrorCode.GROUP_AUTHORIZATION_FAILED,
          errorMessage: 'Group authorization failed.',
        }
      return available(services.groups.available())
    case TRANSACTION:
      if (!mayOnTransactionalId(context, AclOperation.DESCRIBE, key)) {
        return {
          errorCode: ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
          errorMessage: 'Transactional Id authorization failed.',
        }
      }
      return available(services.transactions.available())
    default:
      return {
        errorCode: ErrorCode.INVALID_REQUEST,
        errorMessage: `Coordinators of type ${keyType} are not served here.`,
      }
  }
}

function available(yes: boolean): Answer {
  if (yes) return { errorCode: ErrorCode.NONE, errorMessage: null }
  return {
    errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE,
    errorMessage: 'The internal topic could not be created.',
  }
}
