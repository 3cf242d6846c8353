import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { expectSameWithSnapshots } from '../../testing/expect-same-with-snapshots.ts'
import {
  OperatorHarness,
  advanceTime,
  event,
  watermark,
  type ScriptStep,
} from '../../testing/operator-harness.ts'
import { mean } from '../state/aggregators.ts'
import { aggregating, list, map, reducing, value, type StateShape } from '../state/handles.ts'
import type { FiredTimer } from '../time/timer-service.ts'
import { KeyedProcessOperator, type KeyedProcess } from './keyed-process.ts'
import { WATERMARK_END, type Key } from './operator.ts'

type Action =
  | { readonly kind: 'set' | 'add' | 'put' | 'fold' | 'average'; readonly n: number }
  | { readonly kind: 'clear' | 'read' | 'forget' }

interface Do {
  readonly key: Key
  readonly action: Action
}

const TTL = 10

const shape = {
  forEver: value<{ n: number }>(),
  last: value<number>({ ttlMs: TTL }),
  lastRead: value<number>({ ttlMs: TTL, ttlRefresh: 'on-read' }),
  recent: list<number>({ ttlMs: TTL }),
  all: list<number>(),
  seen: map<string, number>({ ttlMs: TTL }),
  known: map<number, string>(),
  total: reducing<number>((left, right) => left + right),
  average: aggregating(mean((n: number) => n)),
}

const everything: KeyedProcess<Do, unknown, typeof shape> = {
  state: shape,
  onEvent({ action, key }, { state }) {
    switch (action.kind) {
      case 'set':
        state.forEver.set({ n: action.n })
        state.last.set(action.n)
        state.lastRead.set(action.n)
        break
      case 'add':
        state.recent.add(action.n)
        state.all.add(action.n)
        break
      case 'put':
        state.seen.set(`n${action.n}`, action.n)
        state.known.set(action.n, 'x')
        break
      case 'fold':
        state.total.add(action.n)
        break
      case 'average':
        state.average.add(action.n)
        break
      case 'clear':
        for (const handle of Object.values(state)) handle.clear()
        break
      case 'forget':
        state.seen.delete('n1')
        state.known.delete(1)
        state.all.set([7])
        break
      case 'read':
        break
    }
    return [
      {
        key,
        forEver: state.forEver.get(),
        last: state.last.get(),
        lastRead: action.kind === 'read' ? state.lastRead.get() : undefined,
        recent: state.recent.get(),
        all: state.all.get(),
        allLength: state.all.length,
        seen: state.seen.entries(),
        seesOne: state.seen.has('n1'),
        known: state.known.entries(),
        total: state.total.get(),
        average: state.average.get(),
      },
    ]
  },
}

const keys = fc.constantFrom<Key>('a', 'b', 'c', 1, '1', -7.5)
const actions = fc.oneof(
  fc.record({
    kind: fc.constantFrom<'set' | 'add' | 'put' | 'fold' | 'average'>('set', 'add', 'put', 'fold', 'average'),
    n: fc.integer({ min: 0, max: 4 }),
  }),
  fc.record({ kind: fc.constantFrom<'clear' | 'read' | 'forget'>('clear', 'read', 'read', 'forget') }),
)
const scripts = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ key: keys, action: actions }) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 12 }) },
  ),
  { maxLength: 30 },
)

const scriptOf = (given: readonly (Do | number)[]): ScriptStep<Do>[] =>
  given.map((each) => (typeof each === 'number' ? advanceTime(each) : event(each, { key: each.key })))

const operatorOf = <In, Out, S extends StateShape>(process: KeyedProcess<In, Out, S>) =>
  new KeyedProcessOperator(process as KeyedProcess<unknown, unknown>)

