/** A classic consumer group's generation in `__consumer_offsets`; a tombstone (null value) removes the group. */
import { array, bytes, int32, int64, string } from '../field.ts'
import type { Decoded } from '../field.ts'
import { defineRecord } from './record-schema.ts'

export const GROUP_METADATA_RECORD_TYPE = 2

const keyFields = { group: string() }

export const groupMetadataKey = defineRecord({
  name: 'GroupMetadataKey',
  versions: [2, 2],
  flexibleFrom: Infinity,
  fields: keyFields,
})

const valueFields = {
  protocolType: string(),
  generation: int32(),
  protocol: string({ nullableSince: 0 }),
  /** Member id of the leader. */
  leader: string({ nullableSince: 0 }),
  /** Milliseconds since the Unix epoch. */
  currentStateTimestamp: int64({ since: 2, default: -1 }),
  members: array({
    memberId: string(),
    groupInstanceId: string({ since: 3, nullableSince: 3, default: null }),
    clientId: string(),
    clientHost: string(),
    rebalanceTimeout: int32({ since: 1, default: -1 }),
    sessionTimeout: int32(),
    subscription: bytes(),
    assignment: bytes(),
  }),
}

export const groupMetadataValue = defineRecord({
  name: 'GroupMetadataValue',
  versions: [0, 4],
  flexibleFrom: 4,
  fields: valueFields,
})

export type GroupMetadataKey = Decoded<typeof keyFields>
export type GroupMetadataValue = Decoded<typeof valueFields>
