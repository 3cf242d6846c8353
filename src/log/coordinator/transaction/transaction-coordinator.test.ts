import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { ErrorCode } from '../../protocol/error-code.ts'
import { TransactionCoordinator } from './transaction-coordinator.ts'
import type { TransactionAnswer } from './transaction-decision.ts'
import { CONFIG, errorOf, Harness, ID, identity } from './transaction-harness.test-kit.ts'

const { NONE } = ErrorCode

describe('InitProducerId', () => {
  it('gives a fresh id, then the next epoch each time', () => {
    const tx = new Harness()
    assert.deepEqual(identity(tx.init()), { producerId: 100, producerEpoch: 0 })
    assert.deepEqual(identity(tx.init()), { producerId: 100, producerEpoch: 1 })
    tx.restart()
    assert.deepEqual(identity(tx.init()), { producerId: 100, producerEpoch: 2 })
  })

  it('refuses impossible timeouts and the empty id', () => {
    const tx = new Harness()
    assert.equal(errorOf(tx.init(undefined, 0)), ErrorCode.INVALID_TRANSACTION_TIMEOUT)
    assert.equal(errorOf(tx.init(undefined, 60_001)), ErrorCode.INVALID_TRANSACTION_TIMEOUT)
    const empty = tx.coordinator.initProducerId(
      { transactionalId: '', timeoutMs: 1, current: undefined },
      () => 1,
      0,
    )
    assert.deepEqual(empty.kind === 'answer' && empty.answer.errorCode, ErrorCode.INVALID_REQUEST)
  })

  it('of a second producer aborts what the first left open, and fences it', () => {
    const tx = new Harness()
    const first = identity(tx.init())
    assert.equal(tx.add(first, 0, 1), NONE)
    const second = identity(tx.init())
    assert.deepEqual(tx.markers, [
      { kind: 'abort', producerId: 100, producerEpoch: 1, partitions: ['t-0', 't-1'] },
    ])
    assert.deepEqual(second, { producerId: 100, producerEpoch: 2 })
    assert.equal(tx.add(first, 0), ErrorCode.PRODUCER_FENCED)
    for (const version of [1, 2] as const) {
      assert.equal(errorOf(tx.end(first, 'commit', version)), ErrorCode.PRODUCER_FENCED)
      assert.equal(errorOf(tx.end(first, 'abort', version)), ErrorCode.PRODUCER_FENCED)
    }
    assert.equal(errorOf(tx.init(first)), ErrorCode.PRODUCER_FENCED)
  })

  it('with the own identity bumps the epoch, and a repeated one is answered the same', () => {
    const tx = new Harness()
    const first = identity(tx.init())
    const second = identity(tx.init(first))
    assert.deepEqual(second, { producerId: 100, producerEpoch: 1 })
    assert.deepEqual(identity(tx.init(first)), second)
    const third = identity(tx.init())
    assert.equal(errorOf(tx.init(first)), ErrorCode.PRODUCER_FENCED)
    assert.equal(errorOf(tx.init(second)), ErrorCode.PRODUCER_FENCED)
    assert.equal(third.producerEpoch, 2)
  })

  it('with the own identity ends the own transaction', () => {
    const tx = new Harness()
    const first = identity(tx.init())
    tx.add(first, 0)
    assert.deepEqual(identity(tx.init(first)), { producerId: 100, producerEpoch: 2 })
    assert.equal(tx.markers.length, 1)
    assert.deepEqual(identity(tx.init(first)), { producerId: 100, producerEpoch: 2 })
  })

  it('gives a new id when the epochs are used up', () => {
    const tx = new Harness()
    let producer = identity(tx.init())
    tx.append({ transactionalId: ID, value: { ...tx.state(), producerEpoch: 32_765 } })
    producer = identity(tx.init())
    assert.deepEqual(producer, { producerId: 100, producerEpoch: 32_766 })
    const next = identity(tx.init(producer))
    assert.deepEqual(next, { producerId: 101, producerEpoch: 0 })
    assert.deepEqual(identity(tx.init(producer)), next)
    assert.equal(tx.add(producer, 0), ErrorCode.INVALID_PRODUCER_ID_MAPPING)
  })
})

