import type {
  ListPartitionReassignmentsRequest,
  ListPartitionReassignmentsResponseInput,
} from '../../protocol/apis/list-partition-reassignments.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import type { Handler } from '../services.ts'

/** ListPartitionReassignments: with one broker, nothing is ever being moved. */
export const handleListPartitionReassignments: Handler<
  ListPartitionReassignmentsRequest,
  ListPartitionReassignmentsResponseInput
> = () => ({ errorCode: ErrorCode.NONE, topics: [] })
