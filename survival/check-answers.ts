/** What must hold between the input and the output of the counting job, whatever has crashed in between. */
import { BrokenPromise } from '../simulation/history.ts'
import type { LogContent, StoredRecord } from '../simulation/history.ts'
import { keyOf, windowOf } from './counting-job.ts'

/**
 * Compares the committed output with the input, and the input with the events that were acknowledged. Throws `BrokenPromise` for what must never be: an answer that is there
 * twice, that no event asked for, or that is out of order. Returns what is still missing, which is right while the job
 * is not at rest, and undefined when everything is answered.
 */
export function checkAnswers(content: LogContent, acknowledged: Iterable<string>): string | undefined {
  const events = recordsOf(content, 'numbers').map(({ value }) => value)
  const stored = new Set(events)
  for (const event of acknowledged) {
    if (!stored.has(event)) return `numbers: ${event} was acknowledged and is missing`
  }
  const copies = recordsOf(content, 'copies').map(({ value }) => value.slice('copy of '.length))
  const missingCopy = sameEvents('copies', events, copies)
  const answers = readAnswers(content)
  const missingCount = checkCounts(events, answers)
  return missingCopy ?? missingCount ?? checkSums(events, answers) ?? checkWindows(events, answers)
}

interface Answer {
  readonly at: string
  readonly kind: string
  readonly key: string
  readonly words: readonly string[]
}

function recordsOf(content: LogContent, topic: string): StoredRecord[] {
  return [...content]
    .filter(([place]) => place.startsWith(`${topic}-`))
    .flatMap(([, records]) => [...records])
}

function readAnswers(content: LogContent): Answer[] {
  return [...content].flatMap(([place, records]) =>
    place.startsWith('answers-')
      ? records.map(({ offset, value }) => {
          const [kind = '', key = '', ...words] = value.split(' ')
          return { at: `${place}@${offset}: ${value}`, kind, key, words }
        })
      : [],
  )
}

/** Each event once; returns one that is missing. */
function sameEvents(where: string, events: readonly string[], found: readonly string[]): string | undefined {
  const wanted = new Set(events)
  if (wanted.size < events.length) throw new BrokenPromise(`numbers: ${repeated(events)} is there twice`)
  const seen = new Set(found)
  if (seen.size < found.length) throw new BrokenPromise(`${where}: ${repeated(found)} is there twice`)
  const strange = found.find((event) => !wanted.has(event))
  if (strange !== undefined) throw new BrokenPromise(`${where}: ${strange} is not in numbers`)
  const missing = events.find((event) => !seen.has(event))
  return missing === undefined ? undefined : `${where}: ${missing} is missing`
}

/** A key's counts are 1, 2, 3 … in the order of the output, each event once. */
function checkCounts(events: readonly string[], answers: readonly Answer[]): string | undefined {
  const totals = new Map<string, number>()
  const counted: string[] = []
  for (const { at, kind, key, words } of answers) {
    if (kind !== 'count') continue
    const [total = '', event = ''] = words
    const expected = (totals.get(key) ?? 0) + 1
    if (Number(total) !== expected) throw new BrokenPromise(`${at}, where the count of ${key} is ${expected}`)
    if (keyOf(event) !== key) throw new BrokenPromise(`${at}, but the event's key is ${keyOf(event)}`)
    totals.set(key, expected)
    counted.push(event)
  }
  return sameEvents('counts', events, counted)
}

function checkSums(events: readonly string[], answers: readonly Answer[]): string | undefined {
  const left = tally(events.map(keyOf))
  for (const { at, kind, key, words } of answers) {
    if (kind === 'sum') take(left, key, Number(words[0]), at)
  }
  return remainder('sums', left)
}

/** Every event is in the count of its window, or was late. */
function checkWindows(events: readonly string[], answers: readonly Answer[]): string | undefined {
  const left = tally(
    events.flatMap((event) => {
      const start = windowOf(event)
      return start === undefined ? [] : [`${keyOf(event)} ${start}`]
    }),
  )
  const fired = new Set<string>()
  for (const { at, kind, key, words } of answers) {
    const [start = '', rest = ''] = words
    const window = `${key} ${start}`
    if (kind === 'late') take(left, window, 1, at)
    if (kind !== 'window') continue
    if (fired.has(window)) throw new BrokenPromise(`${at}, but this window has fired before`)
    fired.add(window)
    take(left, window, Number(rest), at)
  }
  return remainder('windows', left)
}

function tally(keys: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1)
  return counts
}

function take(left: Map<string, number>, key: string, count: number, at: string): void {
  const rest = (left.get(key) ?? 0) - count
  if (!(rest >= 0)) throw new BrokenPromise(`${at}, which is ${-rest} more than there are events`)
  left.set(key, rest)
}

function remainder(where: string, left: ReadonlyMap<string, number>): string | undefined {
  for (const [key, count] of left) if (count > 0) return `${where}: ${count} events of ${key} are missing`
  return undefined
}

function repeated(values: readonly string[]): string {
  const seen = new Set<string>()
  return values.find((value) => seen.size === seen.add(value).size) ?? ''
}
