import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { ErrorCode } from '../../protocol/error-code.ts'
import {
  AcknowledgeType,
  SharePartition,
  type AcknowledgementBatch,
  type AcquiredRange,
  type Acquisition,
} from './share-partition.ts'
import {
  decodeShareStateRecord,
  encodeShareStateRecord,
  type ShareStateRecord,
  type StateBatch,
} from './share-state-record.ts'

const { GAP, ACCEPT, RELEASE, REJECT, RENEW } = AcknowledgeType
const KEY = { groupId: 'g', topicId: 'AAAAAAAAAAAAAAAAAAAAAQ', partition: 0 }
const LIMITS = { lockDurationMs: 30_000, deliveryCountLimit: 3, maxRecordLocks: 200, mayRenew: true }

/** A share-partition with its log, as the broker drives it. */
class Harness {
  readonly log: ShareStateRecord[] = []
  partition = new SharePartition(KEY, 0)
  nowMs = 1_000

  constructor() {
    this.append(this.partition.resetRecord(0, { leaderEpoch: 0, wallMs: 1 }))
  }

  acquire(
    memberId: string,
    batches: readonly (readonly [number, number])[],
    more: Partial<Acquisition> = {},
  ) {
    const fetchOffset = this.partition.nextFetchOffset
    return this.partition.acquire({
      memberId,
      batches: batches
        .filter(([, lastOffset]) => lastOffset >= fetchOffset)
        .map(([firstOffset, lastOffset]) => ({ firstOffset, lastOffset, isSkipped: false })),
      fetchOffset,
      maxRecords: 500,
      batchSize: 500,
      isStrict: false,
      limits: LIMITS,
      nowMs: this.nowMs,
      ...more,
    })
  }

  acknowledge(memberId: string, ...batches: readonly AcknowledgementBatch[]): ErrorCode {
    const decided = this.partition.acknowledge(memberId, batches, { limits: LIMITS, nowMs: this.nowMs })
    if (decided.kind === 'refused') return decided.errorCode
    this.partition.renew(decided.renewed)
    this.change(decided.changes)
    return ErrorCode.NONE
  }

  expire(): void {
    this.change(this.partition.expire(this.nowMs, LIMITS))
  }

  change(changes: readonly StateBatch[]): void {
    if (changes.length > 0) this.append(this.partition.updateRecord(changes, 0))
  }

  append(record: ShareStateRecord): void {
    const read = decodeShareStateRecord(encodeShareStateRecord(record))!
    assert.deepEqual(read, record)
    this.partition.apply(read)
    this.log.push(read)
  }

  restart(): void {
    this.partition = new SharePartition(KEY, 0)
    for (const record of this.log) this.partition.apply(record)
  }
}

function batch(firstOffset: number, lastOffset: number, ...acknowledgeTypes: number[]): AcknowledgementBatch {
  return { firstOffset, lastOffset, acknowledgeTypes }
}

const range = (firstOffset: number, lastOffset: number, deliveryCount = 1): AcquiredRange => ({
  firstOffset,
  lastOffset,
  deliveryCount,
})

describe('acquiring', () => {
  it('gives whole batches until there are enough records, or exactly so many', () => {
    const batches = [
      [0, 4],
      [5, 9],
      [10, 14],
    ] as const
    assert.deepEqual(new Harness().acquire('a', batches, { maxRecords: 6 }), [range(0, 9)])
    const strict = { maxRecords: 6, isStrict: true }
    assert.deepEqual(new Harness().acquire('a', batches, strict), [range(0, 5)])
  })

  it('gives nobody what somebody has', () => {
    const harness = new Harness()
    harness.acquire('a', [[0, 4]])
    assert.deepEqual(harness.acquire('b', [[0, 4]]), [])
    assert.deepEqual(harness.acquire('b', [[5, 9]]), [range(5, 9)])
  })

  it('tells ranges in pieces of the size that is asked for', () => {
    const batches = [
      [0, 1],
      [2, 3],
      [4, 5],
    ] as const
    assert.deepEqual(new Harness().acquire('a', batches, { batchSize: 3 }), [range(0, 3), range(4, 5)])
  })

  it('passes over markers, aborted records and offsets that compaction has emptied', () => {
    const harness = new Harness()
    const batches = [
      { firstOffset: 2, lastOffset: 3, isSkipped: false },
      { firstOffset: 4, lastOffset: 4, isSkipped: true },
      { firstOffset: 7, lastOffset: 8, isSkipped: false },
    ]
    assert.deepEqual(harness.acquire('a', [], { batches }), [range(2, 3), range(7, 8)])
    assert.equal(harness.partition.startOffset, 2)
    assert.equal(harness.partition.inFlight, 4)
  })

  it('stops when as many are in work as may be, and goes on when some are done', () => {
    const harness = new Harness()
    const limits = { ...LIMITS, maxRecordLocks: 5 }
    assert.deepEqual(harness.acquire('a', [[0, 4]], { limits }), [range(0, 4)])
    assert.equal(harness.partition.hasRoom(limits), false)
    assert.deepEqual(harness.acquire('b', [[5, 9]], { limits }), [])
    harness.acknowledge('a', batch(0, 0, ACCEPT))
    assert.equal(harness.partition.hasRoom(limits), true)
    assert.deepEqual(harness.acquire('b', [[5, 9]], { limits }), [range(5, 9)])
  })
})

