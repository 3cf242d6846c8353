/**
 * Appends record batches to partitions. Version 13 names topics by id. From version 12 (KIP-890) a transactional
 * produce adds the partition to the transaction by itself. With acks = 0 there is no response.
 */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, int16, int32, int64, records, string, struct, uuid } from '../field.ts'

export const produceApi = defineApi({
  name: 'Produce',
  key: 0,
  versions: [3, 13],
  // Old librdkafka finds out about compression from Produce being advertised from 0 (KIP-896); 0 to 2 are refused.
  advertisedVersions: [0, 13],
  flexibleFrom: 9,
  request: {
    transactionalId: string({ nullableSince: 0, default: null }),
    acks: int16(),
    timeoutMs: int32(),
    topicData: array({
      name: string({ until: 12 }),
      topicId: uuid({ since: 13 }),
      partitionData: array({
        index: int32(),
        records: records({ nullableSince: 0 }),
      }),
    }),
  },
  response: {
    responses: array({
      name: string({ until: 12 }),
      topicId: uuid({ since: 13 }),
      partitionResponses: array({
        index: int32(),
        errorCode: int16(),
        baseOffset: int64(),
        logAppendTimeMs: int64({ default: -1 }),
        logStartOffset: int64({ since: 5, default: -1 }),
        recordErrors: array(
          {
            batchIndex: int32(),
            batchIndexErrorMessage: string({ nullableSince: 0, default: null }),
          },
          { since: 8 },
        ),
        errorMessage: string({ since: 8, nullableSince: 8, default: null }),
        currentLeader: struct(
          {
            leaderId: int32({ default: -1 }),
            leaderEpoch: int32({ default: -1 }),
          },
          { since: 10, tag: 0 },
        ),
      }),
    }),
    throttleTimeMs: int32({ default: 0 }),
    nodeEndpoints: array(
      {
        nodeId: int32(),
        host: string(),
        port: int32(),
        rack: string({ nullableSince: 0, default: null }),
      },
      { since: 10, tag: 0 },
    ),
  },
})

export type ProduceRequest = RequestOf<typeof produceApi>
export type ProduceRequestInput = RequestInputOf<typeof produceApi>
export type ProduceResponse = ResponseOf<typeof produceApi>
export type ProduceResponseInput = ResponseInputOf<typeof produceApi>
