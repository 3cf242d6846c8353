import type {
  FindCoordinatorRequest,
  FindCoordinatorResponseInput,
} from '../../protocol/apis/find-coordinator.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import type { BrokerServices, Handler } from '../services.ts'

const SEVERAL_KEYS_FROM = 4
const GROUP = 0
const TRANSACTION = 1

/** FindCoordinator: this broker coordinates everything. Asking creates the coordinator's internal topic. */
export const handleFindCoordinator: Handler<FindCoordinatorRequest, FindCoordinatorResponseInput> = (
  request,
  { apiVersion, services },
) => {
  const { errorCode, errorMessage } = check(request, services)
  const found = errorCode === ErrorCode.NONE
  const node = {
    nodeId: found ? services.logDirectory.nodeId : -1,
    host: found ? services.advertised.host : '',
    port: found ? services.advertised.port : -1,
    errorCode,
    errorMessage,
  }
  if (apiVersion < SEVERAL_KEYS_FROM) return node
  return { coordinators: request.coordinatorKeys.map((key) => ({ key, ...node })) }
}

function check(
  request: FindCoordinatorRequest,
  services: BrokerServices,
): { errorCode: ErrorCode; errorMessage: string | null } {
  switch (request.keyType) {
    case GROUP:
      return available(services.groups.available())
    case TRANSACTION:
      return available(services.transactions.available())
    default:
      return {
        errorCode: ErrorCode.INVALID_REQUEST,
        errorMessage: `Coordinators of type ${request.keyType} are not served here.`,
      }
  }
}

function available(yes: boolean): { errorCode: ErrorCode; errorMessage: string | null } {
  if (yes) return { errorCode: ErrorCode.NONE, errorMessage: null }
  return {
    errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE,
    errorMessage: 'The internal topic could not be created.',
  }
}