describe('keyed state', () => {
  test('is the same however it is interrupted', async () => {
    await fc.assert(
      fc.asyncProperty(scripts, async (given) => {
        await expectSameWithSnapshots({
          operator: () => operatorOf(everything),
          script: scriptOf(given),
          cuts: 2,
        })
      }),
      { numRuns: 30 },
    )
  })

  test('with a TTL gives what was written within it, and nothing older', async () => {
    await fc.assert(
      fc.asyncProperty(scripts, async (given) => {
        const harness = new OperatorHarness({ operator: () => operatorOf(everything) })
        await harness.run(scriptOf(given))
        const results = harness.results().map((each) => each.value as Record<string, unknown>)
        let nowMs = 0
        const written: { key: Key; kind: string; n: number; atMs: number }[] = []
        for (const step of given) {
          if (typeof step === 'number') {
            nowMs += step
            continue
          }
          const { key, action } = step
          if ('n' in action) written.push({ key, kind: action.kind, n: action.n, atMs: nowMs })
          if (action.kind === 'clear')
            written.splice(0, written.length, ...written.filter((each) => each.key !== key))
          const live = written.filter((each) => each.key === key && each.atMs + TTL > nowMs)
          const result = results.shift()!
          assert.deepEqual(result['last'], live.findLast(({ kind }) => kind === 'set')?.n)
          assert.deepEqual(
            result['recent'],
            live.filter(({ kind }) => kind === 'add').map(({ n }) => n),
          )
        }
      }),
      { numRuns: 30 },
    )
  })

  test('that has expired is cleaned away though nobody asks for it again', async () => {
    const state = { last: value<number>({ ttlMs: TTL }) }
    const process: KeyedProcess<number, void, typeof state> = {
      state,
      onEvent: (n, context) => context.state.last.set(n),
    }
    const harness = new OperatorHarness({ operator: () => operatorOf(process) })
    await harness.run(Array.from({ length: 500 }, (_, n) => event(n, { key: n })))
    assert.equal(harness.stateSize(), 500)
    await harness.run([
      advanceTime(2 * TTL),
      ...Array.from({ length: 500 }, (_, n) => event(n, { key: 'one' })),
    ])
    assert.ok(harness.stateSize() < 10, `${harness.stateSize()} entries are left`)
  })

  test('costs a snapshot of changes only what changed', async () => {
    const harness = new OperatorHarness({ operator: () => operatorOf(everything) })
    const add = (key: number): ScriptStep<Do> => event({ key, action: { kind: 'add', n: key } }, { key })
    await harness.run(Array.from({ length: 1000 }, (_, key) => add(key)))
    harness.snapshot('full')
    await harness.run([add(17)])
    const { chain } = harness.snapshot('changes')
    const written = chain[1]!.flatMap(({ entries }) => entries)
    assert.deepEqual(written.map(({ table }) => table).sort(), ['all', 'recent'])
    assert.equal(
      Buffer.from(written.find(({ table }) => table === 'all')!.entries).toString(),
      '[[17,[17],null,"append"]]',
    )
  })

  test('of another kind is refused', async () => {
    const state = { s: value<number>() }
    const setOne: KeyedProcess<number, void, typeof state> = {
      state,
      onEvent: (n, context) => context.state.s.set(n),
    }
    const before = new OperatorHarness({ operator: () => operatorOf(setOne) })
    await before.run([event(1, { key: 'a' })])
    const checkpoint = before.snapshot('full')
    const asList = new OperatorHarness({
      operator: () => operatorOf({ state: { s: list() }, onEvent: () => [] }),
    })
    await assert.rejects(asList.restart({ from: checkpoint }), { code: 'MR_STATE_FORMAT' })
    const without = new OperatorHarness({ operator: () => operatorOf({ onEvent: () => [] }) })
    await assert.rejects(without.restart({ from: checkpoint }), { code: 'MR_STATE_UNKNOWN' })
  })
})

