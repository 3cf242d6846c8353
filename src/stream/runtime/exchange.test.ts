import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { NO_TIMESTAMP, type EventBatch } from '../operators/operator.ts'
import { controlFrame, EventDecoder, EventEncoder, FRAME } from './event-codec.ts'
import { createExchangeMemory, ExchangePort, LocalBells } from './exchange-port.ts'
import { ExchangeWriter } from './exchange-writer.ts'
import { Gate } from './gate.ts'
import { Merge, type Receiver } from './receiver.ts'
import { createRing, RingReader, RingWriter } from './ring.ts'

test('a ring gives frames back whole and in order, however they lie', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(3000), { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 1, max: 5 }),
      (sizes, readEvery) => {
        const ring = createRing(4096)
        const writer = new RingWriter(ring)
        const reader = new RingReader(ring)
        const frames = sizes.map((size, i) => Buffer.alloc(size, i + 1))
        const parts = frames.flatMap((frame) => {
          const cut: { bytes: Buffer; more: boolean }[] = []
          for (let at = 0; at === 0 || at < frame.length; at += writer.partBytes) {
            cut.push({
              bytes: frame.subarray(at, at + writer.partBytes),
              more: at + writer.partBytes < frame.length,
            })
          }
          return cut
        })
        const received: Buffer[] = []
        const drain = (): void => {
          for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
            assert.equal(
              (frame.byteOffset - 32) % 8 === 0 || frame.byteOffset === 0,
              true,
              'frames are aligned',
            )
            received.push(Buffer.from(frame))
            reader.release()
          }
        }
        for (const [i, { bytes, more }] of parts.entries()) {
          while (!writer.tryWrite(bytes, more)) drain()
          if (i % readEvery === 0) drain()
        }
        drain()
        assert.deepEqual(received, frames)
        assert.equal(reader.hasFrame(), false)
      },
    ),
    { numRuns: 50 },
  )
})

function roundTrip(batches: readonly (readonly unknown[])[]): unknown[][] {
  const encoder = new EventEncoder()
  const decoder = new EventDecoder()
  return batches.map((values) => {
    const batch = {
      values,
      timestamps: values.map((_, i) => i),
      keys: values.map((_, i) => (i % 2 === 0 ? `k${i}` : i)),
    }
    const shapes: Buffer[] = []
    const frame = Buffer.from(
      Uint8Array.from(encoder.encode(batch, 77, (shape) => shapes.push(shape))).buffer,
    )
    for (const shape of shapes) assert.equal(decoder.decode(shape).kind, 'nothing')
    const decoded = decoder.decode(frame)
    assert.ok(decoded.kind === 'data')
    assert.deepEqual(decoded.timestamps, batch.timestamps)
    assert.deepEqual(decoded.keys, batch.keys)
    assert.equal(decoded.watermarkMs, 77)
    return [...decoded.values]
  })
}

test('events come out of the codec as they went in, of whatever shape', () => {
  const plain = fc.record(
    {
      n: fc.double(),
      s: fc.string({ unit: 'grapheme' }),
      b: fc.boolean(),
      o: fc.record({ deep: fc.integer() }, { noNullPrototype: true }),
    },
    { noNullPrototype: true },
  )
  const odd = fc.oneof(
    plain,
    fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withNullPrototype: false,
      withTypedArray: true,
    }),
    fc.record({ n: fc.double(), extra: fc.string() }, { noNullPrototype: true }),
    fc.record({ n: fc.option(fc.double()), s: fc.constant(undefined) }, { noNullPrototype: true }),
  )
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.oneof({ weight: 5, arbitrary: plain }, odd), { minLength: 1, maxLength: 20 }), {
        minLength: 1,
        maxLength: 12,
      }),
      (batches) => {
        assert.deepEqual(roundTrip(batches), batches)
      },
    ),
    { numRuns: 200 },
  )
})

