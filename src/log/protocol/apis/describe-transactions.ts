/** Shows transactional ids: state, producer, partitions. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, arrayOf, int16, int32, int64, string } from '../field.ts'

export const describeTransactionsApi = defineApi({
  name: 'DescribeTransactions',
  key: 65,
  versions: [0, 0],
  flexibleFrom: 0,
  request: {
    transactionalIds: arrayOf(string()),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    transactionStates: array({
      errorCode: int16(),
      transactionalId: string(),
      transactionState: string(),
      transactionTimeoutMs: int32(),
      transactionStartTimeMs: int64(),
      producerId: int64(),
      producerEpoch: int16(),
      topics: array({
        topic: string(),
        partitions: arrayOf(int32()),
      }),
    }),
  },
})

export type DescribeTransactionsRequest = RequestOf<typeof describeTransactionsApi>
export type DescribeTransactionsRequestInput = RequestInputOf<typeof describeTransactionsApi>
export type DescribeTransactionsResponse = ResponseOf<typeof describeTransactionsApi>
export type DescribeTransactionsResponseInput = ResponseInputOf<typeof describeTransactionsApi>
