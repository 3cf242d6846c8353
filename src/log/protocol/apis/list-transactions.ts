/** Lists the transactional ids that a broker coordinates, filtered by state, producer, duration and name. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, arrayOf, int16, int32, int64, string } from '../field.ts'

export const listTransactionsApi = defineApi({
  name: 'ListTransactions',
  key: 66,
  versions: [0, 2],
  flexibleFrom: 0,
  request: {
    stateFilters: arrayOf(string()),
    producerIdFilters: arrayOf(int64()),
    durationFilter: int64({ since: 1, default: -1 }),
    transactionalIdPattern: string({ since: 2, nullableSince: 2, default: null }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
    unknownStateFilters: arrayOf(string()),
    transactionStates: array({
      transactionalId: string(),
      producerId: int64(),
      transactionState: string(),
    }),
  },
})

export type ListTransactionsRequest = RequestOf<typeof listTransactionsApi>
export type ListTransactionsRequestInput = RequestInputOf<typeof listTransactionsApi>
export type ListTransactionsResponse = ResponseOf<typeof listTransactionsApi>
export type ListTransactionsResponseInput = ResponseInputOf<typeof listTransactionsApi>