test('shapes that change, unusual values and names survive', () => {
  const batches = [
    [
      { a: 1, b: 'x' },
      { a: -0, b: 'ä' },
    ],
    [{ a: NaN, b: '\u{1f600}'.repeat(20) }],
    [{ a: 1, b: null }],
    [{ a: 1 }],
    [{ a: 1, b: 'x', c: [1, { d: 2 }] }],
    ['text', 5, true, null, undefined],
    [{ 'odd name': 1, 'quote\'"': 2, ['__proto__x']: 3 }],
    [{ a: 1, b: 'x' }],
  ]
  assert.deepEqual(roundTrip(batches), batches)
})

test('whole numbers get room for others when they come, and keep it', () => {
  const numbers = [
    [{ a: 1, b: 2 }],
    [{ a: 1, b: 2 ** 40 }],
    [{ a: -0, b: 1 }],
    [{ a: 1.5, b: NaN }],
    [{ a: 5, b: 1n }],
  ]
  assert.deepEqual(roundTrip(numbers), numbers)
})

test('strings survive: repeated, unique, long, beyond Latin-1 and without UTF-8', () => {
  const odd = [
    '',
    'ä',
    'x'.repeat(65),
    'x'.repeat(1000),
    '\u{1f600}',
    'half \ud83d of it',
    'other half \ude00',
  ]
  const batches: { readonly often: string; readonly once: string }[][] = []
  // More frames than a column that is found not to repeat goes without its dictionary.
  for (let frame = 0; frame < 300; frame++) {
    const row = (i: number): { often: string; once: string } => ({
      often: i % 8 === 7 ? odd[frame % odd.length]! : `kind ${i % 5}`,
      once: frame < 200 ? `number ${frame} ${i}` : `now kind ${i % 3}`,
    })
    batches.push(Array.from({ length: 100 }, (_, i) => row(i)))
  }
  for (const [frame, values] of roundTrip(batches).entries()) assert.deepEqual(values, batches[frame])
})

interface Side {
  readonly writer: ExchangeWriter
  readonly gate: Gate
  readonly seen: string[]
  blocked: boolean
  aligned: number
}

/** Two subtasks with one exchange between them, and what comes out on each side. */
function pair(ringBytes: number, exactWatermarks = false): Side[] {
  const memory = createExchangeMemory({ exchanges: 1, parallelism: 2, ringBytes })
  const bells = new LocalBells()
  return [0, 1].map((subtask) => {
    const seen: string[] = []
    const out: Receiver = {
      batch: (batch: EventBatch<{ n: number }>) => {
        for (const [i, value] of batch.values.entries()) seen.push(`${batch.keys![i]}:${value.n}`)
      },
      watermark: (watermarkMs) => seen.push(`w${watermarkMs}`),
      idle: (idle) => seen.push(idle ? 'idle' : 'active'),
      end: () => seen.push('end'),
    }
    const port = new ExchangePort(memory, subtask, bells.of(subtask))
    const side = { blocked: false, aligned: 0, seen } as unknown as Side & {
      writer: ExchangeWriter
      gate: Gate
    }
    const segment = { isBlocked: () => side.blocked, alignmentChanged: () => void side.aligned++ }
    side.gate = new Gate({ exchange: 0, port, segment, out })
    side.writer = new ExchangeWriter({
      exchange: 0,
      port,
      gate: side.gate,
      maxParallelism: 128,
      exactWatermarks,
    })
    return side
  })
}

function batchOf(count: number, first = 0): EventBatch<{ n: number }> {
  const numbers = Array.from({ length: count }, (_, i) => first + i)
  return {
    values: numbers.map((n) => ({ n })),
    timestamps: numbers.map(() => NO_TIMESTAMP),
    keys: numbers.map((n) => n % 10),
  }
}

const drain = (side: Side): void => {
  while (side.gate.step());
}

