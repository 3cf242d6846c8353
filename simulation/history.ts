/** What a scenario's clients were told, to be compared with what the log holds in the end. */

export interface StoredRecord {
  readonly offset: number
  readonly value: string
}

/** `unknown`: its client lost the answer, or died. */
export type TransactionOutcome = 'open' | 'committed' | 'aborted' | 'unknown'

export interface TransactionHistory {
  readonly name: string
  readonly values: string[]
  outcome: TransactionOutcome
}

/** Something happened that must never happen. */
export class BrokenPromise extends Error {
  override readonly name = 'BrokenPromise'
}

/** Records of each topic and partition, in order of offset. */
export type LogContent = ReadonlyMap<string, readonly StoredRecord[]>

export const placeOf = (topic: string, partition: number): string => `${topic}-${partition}`

export class History {
  /** Value → where it was acknowledged with acks=all; offset -1 where the answer did not tell it. */
  readonly acknowledged = new Map<string, { readonly place: string; readonly offset: number }>()
  readonly transactions: TransactionHistory[] = []
  /** What any `read_committed` reader saw: place → offset → value. */
  readonly seen = new Map<string, Map<number, string>>()
  /** The batches in which they came: place → base offset → bytes. */
  readonly seenBatches = new Map<string, Map<number, Buffer>>()
  /** Place → highest offset that the group was told to be committed, as an answer to its commit or to its question. */
  readonly committedOffsets = new Map<string, number>()
  /** Values that members of the group worked on. */
  readonly processed = new Set<string>()
  /** Errors that clients met. */
  readonly troubles: string[] = []
  readonly #lines: string[] = []
  readonly #membersAwaited: (() => void)[] = []
  readonly #nowMs: () => number
  #digest = 0

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** Notes an event; the last ones are shown when a promise turns out to be broken. */
  note(text: string): void {
    const line = `${this.#nowMs().toFixed(3).padStart(12)}  ${text}`
    for (let i = 0; i < line.length; i++)
      this.#digest = (Math.imul(this.#digest, 31) + line.charCodeAt(i)) | 0
    this.#lines.push(line)
  }

  /** A member was told its generation or epoch, and what it is to work on. */
  memberTold(text: string): void {
    this.note(text)
    for (const resolve of this.#membersAwaited.splice(0)) resolve()
  }

  /** Resolves when the next member is told. */
  untilMemberTold(): Promise<void> {
    return new Promise((resolve) => this.#membersAwaited.push(resolve))
  }

  /** A client met an error. Where nothing goes wrong on purpose, nobody may. */
  trouble(text: string): void {
    this.troubles.push(text)
    this.note(text)
  }

  get lines(): readonly string[] {
    return this.#lines
  }

  /** Equal for equal runs. */
  get digest(): string {
    return (this.#digest >>> 0).toString(16).padStart(8, '0')
  }

  /** A reader was given these records. Two readers must see the same, and no reader anything twice or out of order. */
  saw(place: string, records: readonly StoredRecord[], position: { next: number }): void {
    let seen = this.seen.get(place)
    if (seen === undefined) this.seen.set(place, (seen = new Map<number, string>()))
    for (const { offset, value } of records) {
      if (offset < position.next)
        throw new BrokenPromise(`${place}: offset ${offset} came after ${position.next - 1}`)
      position.next = offset + 1
      const before = seen.get(offset)
      if (before !== undefined && before !== value) {
        throw new BrokenPromise(`${place}@${offset}: one reader saw ${before}, another ${value}`)
      }
      seen.set(offset, value)
    }
  }

  /** A reader was given these batches. Two readers must get the same bytes. */
  sawBatches(place: string, batches: readonly Buffer[]): void {
    let seen = this.seenBatches.get(place)
    if (seen === undefined) this.seenBatches.set(place, (seen = new Map<number, Buffer>()))
    for (const batch of batches) {
      const offset = Number(batch.readBigInt64BE(0))
      const before = seen.get(offset)
      if (before === undefined) seen.set(offset, Buffer.from(batch))
      else if (!before.equals(batch))
        throw new BrokenPromise(`${place}@${offset}: two readers got other bytes`)
    }
  }

  /** The group's coordinator answered that this is the committed offset: no answer to a later question is lower. */
  readCommittedOffset(place: string, offset: number, toldBefore: number): void {
    if (offset < toldBefore)
      throw new BrokenPromise(`${place}: committed offset ${offset} after ${toldBefore} was acknowledged`)
    this.toldCommittedOffset(place, offset)
  }

  toldCommittedOffset(place: string, offset: number): void {
    this.committedOffsets.set(place, Math.max(offset, this.committedOffsets.get(place) ?? -1))
  }
}
