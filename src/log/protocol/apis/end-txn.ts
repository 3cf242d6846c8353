/** Commits or aborts a transaction. From version 5 (KIP-890) the answer carries the producer's next epoch. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { bool, int16, int32, int64, string } from '../field.ts'

export const endTxnApi = defineApi({
  name: 'EndTxn',
  key: 26,
  versions: [0, 5],
  flexibleFrom: 3,
  request: {
    transactionalId: string(),
    producerId: int64(),
    producerEpoch: int16(),
    committed: bool(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
    producerId: int64({ since: 5, default: -1 }),
    producerEpoch: int16({ since: 5, default: -1 }),
  },
})

export type EndTxnRequest = RequestOf<typeof endTxnApi>
export type EndTxnRequestInput = RequestInputOf<typeof endTxnApi>
export type EndTxnResponse = ResponseOf<typeof endTxnApi>
export type EndTxnResponseInput = ResponseInputOf<typeof endTxnApi>
