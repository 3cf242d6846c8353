import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { crc32c } from '../../base/crc32c.ts'
import { ErrorCode } from '../protocol/error-code.ts'
import { type BatchHeader, readBatchHeader } from '../protocol/record-batch.ts'
import { decodeProducerSnapshot, encodeProducerSnapshot } from './producer-snapshot.ts'
import { ProducerStates, type ProducerVerdict } from './producer-states.ts'
import { batchOf } from './storage-for-tests.ts'

function header(batch: {
  epoch?: number
  sequence: number
  count?: number
  transactional?: boolean
}): BatchHeader {
  const { epoch = 0, sequence, count = 1, transactional = false } = batch
  const values = Array.from({ length: count }, () => 'v')
  return readBatchHeader(
    batchOf({ values, producerId: 7, producerEpoch: epoch, baseSequence: sequence, transactional }),
    0,
  )
}

/** Appends what is accepted, one batch after the other, and says what became of the last one. */
function feed(...batches: Parameters<typeof header>[0][]): {
  verdict: ProducerVerdict
  states: ProducerStates
} {
  const states = new ProducerStates()
  let baseOffset = 100
  let verdict: ProducerVerdict = { kind: 'accepted' }
  for (const batch of batches) {
    const next = header(batch)
    verdict = states.check(next, 'client')
    if (verdict.kind !== 'accepted') continue
    states.apply(next, { baseOffset, nowMs: 5 })
    baseOffset += batch.count ?? 1
  }
  return { verdict, states }
}

function errorOf(verdict: ProducerVerdict): number | undefined {
  return verdict.kind === 'rejected' ? verdict.error : undefined
}

