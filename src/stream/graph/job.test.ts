import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  collect,
  count,
  explain,
  generator,
  job,
  mean,
  MillraceError,
  tumbling,
  type,
  value,
  type Sink,
  type Source,
} from '../../index.ts'

interface Bid {
  readonly auction: number
  readonly bidder: string
  readonly at: number
}

const bids = generator<Bid>({ count: 1, generate: (at) => ({ auction: 1, bidder: 'b', at }) })
const only = <T>(sink: Sink<T> = collect<T>()): Sink<T> => sink

test('types flow from source to sink without annotation', () => {
  job('typed', (flow) => {
    const stream = flow.source('bids', bids).eventTime({ at: (bid) => bid.at })
    const counts = stream
      .keyBy((bid) => bid.bidder)
      .window(tumbling({ sizeMs: 1000 }))
      .aggregate('counts', { n: count(), price: mean((bid) => bid.auction) })
    counts
      .map((c) => ({ key: c.key.toUpperCase(), n: c.n.toFixed(), end: c.windowEnd + 1 }))
      .sink('counts-out', only<{ key: string; n: string; end: number }>())
    counts.late.map((bid) => bid.bidder).sink('late-out', only<string>())
    const steps = stream
      .keyBy((bid) => bid.auction)
      .process('by-hand', {
        state: { last: value<number>() },
        emits: type<'emitted'>(),
        onEvent(bid, { key, state, emit }) {
          emit('emitted')
          state.last.set(bid.at + key)
          return [{ last: state.last.get() }]
        },
        onTimer: (timer) => [timer.timeMs],
      })
    steps.sink('hand-out', only<'emitted' | { last: number | undefined } | number>())
    const { high, low } = stream.split(['high', 'low'], (bid) => (bid.auction > 5 ? 'high' : 'low'))
    high
      .union(low)
      .flatMap((bid) => [bid.at, `${bid.at}`])
      .sink('split-out', only<number | string>())
    // @ts-expect-error -- a sink of strings does not take bids.
    stream.sink('wrong', only<string>())
    // @ts-expect-error -- only what `emits` names may be emitted.
    stream.keyBy((bid) => bid.at).process('undeclared', { onEvent: (bid, { emit }) => emit(bid) })
  })
})

test('a plan can be read', () => {
  const text = explain(
    job('readable', (flow) => {
      const stream = flow.source('bids', bids).eventTime({ at: (bid) => bid.at, outOfOrdernessMs: 5000 })
      stream
        .keyBy((bid) => bid.auction)
        .window(tumbling({ sizeMs: 10_000 }), { allowedLatenessMs: 100 })
        .aggregate('counts', { n: count() })
        .sink('out', collect())
    }),
  )
  assert.match(text, /^job readable\n/)
  assert.match(text, /event-time +bids\.event-time +← 0 +5,000 ms out of order/)
  assert.match(text, /window +counts +← 2 +tumbling, 10,000 ms, late by up to 100 ms/)
  assert.match(text, /sink +out +← 3 +collect, exactly-once/)
})

test('mistakes are errors that name the step', () => {
  const fails = (build: Parameters<typeof job>[1], message: RegExp): void => {
    assert.throws(
      () => job('mistaken', build),
      (error) =>
        error instanceof MillraceError && error.code === 'MR_JOB_INVALID' && message.test(error.message),
    )
  }
  fails((flow) => {
    flow.source('in', bids).sink('twice', collect())
    flow.source('twice', bids).sink('out', collect())
  }, /step twice.*same name/)
  fails((flow) => flow.source('in', bids), /no sink/)
  fails(() => {}, /no source/)
  fails((flow) => flow.source('a/b', bids).sink('out', collect()), /step a\/b.*name cannot be used/)
  fails((flow) => flow.source('in', {} as Source<Bid>).sink('out', collect()), /step in.*source is not one/)
  fails((flow) => {
    flow
      .source('in', bids)
      .eventTime({ at: (bid) => bid.at, outOfOrdernessMs: -1 })
      .sink('out', collect())
  }, /in\.event-time.*outOfOrdernessMs is -1/)
  let escaped: ReturnType<Parameters<Parameters<typeof job>[1]>[0]['source']> | undefined
  job('first', (flow) => {
    escaped = flow.source('in', bids)
    escaped.sink('out', collect())
  })
  fails(
    (flow) =>
      flow
        .source('mine', bids)
        .union(escaped as never)
        .sink('out', collect()),
    /another job/,
  )
  assert.throws(() => escaped!.sink('later', collect()), /after the job had been built/)
})