describe('partitions', () => {
  it('are in the transaction once they were added', () => {
    const tx = new Harness()
    const producer = identity(tx.init())
    const verify = (partition: number): unknown =>
      tx.coordinator.verifyPartitions({
        transactionalId: ID,
        ...producer,
        partitions: [{ topic: 't', partition }],
      })
    assert.deepEqual(verify(0), [ErrorCode.TRANSACTION_ABORTABLE])
    tx.add(producer, 0)
    tx.add(producer, 2)
    assert.deepEqual(verify(0), [NONE])
    assert.deepEqual(verify(1), [ErrorCode.TRANSACTION_ABORTABLE])
    const records = tx.log.length
    tx.add(producer, 0, 2)
    assert.equal(tx.log.length, records)
    tx.end(producer, 'commit')
    assert.equal(verify(0), 'wait')
    tx.complete()
    assert.deepEqual(verify(0), [ErrorCode.TRANSACTION_ABORTABLE])
  })

  it('are refused to strangers', () => {
    const tx = new Harness()
    const producer = identity(tx.init())
    assert.equal(tx.add({ ...producer, producerId: 7 }, 0), ErrorCode.INVALID_PRODUCER_ID_MAPPING)
    assert.equal(tx.add({ ...producer, producerEpoch: 7 }, 0), ErrorCode.PRODUCER_FENCED)
  })

  it('of the next transaction wait until this one is completed', () => {
    const tx = new Harness()
    const producer = identity(tx.init())
    tx.add(producer, 0)
    identity(tx.end(producer, 'commit'))
    assert.equal(tx.add(producer, 1), 'wait')
    assert.equal(tx.init(), 'wait')
    tx.complete()
    assert.equal(tx.add(producer, 1), NONE)
    assert.deepEqual([...tx.state().partitions], [['t', new Set([1])]])
  })
})

