/** A committed offset in `__consumer_offsets`; a tombstone (null value) takes it back. */
import { int32, int64, string, uuid } from '../field.ts'
import type { Decoded } from '../field.ts'
import { defineRecord } from './record-schema.ts'

/** Records with this type have an `offsetCommitKey`; the older type 0 has the same fields. */
export const OFFSET_COMMIT_RECORD_TYPE = 1

const keyFields = { group: string(), topic: string(), partition: int32() }

export const offsetCommitKey = defineRecord({
  name: 'OffsetCommitKey',
  versions: [0, 1],
  flexibleFrom: Infinity,
  fields: keyFields,
})

const valueFields = {
  offset: int64(),
  leaderEpoch: int32({ since: 3, default: -1 }),
  metadata: string(),
  /** Milliseconds since the Unix epoch. */
  commitTimestamp: int64(),
  expireTimestamp: int64({ since: 1, until: 1, default: -1 }),
  topicId: uuid({ since: 4, tag: 0 }),
}

/** Version 3 is what Kafka writes as long as no topic id is known. */
export const offsetCommitValue = defineRecord({
  name: 'OffsetCommitValue',
  versions: [0, 4],
  flexibleFrom: 4,
  fields: valueFields,
})

export type OffsetCommitKey = Decoded<typeof keyFields>
export type OffsetCommitValue = Decoded<typeof valueFields>
