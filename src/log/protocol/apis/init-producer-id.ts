/** Gives a producer id and epoch. For a transactional id it also fences older producers and ends what they left open. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { int16, int32, int64, string } from '../field.ts'

export const initProducerIdApi = defineApi({
  name: 'InitProducerId',
  key: 22,
  versions: [0, 5],
  flexibleFrom: 2,
  request: {
    transactionalId: string({ nullableSince: 0 }),
    transactionTimeoutMs: int32(),
    producerId: int64({ since: 3, default: -1 }),
    producerEpoch: int16({ since: 3, default: -1 }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
    producerId: int64({ default: -1 }),
    producerEpoch: int16(),
  },
})

export type InitProducerIdRequest = RequestOf<typeof initProducerIdApi>
export type InitProducerIdRequestInput = RequestInputOf<typeof initProducerIdApi>
export type InitProducerIdResponse = ResponseOf<typeof initProducerIdApi>
export type InitProducerIdResponseInput = ResponseInputOf<typeof initProducerIdApi>
