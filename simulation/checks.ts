/** The promises of the log, checked on what it holds after everything has come to rest. */
import { BrokenPromise } from './history.ts'
import type { History, LogContent } from './history.ts'

export interface FinalState {
  readonly readUncommitted: LogContent
  readonly readCommitted: LogContent
  /** What the group's coordinator says, by place. */
  readonly committedOffsets: ReadonlyMap<string, number>
  /** Up to where the copiers have copied, by place in `numbers`. */
  readonly copiedTo: ReadonlyMap<string, number>
}

export function checkPromises(history: History, state: FinalState): void {
  nothingAcknowledgedIsLost(history, state)
  nothingIsThereTwice(withoutAnswers(state.readUncommitted))
  nothingIsThereTwice(state.readCommitted)
  producersAreInOrder(withoutAnswers(state.readUncommitted))
  transactionsAreAtomic(history, state)
  whatWasSeenStays(history, state)
  committedOffsetsStay(history, state)
  groupSkippedNothing(history, state)
  answersAreExact(state)
}

function nothingAcknowledgedIsLost(history: History, { readUncommitted }: FinalState): void {
  const places = new Map<string, Map<string, number>>()
  for (const [place, records] of readUncommitted) {
    places.set(place, new Map(records.map(({ value, offset }) => [value, offset])))
  }
  for (const [value, { place, offset }] of history.acknowledged) {
    const found = places.get(place)?.get(value)
    if (found === undefined)
      throw new BrokenPromise(`${place}: ${value} was acknowledged at ${offset} and is gone`)
    if (offset >= 0 && found !== offset) {
      throw new BrokenPromise(`${place}: ${value} was acknowledged at ${offset} and is at ${found}`)
    }
  }
}

function nothingIsThereTwice(content: LogContent): void {
  const seen = new Map<string, string>()
  for (const [place, records] of content) {
    for (const { offset, value } of records) {
      const at = `${place}@${offset}`
      const before = seen.get(value)
      if (before !== undefined) throw new BrokenPromise(`${value} is there twice: ${before} and ${at}`)
      seen.set(value, at)
    }
  }
}

/** Values are `producer.number`: within a partition each producer's numbers rise. */
function producersAreInOrder(content: LogContent): void {
  for (const [place, records] of content) {
    const last = new Map<string, number>()
    for (const { offset, value } of records) {
      const [producer, number] = splitAtLastDot(value)
      const before = last.get(producer) ?? -1
      if (number <= before)
        throw new BrokenPromise(`${place}@${offset}: ${value} stands after number ${before}`)
      last.set(producer, number)
    }
  }
}

function transactionsAreAtomic(history: History, { readCommitted }: FinalState): void {
  const visible = new Set([...readCommitted.values()].flat().map(({ value }) => value))
  for (const { name, values, outcome } of history.transactions) {
    const count = values.filter((value) => visible.has(value)).length
    const all = count === values.length
    const right = outcome === 'committed' ? all : outcome === 'aborted' ? count === 0 : all || count === 0
    if (!right)
      throw new BrokenPromise(`transaction ${name} (${outcome}): ${count} of ${values.length} are visible`)
  }
}

export function whatWasSeenStays(
  history: History,
  { readCommitted }: Pick<FinalState, 'readCommitted'>,
): void {
  for (const [place, seen] of history.seen) {
    const stored = new Map(readCommitted.get(place)?.map(({ offset, value }) => [offset, value]))
    for (const [offset, value] of seen) {
      const now = stored.get(offset)
      if (now !== value)
        throw new BrokenPromise(`${place}@${offset}: a reader saw ${value}, now it is ${now ?? 'gone'}`)
    }
  }
}

function committedOffsetsStay(history: History, { committedOffsets }: FinalState): void {
  for (const [place, offset] of history.committedOffsets) {
    history.readCommittedOffset(place, committedOffsets.get(place) ?? -1, offset)
  }
}

/** At least once: everything before a committed offset was worked on by some member. */
function groupSkippedNothing(history: History, { committedOffsets, readCommitted }: FinalState): void {
  for (const [place, committed] of committedOffsets) {
    for (const { offset, value } of readCommitted.get(place) ?? []) {
      if (offset < committed && !history.processed.has(value)) {
        throw new BrokenPromise(
          `${place}@${offset}: ${value} lies before the committed offset ${committed}, unprocessed`,
        )
      }
    }
  }
}

/** Exactly once: the copier's output is its input, each record once, in order, without gap. */
function answersAreExact({ readCommitted, copiedTo }: FinalState): void {
  for (const [place, answers] of readCommitted) {
    if (!place.startsWith('answers-')) continue
    const sourcePlace = place.replace('answers-', 'numbers-')
    const upTo = copiedTo.get(sourcePlace) ?? 0
    const source = (readCommitted.get(sourcePlace) ?? []).filter(({ offset }) => offset < upTo)
    for (const [i, { value, offset }] of answers.entries()) {
      const expected = `answer to ${source[i]?.value ?? 'nothing'}`
      if (value !== expected)
        throw new BrokenPromise(`${place}@${offset}: ${value} where ${expected} should be`)
    }
    if (answers.length < source.length) {
      throw new BrokenPromise(
        `${place}: ${answers.length} answers to ${source.length} records before offset ${upTo}`,
      )
    }
  }
}

/** Copies that were aborted are written again, under the same values. */
function withoutAnswers(content: LogContent): LogContent {
  return new Map([...content].filter(([place]) => !place.startsWith('answers-')))
}

function splitAtLastDot(value: string): [producer: string, number: number] {
  const at = value.lastIndexOf('.')
  return [value.slice(0, at), Number(value.slice(at + 1))]
}
