/** Structures that both requests have by which members of share groups acknowledge. */
import { array, arrayOf, int32, int64, int8, string, struct, uuid } from './field.ts'

/** The topics of a request, with what is acknowledged. */
export const acknowledgedTopicFields = {
  topicId: uuid(),
  partitions: array({
    partitionIndex: int32(),
    acknowledgementBatches: array({
      firstOffset: int64(),
      lastOffset: int64(),
      acknowledgeTypes: arrayOf(int8()),
    }),
  }),
}

export const currentLeader = struct({ leaderId: int32(), leaderEpoch: int32() })

export const nodeEndpointFields = {
  nodeId: int32(),
  host: string(),
  port: int32(),
  rack: string({ nullableSince: 0, default: null }),
}
