import type { GroupRecord } from '../group-record.ts'
import type { GroupStep } from '../group-step.ts'
import { isShareRecord } from '../share/share-record.ts'
import { isStreamsRecord } from '../streams/streams-record.ts'
import { ConsumerMembership } from './consumer-membership.ts'

/**
 * A decision about a group of the consumer protocol while it is being made. Its later parts have to see what its
 * earlier ones decided: each record is applied to a copy of the membership, which is made with the first record. The
 * group itself changes when the records have been appended.
 */
export class ConsumerDraft {
  readonly step: GroupStep
  #membership: ConsumerMembership
  #isCopy: boolean

  constructor(step: GroupStep) {
    this.step = step
    this.#membership = step.group.consumer ?? new ConsumerMembership()
    this.#isCopy = step.group.consumer === undefined
  }

  /** Not to be changed but by `emit`. */
  get membership(): ConsumerMembership {
    return this.#membership
  }

  emit(...records: readonly GroupRecord[]): void {
    for (const record of records) {
      this.step.effects.records.push(record)
      if (record.kind === 'offset' || record.kind === 'membership') continue
      if (isShareRecord(record) || isStreamsRecord(record)) continue
      if (!this.#isCopy) this.#membership = this.#membership.copy()
      this.#isCopy = true
      this.#membership.apply(record)
    }
  }
}
