/** Control records end a transaction in a partition: one record of one control batch, never given to applications. */
import { int16, int32 } from '../field.ts'
import { defineRecord } from './record-schema.ts'

export const ControlRecordType = { ABORT: 0, COMMIT: 1 } as const
export type ControlRecordType = (typeof ControlRecordType)[keyof typeof ControlRecordType]

/** The key: which end it is, a `ControlRecordType`. */
export const controlRecordKey = defineRecord({
  name: 'ControlRecordType',
  versions: [0, 0],
  flexibleFrom: Infinity,
  fields: { type: int16() },
})

/** The value: who said so. */
export const endTxnMarker = defineRecord({
  name: 'EndTxnMarker',
  versions: [0, 0],
  flexibleFrom: Infinity,
  fields: { coordinatorEpoch: int32() },
})