describe('EndTxn', () => {
  it('before version 5 keeps the epoch', () => {
    const tx = new Harness()
    const producer = identity(tx.init())
    tx.add(producer, 0)
    assert.deepEqual(identity(tx.end(producer, 'commit')), producer)
    tx.complete()
    assert.deepEqual(tx.markers, [{ kind: 'commit', ...producer, partitions: ['t-0'] }])
    tx.add(producer, 1)
    tx.end(producer, 'abort')
    tx.complete()
    assert.equal(tx.markers[1]!.kind, 'abort')
  })

  it('from version 5 bumps it, and the markers carry the new one', () => {
    const tx = new Harness()
    const producer = identity(tx.init())
    tx.add(producer, 0)
    const next = identity(tx.end(producer, 'commit', 2))
    assert.deepEqual(next, { producerId: 100, producerEpoch: 1 })
    tx.complete()
    assert.deepEqual(tx.markers, [{ kind: 'commit', ...next, partitions: ['t-0'] }])
    assert.equal(tx.add(producer, 0), ErrorCode.PRODUCER_FENCED)
    assert.equal(tx.add(next, 0), NONE)
  })

  it('repeated with the same outcome is answered again, with the other one refused', () => {
    for (const version of [1, 2] as const) {
      for (const outcome of ['commit', 'abort'] as const) {
        const other = outcome === 'commit' ? 'abort' : 'commit'
        const tx = new Harness()
        const producer = identity(tx.init())
        tx.add(producer, 0)
        const answer = tx.end(producer, outcome, version)
        assert.equal(tx.end(producer, outcome, version), 'wait')
        assert.equal(errorOf(tx.end(producer, other, version)), ErrorCode.INVALID_TXN_STATE)
        tx.complete()
        tx.restart()
        assert.deepEqual(tx.end(producer, outcome, version), answer)
        assert.equal(errorOf(tx.end(producer, other, version)), ErrorCode.INVALID_TXN_STATE)
      }
    }
  })

  it('of nothing is refused, but for an abort from version 5', () => {
    const tx = new Harness()
    const producer = identity(tx.init())
    assert.equal(errorOf(tx.end(producer, 'commit')), ErrorCode.INVALID_TXN_STATE)
    assert.equal(errorOf(tx.end(producer, 'abort')), ErrorCode.INVALID_TXN_STATE)
    assert.equal(errorOf(tx.end(producer, 'commit', 2)), ErrorCode.INVALID_TXN_STATE)
    const next = identity(tx.end(producer, 'abort', 2))
    assert.equal(next.producerEpoch, 1)
    tx.complete()
    assert.deepEqual(tx.markers[0]!.partitions, [])
    assert.equal(errorOf(tx.end(next, 'commit', 2)), ErrorCode.INVALID_TXN_STATE)
  })

  it('of the next transaction waits for the end under way, and shuts out what was written for it and comes late', () => {
    for (const outcome of ['commit', 'abort'] as const) {
      const tx = new Harness()
      const producer = identity(tx.init())
      tx.add(producer, 0)
      const next = identity(tx.end(producer, outcome, 2))
      // Its markers cannot be written yet; a write of the next transaction waits, and its producer gives it up.
      assert.equal(tx.add(next, 0), 'wait')
      assert.equal(tx.end(next, 'abort', 2), 'wait')
      tx.complete()
      assert.equal(identity(tx.end(next, 'abort', 2)).producerEpoch, next.producerEpoch + 1)
      tx.complete()
      assert.equal(tx.add(next, 0), ErrorCode.PRODUCER_FENCED)
      assert.deepEqual(tx.markers.at(-1)!.partitions, [])
    }
  })

  it('whose producer is given another id lets the next transaction wait under it, too', () => {
    const tx = new Harness()
    const producer = identity(tx.init())
    tx.append({ transactionalId: ID, value: { ...tx.state(), producerEpoch: 32_766 } })
    const last = { ...producer, producerEpoch: 32_766 }
    tx.add(last, 0)
    const next = identity(tx.end(last, 'commit', 2))
    assert.notEqual(next.producerId, last.producerId)
    assert.equal(tx.add(next, 1), 'wait')
    assert.equal(tx.end(next, 'abort', 2), 'wait')
    tx.complete()
    assert.equal(tx.add(next, 1), NONE)
    assert.equal(identity(tx.end(next, 'commit', 2)).producerId, next.producerId)
  })

  it('of strangers is refused', () => {
    const tx = new Harness()
    assert.equal(
      errorOf(tx.end({ producerId: 1, producerEpoch: 0 }, 'commit')),
      ErrorCode.INVALID_PRODUCER_ID_MAPPING,
    )
    const producer = identity(tx.init())
    tx.add(producer, 0)
    assert.equal(
      errorOf(tx.end({ ...producer, producerId: 1 }, 'commit')),
      ErrorCode.INVALID_PRODUCER_ID_MAPPING,
    )
    assert.equal(errorOf(tx.end({ ...producer, producerEpoch: 5 }, 'commit', 2)), ErrorCode.PRODUCER_FENCED)
  })

  it('goes on after a restart of client and broker with the same identity', () => {
    const tx = new Harness()
    const producer = identity(tx.init())
    tx.add(producer, 0)
    tx.restart()
    assert.deepEqual(identity(tx.end(producer, 'commit')), producer)
    tx.restart()
    tx.complete()
    assert.deepEqual(identity(tx.end(producer, 'commit')), producer)
    assert.deepEqual(tx.markers, [{ kind: 'commit', ...producer, partitions: ['t-0'] }])
  })

  it('of the last epoch goes over to a new producer id', () => {
    const tx = new Harness()
    tx.init()
    tx.append({ transactionalId: ID, value: { ...tx.state(), producerEpoch: 32_766 } })
    const last = { producerId: 100, producerEpoch: 32_766 }
    tx.add(last, 0)
    const next = identity(tx.end(last, 'commit', 2))
    assert.deepEqual(next, { producerId: 101, producerEpoch: 0 })
    tx.restart()
    tx.complete()
    assert.deepEqual(tx.markers[0], {
      kind: 'commit',
      producerId: 100,
      producerEpoch: 32_767,
      partitions: ['t-0'],
    })
    assert.deepEqual(identity(tx.end(last, 'commit', 2)), next)
    assert.equal(tx.add(next, 0), NONE)
  })
})

describe('time', () => {
  it('aborts a transaction past its timeout and fences the producer', () => {
    const tx = new Harness()
    const producer = identity(tx.init(undefined, 5_000))
    tx.add(producer, 0)
    tx.nowMs += 4_000
    tx.add(producer, 1)
    tx.nowMs += 1_000
    assert.deepEqual(tx.coordinator.timedOut(tx.nowMs), [])
    tx.nowMs += 1
    assert.deepEqual(tx.coordinator.timedOut(tx.nowMs), [ID])
    tx.carryOut(() => tx.coordinator.abortTimedOut(ID, tx.nowMs))
    tx.complete()
    assert.deepEqual(tx.markers, [
      { kind: 'abort', producerId: 100, producerEpoch: 1, partitions: ['t-0', 't-1'] },
    ])
    for (const version of [1, 2] as const)
      assert.equal(errorOf(tx.end(producer, 'commit', version)), ErrorCode.PRODUCER_FENCED)
    assert.equal(errorOf(tx.init(producer)), ErrorCode.PRODUCER_FENCED)
  })

  it('forgets ids that are not used, not those in a transaction', () => {
    const tx = new Harness()
    const producer = identity(tx.init())
    tx.nowMs += CONFIG.idExpirationMs - 1
    assert.deepEqual(tx.coordinator.expired(tx.nowMs), [])
    assert.equal(tx.coordinator.expired(tx.nowMs + 1).length, 1)
    tx.add(producer, 0)
    assert.deepEqual(tx.coordinator.expired(tx.nowMs * 2), [])
    tx.end(producer, 'commit')
    tx.complete()
    for (const record of tx.coordinator.expired(tx.nowMs * 2)) tx.append(record)
    assert.equal(tx.coordinator.get(ID), undefined)
    assert.deepEqual(identity(tx.init()), { producerId: 101, producerEpoch: 0 })
  })
})

