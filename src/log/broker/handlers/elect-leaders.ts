import type { ElectLeadersRequest, ElectLeadersResponseInput } from '../../protocol/apis/elect-leaders.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import type { LogDirectory } from '../../storage/log-directory.ts'
import { AclOperation, mayOnCluster } from '../security/access.ts'
import type { Handler } from '../services.ts'

const PREFERRED = 0
const UNCLEAN = 1

type PartitionResult = {
  readonly partitionId: number
  readonly errorCode: ErrorCode
  readonly errorMessage: string
}

/**
 * ElectLeaders: the one node leads every partition, so no election is ever needed. Asked for all partitions, Kafka
 * names only those where something happened.
 */
export const handleElectLeaders: Handler<ElectLeadersRequest, ElectLeadersResponseInput> = (
  { electionType, topicPartitions },
  context,
) => {
  if (!mayOnCluster(context, AclOperation.ALTER)) {
    const errorCode = ErrorCode.CLUSTER_AUTHORIZATION_FAILED
    const errorMessage = 'Cluster authorization failed.'
    return {
      errorCode,
      replicaElectionResults: (topicPartitions ?? []).map(({ topic, partitions }) => ({
        topic,
        partitionResult: partitions.map((partitionId) => ({ partitionId, errorCode, errorMessage })),
      })),
    }
  }
  const { logDirectory } = context.services
  const known = electionType === PREFERRED || electionType === UNCLEAN
  const wanted =
    topicPartitions ?? Array.from(logDirectory.topics(), ({ name }) => ({ topic: name, partitions: [] }))
  return {
    errorCode: known ? ErrorCode.NONE : ErrorCode.INVALID_REQUEST,
    replicaElectionResults: wanted.map(({ topic, partitions }) => ({
      topic,
      partitionResult: partitions.map((partitionId) =>
        known
          ? elect(logDirectory, topic, partitionId)
          : {
              partitionId,
              errorCode: ErrorCode.INVALID_REQUEST,
              errorMessage: `Unknown election type ${electionType}`,
            },
      ),
    })),
  }
}

function elect(logDirectory: LogDirectory, name: string, partitionId: number): PartitionResult {
  const topic = logDirectory.topic(name)
  const errorCode = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
  if (topic === undefined) return { partitionId, errorCode, errorMessage: `No such topic as ${name}` }
  if (topic.partitions[partitionId] === undefined)
    return { partitionId, errorCode, errorMessage: `No such partition as ${name}-${partitionId}` }
  return {
    partitionId,
    errorCode: ErrorCode.ELECTION_NOT_NEEDED,
    errorMessage: 'Leader election not needed for topic partition.',
  }
}
