/**
 * The job that has to survive: it reads numbered events and answers each of them in every way that a crash could spoil.
 *
 *   numbers ─┬─▶ (slow)    nothing                              holds the reading up now and then
 *            ├─▶ copies    `copy of EVENT`                      passed through
 *            └─▶ answers   `count KEY N EVENT`                  keyed state: N counts the key's events
 *                          `sum KEY N`                          N more events, told by a timer of processing time
 *                          `window KEY START N`                 tumbling windows of event time
 *                          `late KEY START EVENT`               … and what came too late for them
 *
 * `checkAnswers` says what must hold between the three topics. Events are `producer/session.number`; key and event time
 * follow from the text, so that the model needs nothing else.
 */
import { count, job, tumbling, value } from 'millrace'
import { kafka, string } from 'millrace/kafka'
import { slowSink } from './slow-sink.ts'

export const TOPICS = ['numbers', 'copies', 'answers'] as const
export const PARTITIONS = 2
const KEYS = 5
const WINDOW_MS = 1_000
const START_MS = Date.UTC(2020, 0, 1)
/** An event of the producer `end` closes all windows of its partition. A log refuses what lies in the future. */
const END_MS = START_MS + 365 * 86_400_000

export function keyOf(event: string): string {
  return `k${hashOf(event) % KEYS}`
}

/** Rises with session and number, but not in the order in which events arrive. */
export function timeOf(event: string): number {
  if (event.startsWith('end/')) return END_MS
  const [session = '', number = ''] = event.slice(event.indexOf('/') + 1).split('.')
  return START_MS + Number(session) * 2_000 + Number(number) * 20 + (hashOf(event) % 300)
}

/** Where the window of an event begins; undefined when it never ends. */
export function windowOf(event: string): number | undefined {
  const atMs = timeOf(event)
  return atMs === END_MS ? undefined : atMs - (atMs % WINDOW_MS)
}

function hashOf(text: string): number {
  let hash = 7
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) >>> 0
  return hash
}

const state = { total: value<number>(), untold: value<number>() }

export default job('counting', (flow) => {
  const common = { partitions: PARTITIONS, value: string() }
  const numbers = flow
    .source('numbers', kafka({ topic: 'numbers', ...common }))
    .eventTime({ at: timeOf, outOfOrdernessMs: 200, idleAfterMs: 500 })
  numbers.sink('slow', slowSink())
  numbers
    .map((event) => `copy of ${event}`)
    .sink('copies', kafka({ topic: 'copies', key: (copy) => copy, ...common }))

  const byKey = numbers.keyBy(keyOf)
  const counts = byKey.process('count', {
    state,
    onEvent(event, { key, state, timers, nowMs }) {
      const total = (state.total.get() ?? 0) + 1
      state.total.set(total)
      const untold = state.untold.get() ?? 0
      state.untold.set(untold + 1)
      if (untold === 0) timers.register('processing', nowMs() + 50, 'sum')
      return [`count ${key} ${total} ${event}`]
    },
    onTimer(_timer, { key, state }) {
      const untold = state.untold.get() ?? 0
      state.untold.clear()
      return [`sum ${key} ${untold}`]
    },
  })
  const windows = byKey.window(tumbling({ sizeMs: WINDOW_MS })).aggregate('per-second', { n: count() })
  counts
    .union(
      windows.map(({ key, windowStart, n }) => `window ${key} ${windowStart} ${n}`),
      windows.late.map((event) => `late ${keyOf(event)} ${windowOf(event)} ${event}`),
    )
    .sink('answers', kafka({ topic: 'answers', key: (answer) => answer.split(' ')[1] ?? '', ...common }))
})
