import type {
  ListPartitionReassignmentsRequest,
  ListPartitionReassignmentsResponseInput,
} from '../../protocol/apis/list-partition-reassignments.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { AclOperation, mayOnCluster } from '../security/access.ts'
import type { Handler } from '../services.ts'

/** ListPartitionReassignments: with one broker, nothing is ever being moved. */
export const handleListPartitionReassignments: Handler<
  ListPartitionReassignmentsRequest,
  ListPartitionReassignmentsResponseInput
> = (_request, context) => ({
  errorCode: mayOnCluster(context, AclOperation.DESCRIBE)
    ? ErrorCode.NONE
    : ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
  topics: [],
})
