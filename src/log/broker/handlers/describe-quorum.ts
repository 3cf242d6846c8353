import type {
  DescribeQuorumRequest,
  DescribeQuorumResponseInput,
} from '../../protocol/apis/describe-quorum.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { ZERO_UUID } from '../../protocol/field.ts'
import { CLUSTER_METADATA } from '../../storage/partition-directories.ts'
import { AclOperation, mayOnCluster } from '../security/access.ts'
import type { Handler } from '../services.ts'

/**
 * DescribeQuorum: this node is the whole quorum and leads it. It keeps no log of metadata: every offset in it is 0.
 */
export const handleDescribeQuorum: Handler<DescribeQuorumRequest, DescribeQuorumResponseInput> = (
  request,
  context,
) => {
  if (!mayOnCluster(context, AclOperation.DESCRIBE))
    return { errorCode: ErrorCode.CLUSTER_AUTHORIZATION_FAILED, topics: [], nodes: [] }
  const { logDirectory, clock } = context.services
  const { nodeId } = logDirectory
  const nowMs = clock.nowMs()
  const leader = {
    replicaId: nodeId,
    replicaDirectoryId: ZERO_UUID,
    logEndOffset: 0,
    lastFetchTimestamp: nowMs,
    lastCaughtUpTimestamp: nowMs,
  }
  // Kafka answers for this partition when it is asked for alone.
  const [asked, ...others] = request.topics.flatMap(({ topicName, partitions }) =>
    partitions.map(({ partitionIndex }) => ({ topicName, partitionIndex })),
  )
  const asksForQuorum =
    others.length === 0 && asked?.topicName === CLUSTER_METADATA && asked.partitionIndex === 0
  const quorum = {
    errorCode: ErrorCode.NONE,
    leaderId: nodeId,
    leaderEpoch: 1,
    highWatermark: 0,
    currentVoters: [leader],
    observers: [],
  }
  const topics = request.topics.map(({ topicName, partitions }) => ({
    topicName,
    partitions: partitions.map(({ partitionIndex }) => ({
      partitionIndex,
      ...(asksForQuorum ? quorum : NOT_HERE),
    })),
  }))
  const { host, port } = context.connection.advertised
  const nodes = asksForQuorum ? [{ nodeId, listeners: [{ name: 'CONTROLLER', host, port }] }] : []
  return { errorCode: ErrorCode.NONE, topics, nodes }
}

const NOT_HERE = {
  errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  errorMessage: 'This server does not host this topic-partition.',
  leaderId: 0,
  leaderEpoch: 0,
  highWatermark: 0,
  currentVoters: [],
  observers: [],
}