describe('timers', () => {
  interface Ping {
    readonly key: Key
    readonly event?: number
    readonly processing?: number
    readonly cancel?: number
  }

  const alarms: KeyedProcess<Ping, unknown> = {
    onEvent(ping, { timers }) {
      if (ping.event !== undefined) timers.register('event', ping.event)
      if (ping.event !== undefined) timers.register('event', ping.event, 'named')
      if (ping.processing !== undefined) timers.register('processing', ping.processing)
      if (ping.cancel !== undefined) timers.delete('event', ping.cancel)
    },
    onTimer({ key, domain, name, timeMs }, { key: current }) {
      assert.equal(key, current)
      return [{ key, domain, name, timeMs }]
    },
  }
  const ping = (each: Ping): ScriptStep<Ping> => event(each, { key: each.key })

  test('fire once each, in the order of time and registration, at their time', async () => {
    const harness = new OperatorHarness<Ping, FiredTimer>({ operator: () => operatorOf(alarms) })
    await harness.run([
      ping({ key: 'b', event: 20 }),
      ping({ key: 'a', event: 10 }),
      ping({ key: 'a', event: 10 }),
      ping({ key: 'a', event: 20 }),
      watermark(9),
    ])
    assert.deepEqual(harness.results(), [])
    await harness.run([ping({ key: 'b', cancel: 20 }), watermark(20), watermark(30)])
    assert.deepEqual(
      harness.results().map(({ value: fired, timestampMs }) => [fired.key, fired.name, timestampMs]),
      [
        ['a', '', 10],
        ['a', 'named', 10],
        ['b', 'named', 20],
        ['a', '', 20],
        ['a', 'named', 20],
      ],
    )
    assert.equal(harness.stateSize(), 0)
  })

  test('of processing time go by the clock', async () => {
    const harness = new OperatorHarness({ operator: () => operatorOf(alarms), nowMs: 1000 })
    await harness.run([ping({ key: 'a', processing: 1010 }), advanceTime(9)])
    assert.deepEqual(harness.results(), [])
    await harness.run([advanceTime(1)])
    assert.equal(harness.results().length, 1)
  })

  test('may set timers, which fire in the same advance when they are due', async () => {
    const chain: KeyedProcess<null, number> = {
      onEvent: (_, { timers }) => timers.register('event', 1),
      onTimer: ({ timeMs }, { timers }) => {
        timers.register('event', timeMs + 1)
        return [timeMs]
      },
    }
    const harness = new OperatorHarness<null, number>({ operator: () => operatorOf(chain) })
    await harness.run([event(null, { key: 'a' }), watermark(4)])
    assert.deepEqual(
      harness.results().map((each) => each.value),
      [1, 2, 3, 4],
    )
  })

  test('are the same however they are interrupted', async () => {
    const time = fc.integer({ min: 0, max: 30 })
    const given = fc.array(
      fc.oneof(
        fc
          .record({ key: keys, event: time, processing: time, cancel: time }, { requiredKeys: ['key'] })
          .map(ping),
        fc.integer({ min: 0, max: 25 }).map((ms) => advanceTime(ms)),
        fc.integer({ min: 0, max: 30 }).map((ms) => watermark(ms)),
      ),
      { maxLength: 25 },
    )
    await fc.assert(
      fc.asyncProperty(given, async (script) => {
        await expectSameWithSnapshots({ operator: () => operatorOf(alarms), script, cuts: 2 })
      }),
      { numRuns: 30 },
    )
  })
})

test('a throwing callback names job, step and event', async () => {
  const harness = new OperatorHarness({
    operator: () =>
      operatorOf({
        onEvent: ({ id }: { readonly id: number }) => {
          if (id === 2) throw new Error('no twos')
        },
      }),
  })
  await assert.rejects(
    harness.run([1, 2, 3].map((id) => event({ id }, { key: 'a' }))),
    /MR_USER_FUNCTION \[job test, step tested\]: The onEvent function threw "no twos" for \{"id":2\}/,
  )
})

test('a timer knows how far event time has come, and one that sets itself again for ever is found out', async () => {
  const everyTen = (stopAtEnd: boolean): OperatorHarness<unknown, number> =>
    new OperatorHarness<unknown, number>({
      operator: () =>
        new KeyedProcessOperator({
          onEvent: (_, { timers, timestampMs }) => timers.register('event', timestampMs + 10),
          onTimer({ timeMs }, { timers, watermarkMs }) {
            if (!stopAtEnd || watermarkMs() !== WATERMARK_END) timers.register('event', timeMs + 10)
            return [watermarkMs()]
          },
        }),
    })
  const good = everyTen(true)
  await good.run([event({}, { key: 'a', at: 0 }), watermark(25), watermark(30)])
  await good.end()
  assert.deepEqual(
    good.results().map(({ value }) => value),
    [25, 25, 30, WATERMARK_END],
  )
  const endless = everyTen(false)
  await endless.run([event({}, { key: 'a', at: 0 })])
  await assert.rejects(endless.end(), /MR_TIMER.*key "a" set further timers without end/)
})
