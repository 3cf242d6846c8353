import type { GroupStep } from '../group-step.ts'
import { StreamsMembership } from './streams-membership.ts'
import type { StreamsRecord } from './streams-record.ts'

/** A decision about a streams group while it is being made, as `ConsumerDraft` is for one of the consumer protocol. */
export class StreamsDraft {
  readonly step: GroupStep
  #membership: StreamsMembership
  #isCopy: boolean

  constructor(step: GroupStep) {
    this.step = step
    this.#membership = step.group.streams ?? new StreamsMembership()
    this.#isCopy = step.group.streams === undefined
  }

  /** Not to be changed but by `emit`. */
  get membership(): StreamsMembership {
    return this.#membership
  }

  emit(...records: readonly StreamsRecord[]): void {
    for (const record of records) {
      this.step.effects.records.push(record)
      if (!this.#isCopy) this.#membership = this.#membership.copy()
      this.#isCopy = true
      this.#membership.apply(record)
    }
  }
}