describe('producer states', () => {
  it('an unknown producer may begin anywhere (KIP-360), a known one goes on without a gap', () => {
    assert.equal(feed({ sequence: 40 }).verdict.kind, 'accepted')
    assert.equal(feed({ sequence: 40, count: 3 }, { sequence: 43 }).verdict.kind, 'accepted')
    assert.equal(
      errorOf(feed({ sequence: 40, count: 3 }, { sequence: 44 }).verdict),
      ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
    )
  })

  it('a transaction with an epoch of its own begins at 0 (KIP-890), also of an unknown producer', () => {
    const states = new ProducerStates()
    const check = (sequence: number) =>
      states.check(header({ sequence, transactional: true }), 'client-with-epochs')
    assert.equal(errorOf(check(5)), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
    assert.equal(check(0).kind, 'accepted')
  })

  it('each of the last five batches may be repeated and gets its first offset again', () => {
    const six = [0, 1, 2, 3, 4, 5].map((sequence) => ({ sequence }))
    for (const sequence of [1, 2, 3, 4, 5]) {
      const { verdict } = feed(...six, { sequence })
      assert.equal(verdict.kind === 'duplicate' && verdict.batch.firstOffset, 100 + sequence)
    }
    assert.equal(errorOf(feed(...six, { sequence: 0 }).verdict), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
  })

  it('a batch that comes after the one behind it is not taken for a repeated one', () => {
    assert.equal(
      errorOf(feed({ sequence: 5 }, { sequence: 0 }).verdict),
      ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
    )
  })

  it('a batch that overlaps others in part is out of order', () => {
    const { verdict } = feed({ sequence: 0, count: 4 }, { sequence: 4, count: 4 }, { sequence: 4, count: 2 })
    assert.equal(errorOf(verdict), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
  })

  it('sequences wrap, also inside a batch', () => {
    const max = 2 ** 31 - 1
    assert.equal(feed({ sequence: max }, { sequence: 0 }).verdict.kind, 'accepted')
    assert.equal(feed({ sequence: max - 1, count: 4 }, { sequence: 2 }).verdict.kind, 'accepted')
    const repeated = feed(
      { sequence: max - 1, count: 4 },
      { sequence: 2 },
      { sequence: max - 1, count: 4 },
    ).verdict
    assert.equal(repeated.kind === 'duplicate' && repeated.batch.firstOffset, 100)
    const old = Array.from({ length: 6 }, (_, index) => ({ sequence: (max - 2 + index) % 2 ** 31 }))
    assert.equal(errorOf(feed(...old, { sequence: max - 2 }).verdict), ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
  })

  it('a new epoch begins at 0, an old one is fenced off', () => {
    assert.equal(feed({ sequence: 5 }, { epoch: 1, sequence: 0 }).verdict.kind, 'accepted')
    assert.equal(
      errorOf(feed({ sequence: 5 }, { epoch: 1, sequence: 6 }).verdict),
      ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
    )
    const late = feed({ epoch: 1, sequence: 0 }, { epoch: 0, sequence: 1 })
    assert.equal(errorOf(late.verdict), ErrorCode.INVALID_PRODUCER_EPOCH)
  })

  it('transactions stay open from the first batch to the marker, in order of their first offsets', () => {
    const { states } = feed({ sequence: 0, transactional: true }, { sequence: 1, transactional: true })
    assert.equal(states.oldestOpenOffset(), 100)
    assert.equal(errorOf(states.check(header({ sequence: 2 }), 'client')), ErrorCode.INVALID_TXN_STATE)
    const marker = { producerId: 7, producerEpoch: 0, coordinatorEpoch: 4 }
    assert.equal(states.applyMarker({ ...marker, nowMs: 6 }), 100)
    assert.equal(states.oldestOpenOffset(), undefined)
    assert.equal(
      errorOf(states.checkMarker({ ...marker, coordinatorEpoch: 3 })),
      ErrorCode.TRANSACTION_COORDINATOR_FENCED,
    )
    assert.equal(states.applyMarker({ ...marker, nowMs: 7 }), undefined)
  })

  it('a marker with a higher epoch fences the producer off (KIP-890)', () => {
    const { states } = feed({ sequence: 0, transactional: true })
    states.applyMarker({ producerId: 7, producerEpoch: 1, coordinatorEpoch: 0, nowMs: 6 })
    assert.equal(
      errorOf(states.check(header({ sequence: 1, transactional: true }), 'client')),
      ErrorCode.INVALID_PRODUCER_EPOCH,
    )
    assert.equal(
      states.check(header({ epoch: 1, sequence: 0, transactional: true }), 'client').kind,
      'accepted',
    )
  })

  it('silent producers are forgotten, but not in a transaction', () => {
    const idle = feed({ sequence: 0 }).states
    assert.equal(idle.expire(5 + 99, 100), 0)
    assert.equal(idle.expire(5 + 100, 100), 1)
    assert.equal(feed({ sequence: 0, transactional: true }).states.expire(1e9, 100), 0)
  })
})

describe('producer snapshots', () => {
  it('come back with window, transaction and last-seen time', () => {
    const { states } = feed(...[0, 1, 2, 3, 4, 5].map((sequence) => ({ sequence, transactional: true })))
    const restored = new ProducerStates()
    for (const producer of decodeProducerSnapshot(encodeProducerSnapshot(states.producers()), 99)!)
      restored.restore(producer)
    restored.restored()
    assert.deepEqual([...restored.producers()], [...states.producers()])
    assert.equal(restored.oldestOpenOffset(), 100)
  })

  it('of Kafka itself hold the last batch only', () => {
    const { states } = feed({ sequence: 0, count: 3 }, { sequence: 3, count: 2 })
    const ours = encodeProducerSnapshot(states.producers())
    const entriesEnd = 10 + 46
    const kafkas = withCrc(Buffer.from(ours.subarray(0, entriesEnd)))
    const [producer] = decodeProducerSnapshot(kafkas, 99)!
    assert.deepEqual(producer?.batches, [
      { firstSequence: 3, lastSequence: 4, firstOffset: 103, lastOffset: 104, timestampMs: 1000 },
    ])
    assert.equal(producer.lastSeenMs, 99)
  })

  it('that are damaged are not believed', () => {
    const bytes = encodeProducerSnapshot(feed({ sequence: 0 }).states.producers())
    assert.equal(decodeProducerSnapshot(bytes.subarray(0, bytes.length - 1), 0), undefined)
    bytes[20]! ^= 1
    assert.equal(decodeProducerSnapshot(bytes, 0), undefined)
    assert.equal(decodeProducerSnapshot(Buffer.alloc(64), 0), undefined)
  })
})

function withCrc(bytes: Buffer): Buffer {
  bytes.writeUInt32BE(crc32c(bytes.subarray(6)), 2)
  return bytes
}
