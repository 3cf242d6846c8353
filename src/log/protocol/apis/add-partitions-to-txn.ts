/**
 * Adds partitions to a transaction before they are written to. Versions 0 to 3 are for clients; from version 4 a broker
 * may ask for several transactions, or only verify.
 */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, arrayOf, bool, int16, int32, int64, string } from '../field.ts'

const addPartitionsToTxnPartitionResultFields = {
  partitionIndex: int32(),
  partitionErrorCode: int16(),
}

const addPartitionsToTxnTopicResultFields = {
  name: string(),
  resultsByPartition: array(addPartitionsToTxnPartitionResultFields),
}

const addPartitionsToTxnTopicFields = {
  name: string(),
  partitions: arrayOf(int32()),
}

export const addPartitionsToTxnApi = defineApi({
  name: 'AddPartitionsToTxn',
  key: 24,
  versions: [0, 5],
  flexibleFrom: 3,
  request: {
    transactions: array(
      {
        transactionalId: string(),
        producerId: int64(),
        producerEpoch: int16(),
        verifyOnly: bool({ default: false }),
        topics: array(addPartitionsToTxnTopicFields),
      },
      { since: 4 },
    ),
    v3AndBelowTransactionalId: string({ until: 3 }),
    v3AndBelowProducerId: int64({ until: 3 }),
    v3AndBelowProducerEpoch: int16({ until: 3 }),
    v3AndBelowTopics: array(addPartitionsToTxnTopicFields, { until: 3 }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16({ since: 4 }),
    resultsByTransaction: array(
      {
        transactionalId: string(),
        topicResults: array(addPartitionsToTxnTopicResultFields),
      },
      { since: 4 },
    ),
    resultsByTopicV3AndBelow: array(addPartitionsToTxnTopicResultFields, { until: 3 }),
  },
})

export type AddPartitionsToTxnRequest = RequestOf<typeof addPartitionsToTxnApi>
export type AddPartitionsToTxnRequestInput = RequestInputOf<typeof addPartitionsToTxnApi>
export type AddPartitionsToTxnResponse = ResponseOf<typeof addPartitionsToTxnApi>
export type AddPartitionsToTxnResponseInput = ResponseInputOf<typeof addPartitionsToTxnApi>