describe('a record that is not done for long', () => {
  it('does not have the others behind it fill memory', () => {
    const harness = new Harness()
    const locks = { limits: { ...LIMITS, maxRecordLocks: 10 } }
    let offset = 0
    for (; offset < 1_000; offset++) {
      if (harness.acquire('a', [[offset, offset]], locks).length === 0) break
      const type = offset % 2 === 0 ? ACCEPT : REJECT
      if (offset > 0) assert.equal(harness.acknowledge('a', batch(offset, offset, type)), ErrorCode.NONE)
    }
    assert.equal(offset, 40)
    assert.equal(harness.partition.hasRoom(locks.limits), false)
    harness.acknowledge('a', batch(0, 0, ACCEPT))
    assert.deepEqual(harness.acquire('a', [[40, 40]], locks), [range(40, 40)])
  })

  it('is acknowledged whatever compaction has emptied behind it', () => {
    const harness = new Harness()
    const far = 2 ** 33
    const batches = [
      [0, 0],
      [far, far],
    ] as const
    assert.deepEqual(harness.acquire('a', batches), [range(0, 0), range(far, far)])
    assert.equal(harness.acknowledge('a', batch(far, far, ACCEPT)), ErrorCode.NONE)
    assert.equal(harness.acknowledge('a', batch(0, 0, ACCEPT)), ErrorCode.NONE)
    assert.equal(harness.partition.startOffset, far + 1)
  })
})

describe('acknowledging', () => {
  it('moves the start past what is done', () => {
    const harness = new Harness()
    harness.acquire('a', [[0, 9]])
    assert.equal(harness.acknowledge('a', batch(5, 9, ACCEPT)), ErrorCode.NONE)
    assert.equal(harness.partition.startOffset, 0)
    assert.equal(harness.acknowledge('a', batch(0, 4, ACCEPT, GAP, REJECT, ACCEPT, ACCEPT)), ErrorCode.NONE)
    assert.equal(harness.partition.startOffset, 10)
    assert.equal(harness.partition.lag(15), 5)
  })

  it('gives released records again, with one delivery more, until there were enough', () => {
    const harness = new Harness()
    for (const count of [1, 2, 3]) {
      assert.deepEqual(harness.acquire('a', [[0, 0]]), [range(0, 0, count)])
      assert.equal(harness.acknowledge('a', batch(0, 0, RELEASE)), ErrorCode.NONE)
    }
    assert.equal(harness.partition.startOffset, 1)
  })

  it('gives a record alone for the last time', () => {
    const harness = new Harness()
    for (let deliveries = 1; deliveries < LIMITS.deliveryCountLimit; deliveries++) {
      harness.acquire('a', [[0, 3]])
      harness.acknowledge('a', batch(0, 3, RELEASE))
    }
    assert.deepEqual(harness.acquire('a', [[0, 9]]), [range(0, 0, 3)])
    assert.deepEqual(harness.acquire('b', [[0, 9]]), [range(1, 1, 3)])
  })

  it('refuses who does not have the records, all of a request or none', () => {
    const harness = new Harness()
    harness.acquire('a', [[0, 4]])
    harness.acquire('b', [[5, 9]])
    assert.equal(harness.acknowledge('b', batch(0, 0, ACCEPT)), ErrorCode.INVALID_RECORD_STATE)
    assert.equal(
      harness.acknowledge('a', batch(0, 4, ACCEPT), batch(5, 5, ACCEPT)),
      ErrorCode.INVALID_RECORD_STATE,
    )
    assert.equal(harness.partition.startOffset, 0)
    assert.equal(harness.acknowledge('a', batch(0, 10, ACCEPT)), ErrorCode.INVALID_REQUEST)
    assert.equal(harness.acknowledge('a', batch(0, 4, ACCEPT)), ErrorCode.NONE)
    assert.equal(harness.acknowledge('a', batch(0, 4, ACCEPT)), ErrorCode.NONE, 'that is long done')
  })

  it('ends acquisitions in time, but those that were renewed', () => {
    const harness = new Harness()
    harness.acquire('a', [[0, 1]])
    assert.equal(harness.partition.nextDeadlineMs, 31_000)
    harness.nowMs = 20_000
    assert.equal(harness.acknowledge('a', batch(1, 1, RENEW)), ErrorCode.NONE)
    harness.nowMs = 31_000
    harness.expire()
    assert.equal(harness.partition.nextDeadlineMs, 50_000)
    assert.equal(harness.acknowledge('a', batch(0, 0, ACCEPT)), ErrorCode.INVALID_RECORD_STATE)
    assert.deepEqual(harness.acquire('b', [[0, 1]]), [range(0, 0, 2)])
  })

  it('gives back what a member has that is gone', () => {
    const harness = new Harness()
    harness.acquire('a', [[0, 4]])
    harness.acquire('b', [[5, 9]])
    harness.change(harness.partition.release('a', LIMITS))
    assert.deepEqual(harness.acquire('c', [[0, 9]]), [range(0, 4, 2)])
  })
})

