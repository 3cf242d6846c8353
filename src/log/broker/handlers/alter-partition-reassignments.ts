import type {
  AlterPartitionReassignmentsRequest,
  AlterPartitionReassignmentsResponseInput,
} from '../../protocol/apis/alter-partition-reassignments.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import type { LogDirectory } from '../../storage/log-directory.ts'
import { AclOperation, mayOnCluster } from '../security/access.ts'
import type { Handler } from '../services.ts'

type Wanted = AlterPartitionReassignmentsRequest['topics'][number]['partitions'][number]
type Outcome = { readonly errorCode: ErrorCode; readonly errorMessage: string | null }

/** AlterPartitionReassignments: there is one broker to be on, so whatever is possible is so already. */
export const handleAlterPartitionReassignments: Handler<
  AlterPartitionReassignmentsRequest,
  AlterPartitionReassignmentsResponseInput
> = ({ topics, allowReplicationFactorChange }, context) => {
  if (!mayOnCluster(context, AclOperation.ALTER))
    return { errorCode: ErrorCode.CLUSTER_AUTHORIZATION_FAILED, responses: [] }
  return {
    errorCode: ErrorCode.NONE,
    allowReplicationFactorChange,
    responses: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map((wanted) => ({
        partitionIndex: wanted.partitionIndex,
        ...reassign(context.services.logDirectory, name, wanted),
      })),
    })),
  }
}

function reassign(logDirectory: LogDirectory, name: string, { partitionIndex, replicas }: Wanted): Outcome {
  const topic = logDirectory.topic(name)
  if (topic?.partitions[partitionIndex] === undefined) {
    const errorMessage =
      topic === undefined
        ? `Unable to find a topic named ${name}.`
        : `Unable to find partition ${name}:${partitionIndex}.`
    return { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, errorMessage }
  }
  if (replicas === null) return { errorCode: ErrorCode.NO_REASSIGNMENT_IN_PROGRESS, errorMessage: null }
  const problem = assignmentProblem(replicas, logDirectory.nodeId)
  if (problem === undefined) return { errorCode: ErrorCode.NONE, errorMessage: null }
  return {
    errorCode: ErrorCode.INVALID_REPLICA_ASSIGNMENT,
    errorMessage: `The manual partition assignment includes ${problem}.`,
  }
}

function assignmentProblem(replicas: readonly number[], nodeId: number): string | undefined {
  if (replicas.length === 0) return 'an empty replica list'
  const stranger = replicas.find((id) => id !== nodeId)
  if (stranger !== undefined) return `broker ${stranger}, but no such broker is registered`
  return replicas.length > 1 ? `the broker ${nodeId} more than once` : undefined
}
