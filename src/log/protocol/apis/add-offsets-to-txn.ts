/** Adds a group's offsets partition to a transaction. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { int16, int32, int64, string } from '../field.ts'

export const addOffsetsToTxnApi = defineApi({
  name: 'AddOffsetsToTxn',
  key: 25,
  versions: [0, 4],
  flexibleFrom: 3,
  request: {
    transactionalId: string(),
    producerId: int64(),
    producerEpoch: int16(),
    groupId: string(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16(),
  },
})

export type AddOffsetsToTxnRequest = RequestOf<typeof addOffsetsToTxnApi>
export type AddOffsetsToTxnRequestInput = RequestInputOf<typeof addOffsetsToTxnApi>
export type AddOffsetsToTxnResponse = ResponseOf<typeof addOffsetsToTxnApi>
export type AddOffsetsToTxnResponseInput = ResponseInputOf<typeof addOffsetsToTxnApi>