describe('after a restart', () => {
  it('what was acknowledged is done, what was acquired is available', () => {
    const harness = new Harness()
    harness.acquire('a', [[0, 9]])
    harness.acknowledge('a', batch(0, 2, ACCEPT), batch(4, 4, REJECT), batch(5, 5, RELEASE))
    harness.restart()
    assert.equal(harness.partition.startOffset, 3)
    assert.deepEqual(harness.acquire('b', [[0, 9]]), [range(3, 3), range(5, 5, 2), range(6, 9)])
  })

  it('a snapshot says the same as the records before it', () => {
    const harness = new Harness()
    harness.acquire('a', [[0, 9]])
    harness.acknowledge('a', batch(4, 4, REJECT), batch(5, 5, RELEASE))
    harness.append(harness.partition.snapshotRecord({ leaderEpoch: 0, wallMs: 2 }))
    harness.log.splice(0, harness.log.length - 1)
    harness.restart()
    assert.deepEqual(harness.acquire('b', [[0, 9]]), [range(0, 3, 2), range(5, 9, 2)])
  })

  it('records that the log has let go of are done with', () => {
    const harness = new Harness()
    harness.acquire('a', [[0, 9]])
    harness.partition.logStartsAt(5)
    assert.equal(harness.partition.startOffset, 5)
    assert.equal(harness.acknowledge('a', batch(0, 9, ACCEPT)), ErrorCode.NONE)
    assert.equal(harness.partition.startOffset, 10)
  })
})

/** What happens to ten records, by two members, with crashes in between. */
const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('acquire' as const), member: fc.constantFrom('a', 'b') }),
    fc.record({
      kind: fc.constant('acknowledge' as const),
      member: fc.constantFrom('a', 'b'),
      first: fc.nat({ max: 9 }),
      size: fc.nat({ max: 4 }),
      type: fc.constantFrom<number>(GAP, ACCEPT, RELEASE, REJECT, RENEW),
    }),
    fc.record({ kind: fc.constant('expire' as const) }),
    fc.record({ kind: fc.constant('restart' as const) }),
  ),
  { maxLength: 40 },
)

/** The same, one record at a time and without runs. */
class Model {
  readonly records = Array.from({ length: 10 }, () => ({ state: 'new', count: 0, written: 0, owner: '' }))

  acquire(member: string): number[] {
    const given: number[] = []
    for (const [offset, record] of this.records.entries()) {
      if (record.state !== 'new') continue
      const isLast = record.count === LIMITS.deliveryCountLimit - 1
      if (isLast && given.length > 0) break
      Object.assign(record, { state: 'acquired', owner: member, count: record.count + 1 })
      given.push(offset)
      if (isLast) break
    }
    return given
  }

  isAcquired(first: number, last: number, member: string): boolean {
    return this.records
      .slice(first, last + 1)
      .every(({ state, owner }) => state === 'acquired' && owner === member)
  }

  end(offset: number, type: number): void {
    const record = this.records[offset]!
    if (type === RENEW) return
    const again = type === RELEASE && record.count < LIMITS.deliveryCountLimit
    Object.assign(record, { state: again ? 'new' : 'done', owner: '', written: record.count })
  }

  each(visit: (offset: number) => void): void {
    this.records.forEach(({ state }, offset) => state === 'acquired' && visit(offset))
  }
}

it('whatever members do and however often it crashes, every record is given to one member until it is done', () => {
  fc.assert(
    fc.property(steps, (history) => {
      const harness = new Harness()
      const model = new Model()
      for (const step of history) {
        switch (step.kind) {
          case 'acquire': {
            const given = harness
              .acquire(step.member, [
                [0, 3],
                [4, 9],
              ])
              .flatMap(({ firstOffset, lastOffset }) =>
                Array.from({ length: lastOffset - firstOffset + 1 }, (_, at) => firstOffset + at),
              )
            assert.deepEqual(given, model.acquire(step.member))
            break
          }
          case 'acknowledge': {
            const last = Math.min(9, step.first + step.size)
            const start = harness.partition.startOffset
            const first = Math.max(step.first, start)
            const answer = harness.acknowledge(step.member, batch(step.first, last, step.type))
            if (last < start) {
              assert.equal(answer, ErrorCode.NONE)
              break
            }
            assert.equal(answer === ErrorCode.NONE, model.isAcquired(first, last, step.member))
            if (answer === ErrorCode.NONE)
              for (let offset = first; offset <= last; offset++) model.end(offset, step.type)
            break
          }
          case 'expire':
            harness.nowMs += 100_000
            harness.expire()
            model.each((offset) => model.end(offset, RELEASE))
            break
          case 'restart':
            harness.restart()
            model.each((offset) => {
              const record = model.records[offset]!
              Object.assign(record, { state: 'new', owner: '', count: record.written })
            })
            break
        }
        const done = model.records.findIndex(({ state }) => state !== 'done')
        assert.equal(harness.partition.startOffset, done < 0 ? 10 : done)
      }
    }),
  )
})