test('every event reaches the subtask of its key, in order, also when the ring is full for a while', () => {
  const [left, right] = pair(4096) as [Side, Side]
  let sent = 0
  for (; sent < 20_000; sent += 500) {
    left.writer.batch(batchOf(500, sent))
    if (left.writer.blocked() !== undefined) break
  }
  assert.ok(sent < 20_000, 'nobody reads: the writer is held up')
  left.writer.watermark(5)
  left.writer.flush()
  left.writer.end()
  right.writer.watermark(5)
  right.writer.end()
  for (let i = 0; i < 10_000 && left.writer.blocked() !== undefined; i++) drain(right)
  for (const side of [left, right]) drain(side)
  const events = [...left.seen, ...right.seen].filter((entry) => entry.includes(':'))
  assert.equal(events.length, sent + 500)
  for (let key = 0; key < 10; key++) {
    const ofKey = events
      .filter((entry) => entry.startsWith(`${key}:`))
      .map((entry) => Number(entry.split(':')[1]))
    assert.deepEqual(
      ofKey,
      ofKey.toSorted((a, b) => a - b),
    )
  }
  for (const side of [left, right]) {
    assert.deepEqual(
      side.seen.filter((entry) => !entry.includes(':')),
      ['w5', `w${Number.MAX_SAFE_INTEGER}`, 'end'],
    )
  }
})

test('no event overtakes a watermark that is exact', () => {
  const [left, right] = pair(1 << 16, true) as [Side, Side]
  right.writer.idle(true)
  drain(left)
  for (let i = 0; i < 5; i++) {
    left.writer.batch(batchOf(10, i * 10))
    left.writer.watermark(i)
  }
  left.writer.watermark(5)
  left.writer.flush()
  for (const side of [left, right]) {
    drain(side)
    const events = side.seen.map((entry) =>
      entry.includes(':') ? Math.floor(Number(entry.split(':')[1]) / 10) : entry,
    )
    const runs = events.filter((event, i) => event !== events[i - 1])
    // One of the two has seen the last two watermarks as one.
    assert.deepEqual(
      runs.filter((entry) => entry !== 'w4' && entry !== 'w5'),
      [0, 'w0', 1, 'w1', 2, 'w2', 3, 'w3', 4],
    )
    assert.equal(runs.at(-1), 'w5')
  }
})

test('a channel that has brought the barrier waits for the other', () => {
  const [left, right] = pair(1 << 16) as [Side, Side]
  left.writer.batch(batchOf(100))
  left.writer.barrier(1)
  left.writer.batch(batchOf(100, 1000))
  left.writer.flush()
  drain(right)
  drain(left)
  const before = [...left.seen, ...right.seen].length
  assert.equal(before, 100)
  assert.equal(right.gate.isAligned(1), false)
  right.writer.batch(batchOf(10, 500))
  right.writer.barrier(1)
  drain(right)
  drain(left)
  for (const side of [left, right]) {
    assert.equal(side.gate.isAligned(1), true)
    assert.equal(
      side.seen.some((entry) => /:1\d\d\d$/.test(entry)),
      false,
      'nothing from behind the barrier',
    )
    side.gate.release()
    drain(side)
  }
  assert.equal([...left.seen, ...right.seen].length, 210)
})

test('a subtask that cannot take its own events keeps them, within bounds', () => {
  const [left] = pair(1 << 16) as [Side, Side]
  left.blocked = true
  for (let i = 0; i < 10; i++) left.writer.batch(batchOf(50, i * 50))
  assert.deepEqual(left.seen, [])
  assert.notEqual(left.writer.blocked(), undefined)
  left.blocked = false
  drain(left)
  assert.ok(left.seen.length > 0)
  assert.equal(left.writer.blocked(), undefined)
})

test('a merge follows the slowest input that is not idle', () => {
  const seen: unknown[] = []
  const merge = new Merge(2, {
    batch: () => {},
    watermark: (w) => seen.push(w),
    idle: (i) => seen.push(i),
    end: () => seen.push('end'),
  })
  const [left, right] = [merge.input(0), merge.input(1)]
  left.watermark(10)
  right.watermark(4)
  right.idle(true)
  right.idle(false)
  right.watermark(7)
  left.idle(true)
  right.watermark(20)
  right.idle(true)
  left.end()
  right.end()
  assert.deepEqual(seen, [4, 10, 20, true, Number.MAX_SAFE_INTEGER, false, 'end'])
})

test('control frames carry their number', () => {
  assert.deepEqual(new EventDecoder().decode(controlFrame(FRAME.barrier, 2 ** 40)), {
    kind: 'control',
    control: FRAME.barrier,
    value: 2 ** 40,
  })
})
