import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { WireError } from '../../../base/byte-reader.ts'
import { message, metricsData, type WrittenMetric } from './otlp.test-kit.ts'
import { PushedMetrics, seriesIn } from './pushed-metrics.ts'

const CLIENT = {
  clientInstanceId: 'one',
  clientId: 'c',
  softwareName: 's',
  softwareVersion: '1',
  address: '127.0.0.1',
  pushIntervalMs: 1_000,
}
const LATENCY = 'org.apache.kafka.producer.request.latency.avg'
const SENT = 'org.apache.kafka.producer.record.send'

/** What is kept of the clients, as metric, attributes and value. */
function figures(pushed: PushedMetrics, nowMs = 0): unknown[] {
  return pushed
    .snapshot(nowMs)
    .flatMap((client) =>
      Array.from(seriesIn(client), ({ metric, counter, attributes, value }) => [
        metric,
        ...attributes.flat(),
        counter ? `${value} counted` : value,
      ]),
    )
}

function push(pushed: PushedMetrics, metrics: readonly WrittenMetric[], clientInstanceId = 'one'): void {
  pushed.push({ ...CLIENT, clientInstanceId }, metricsData(metrics), 0, 3_000)
}

describe('what clients push', () => {
  it('is the last of gauges, and the sum of what came in deltas', () => {
    const pushed = new PushedMetrics()
    const node = { node_id: '1' }
    push(pushed, [
      { name: LATENCY, kind: 'gauge', value: 2.5, attributes: node },
      { name: SENT, kind: 'sum', value: 10, whole: true },
      { name: 'gone', kind: 'gauge', value: 1 },
    ])
    push(pushed, [
      { name: LATENCY, kind: 'gauge', value: 1.5, attributes: node },
      { name: SENT, kind: 'sum', value: 5 },
    ])
    assert.deepEqual(figures(pushed), [
      [SENT, '15 counted'],
      [LATENCY, 'node_id', '1', 1.5],
    ])
    push(pushed, [])
    assert.deepEqual(figures(pushed), [[SENT, '15 counted']])
  })

  it('is a sum since the beginning where a client says so, and a gauge where it also falls', () => {
    const pushed = new PushedMetrics()
    for (const value of [7, 9]) push(pushed, [{ name: SENT, kind: 'sum', value, cumulative: true }])
    assert.deepEqual(figures(pushed), [[SENT, '9 counted']])
    push(pushed, [{ name: 'open', kind: 'sum', value: -3, whole: true, monotonic: false }], 'two')
    assert.deepEqual(figures(pushed).at(-1), ['open', -3])
  })

  it('of other kinds is passed over', () => {
    const pushed = new PushedMetrics()
    push(pushed, [{ name: LATENCY, kind: 'histogram', value: 1 }])
    assert.deepEqual(figures(pushed), [])
  })

  it('comes with what the client says of itself', () => {
    const pushed = new PushedMetrics()
    const data = metricsData([{ name: LATENCY, kind: 'gauge', value: 1 }], { group_id: 'billing' })
    pushed.push(CLIENT, data, 100, 3_000)
    const [client] = pushed.snapshot(150)
    assert.deepEqual([client?.attributes, client?.sinceLastPushMs], [[['group_id', 'billing']], 50])
  })

  it('comes without what it says of itself when that is much', () => {
    const pushed = new PushedMetrics()
    const said = Object.fromEntries(Array.from({ length: 11 }, (_, at) => [`a${at}`, '']))
    pushed.push(CLIENT, metricsData([{ name: LATENCY, kind: 'gauge', value: 1 }], said), 0, 3_000)
    assert.deepEqual(pushed.snapshot(0)[0]?.attributes, [])
  })

  it('is forgotten when its client has been silent', () => {
    const pushed = new PushedMetrics()
    push(pushed, [{ name: LATENCY, kind: 'gauge', value: 1 }])
    assert.equal(figures(pushed, 3_000).length, 1)
    assert.equal(figures(pushed, 3_001).length, 0)
  })

  it('is bounded: of a client, of all, and in the length of its names', () => {
    const pushed = new PushedMetrics()
    const many = Array.from({ length: 2_100 }, (_, index) => ({
      name: `m${index}`,
      kind: 'gauge' as const,
      value: index,
    }))
    push(pushed, many)
    assert.deepEqual([figures(pushed).length, pushed.dropped], [2_000, 100])
    const data = metricsData(many)
    for (let client = 0; client < 10; client++)
      pushed.push({ ...CLIENT, clientInstanceId: `client ${client}` }, data, 0, 3_000)
    assert.equal(figures(pushed).length, 20_000)
    push(pushed, many.slice(0, 10))
    push(pushed, [{ name: 'n', kind: 'gauge', value: 1, attributes: { a: 'x'.repeat(500) } }], 'long')
    push(pushed, [{ name: 'x'.repeat(501), kind: 'gauge', value: 1 }], 'long')
    assert.equal(figures(pushed).length, 18_010)
    // More points than are looked at, all of one series.
    push(
      pushed,
      Array.from({ length: 5_001 }, () => ({ name: 'same', kind: 'gauge', value: 1 })),
      'same',
    )
    assert.equal(figures(pushed).length, 18_011)
  })

  it('is refused when it is not protobuf, and what was there stays', () => {
    const pushed = new PushedMetrics()
    push(pushed, [{ name: LATENCY, kind: 'gauge', value: 1 }])
    const whole = metricsData([{ name: LATENCY, kind: 'gauge', value: 2 }])
    const rubbish = [
      whole.subarray(0, whole.length - 1),
      Buffer.from([0x0b]),
      Buffer.from([0x08, ...Array.from({ length: 11 }, () => 0xff)]),
      // More fields than anybody needs, in few bytes.
      message(1, message(2, Buffer.alloc(600_000, Buffer.from([0x08, 0x01])))),
    ]
    for (const bytes of rubbish) assert.throws(() => pushed.push(CLIENT, bytes, 0, 3_000), WireError)
    assert.deepEqual(figures(pushed), [[LATENCY, 1]])
  })
})