describe('open transactions that a power cut took from the coordinator', () => {
  const found = { topic: 't', partition: 3, producerId: 100 }

  it('are taken up again', () => {
    const tx = new Harness()
    const producer = identity(tx.init())
    const adoption = tx.coordinator.adopt({ ...found, producerEpoch: 0 }, tx.nowMs)
    assert.ok(typeof adoption === 'object')
    tx.append(adoption)
    assert.equal(tx.coordinator.adopt({ ...found, producerEpoch: 0 }, tx.nowMs), 'known')
    identity(tx.end(producer, 'commit'))
    tx.complete()
    assert.deepEqual(tx.markers[0]!.partitions, ['t-3'])
  })

  it('belong to nobody when the id is unknown or the epoch is past', () => {
    const tx = new Harness()
    assert.equal(tx.coordinator.adopt({ ...found, producerEpoch: 0 }, 0), 'orphan')
    tx.init()
    tx.init()
    assert.equal(tx.coordinator.adopt({ ...found, producerEpoch: 0 }, 0), 'orphan')
  })

  it('are ended as was decided', () => {
    const tx = new Harness()
    const producer = identity(tx.init())
    tx.add(producer, 0)
    tx.end(producer, 'commit', 2)
    const adoption = tx.coordinator.adopt({ ...found, producerEpoch: 0 }, tx.nowMs)
    assert.ok(typeof adoption === 'object')
    tx.append(adoption)
    tx.complete()
    assert.deepEqual(tx.markers[0]!.partitions, ['t-0', 't-3'])
  })
})

describe('any life of a transactional id', () => {
  const action = fc.record({
    kind: fc.constantFrom(
      'init',
      'init own',
      'add',
      'add',
      'end',
      'end',
      'complete',
      'complete',
      'timeout',
      'restart',
    ),
    version: fc.constantFrom(1 as const, 2 as const),
    commit: fc.boolean(),
    stale: fc.nat({ max: 2 }),
    partition: fc.nat({ max: 3 }),
  })

  it('replays to the same state, and gives out no identity twice, nor an older one', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 50 }), fc.boolean(), (actions, nearEnd) => {
        const tx = new Harness()
        const given: { producerId: number; producerEpoch: number }[] = [identity(tx.init())]
        if (nearEnd) {
          tx.append({ transactionalId: ID, value: { ...tx.state(), producerEpoch: 32_763 } })
          given[0] = { producerId: 100, producerEpoch: 32_763 }
        }
        for (const { kind, version, commit, stale, partition } of actions) {
          const producer = given[Math.max(0, given.length - 1 - stale)]!
          const newest = given.at(-1)!
          let answer: TransactionAnswer | 'wait' = 'wait'
          if (kind === 'init') answer = tx.init()
          else if (kind === 'init own') answer = tx.init(producer)
          else if (kind === 'add') tx.add(producer, partition)
          else if (kind === 'end') answer = tx.end(producer, commit ? 'commit' : 'abort', version)
          else if (kind === 'complete') tx.complete()
          else if (kind === 'restart') tx.restart()
          else if (tx.state().status === 'Ongoing')
            tx.carryOut(() => tx.coordinator.abortTimedOut(ID, tx.nowMs))
          if (answer !== 'wait' && answer.errorCode === NONE) {
            const next = identity(answer)
            const grows =
              next.producerId > newest.producerId ||
              (next.producerId === newest.producerId && next.producerEpoch >= newest.producerEpoch)
            assert.ok(grows, `${JSON.stringify(next)} after ${JSON.stringify(newest)}`)
            assert.ok(next.producerEpoch <= 32_766)
            given.push(next)
          }
          if (kind === 'init' && answer !== 'wait') assert.notDeepEqual(identity(answer), newest)
          const replayed = new TransactionCoordinator(CONFIG)
          for (const record of tx.log) replayed.apply(record)
          assert.deepEqual([...replayed.snapshot()], [...tx.coordinator.snapshot()])
        }
      }),
      { numRuns: 300 },
    )
  })
})
