/** The APIs of transactions over the wire, in every version that is served, in the simulated world. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { sleep } from '../../world/world.ts'
import { addOffsetsToTxnApi } from '../protocol/apis/add-offsets-to-txn.ts'
import { addPartitionsToTxnApi } from '../protocol/apis/add-partitions-to-txn.ts'
import { describeProducersApi } from '../protocol/apis/describe-producers.ts'
import { describeTransactionsApi } from '../protocol/apis/describe-transactions.ts'
import { endTxnApi } from '../protocol/apis/end-txn.ts'
import { fetchApi } from '../protocol/apis/fetch.ts'
import { initProducerIdApi } from '../protocol/apis/init-producer-id.ts'
import { listOffsetsApi } from '../protocol/apis/list-offsets.ts'
import { listTransactionsApi } from '../protocol/apis/list-transactions.ts'
import { offsetFetchApi } from '../protocol/apis/offset-fetch.ts'
import { produceApi } from '../protocol/apis/produce.ts'
import { txnOffsetCommitApi } from '../protocol/apis/txn-offset-commit.ts'
import { writeTxnMarkersApi } from '../protocol/apis/write-txn-markers.ts'
import { ErrorCode } from '../protocol/error-code.ts'
import { batchOf, type WireClient } from './wire-client.test-kit.ts'
import { inEveryVersion, withBroker } from './coordinator-scene.test-kit.ts'

const { NONE } = ErrorCode

type Producer = {
  readonly transactionalId: string
  readonly producerId: number
  readonly producerEpoch: number
}

async function init(client: WireClient, transactionalId = 'tx', version = 5): Promise<Producer> {
  const answer = await client.call(initProducerIdApi, version, {
    transactionalId,
    transactionTimeoutMs: 5_000,
  })
  assert.equal(answer.errorCode, NONE)
  return { transactionalId, producerId: answer.producerId, producerEpoch: answer.producerEpoch }
}

async function send(
  client: WireClient,
  producer: Producer,
  version: number,
  baseSequence = 0,
  value = 'v',
): Promise<number> {
  const records = batchOf([value], { ...producer, baseSequence, transactional: true })
  const topicData = [{ name: 't', partitionData: [{ index: 0, records }] }]
  const answer = await client.call(produceApi, version, {
    transactionalId: producer.transactionalId,
    acks: -1,
    timeoutMs: 1_000,
    topicData,
  })
  return answer.responses[0]!.partitionResponses[0]!.errorCode
}

async function committedEnd(client: WireClient): Promise<number> {
  const topics = [{ name: 't', partitions: [{ partitionIndex: 0, timestamp: -1 }] }]
  const answer = await client.call(listOffsetsApi, 6, { replicaId: -1, isolationLevel: 1, topics })
  return answer.topics[0]!.partitions[0]!.offset
}

function addPartitions(
  client: WireClient,
  { transactionalId, producerId, producerEpoch }: Producer,
  version: number,
  partitions = [0],
): Promise<number[]> {
  const topics = [{ name: 't', partitions }]
  return client
    .call(addPartitionsToTxnApi, version, {
      transactions: [{ transactionalId, producerId, producerEpoch, topics }],
      v3AndBelowTransactionalId: transactionalId,
      v3AndBelowProducerId: producerId,
      v3AndBelowProducerEpoch: producerEpoch,
      v3AndBelowTopics: topics,
    })
    .then((answer) =>
      (version >= 4
        ? answer.resultsByTransaction[0]!.topicResults
        : answer.resultsByTopicV3AndBelow)[0]!.resultsByPartition.map(
        ({ partitionErrorCode }) => partitionErrorCode,
      ),
    )
}

describe('transactions over the wire', () => {
  it('the old way: partitions and offsets are added first, the epoch stays', () =>
    withBroker(async ({ client }) => {
      let sequence = 0
      const producer = await init(client)
      await inEveryVersion(addPartitionsToTxnApi, async (version) => {
        assert.equal(await send(client, producer, 11, sequence), ErrorCode.INVALID_TXN_STATE)
        assert.deepEqual(await addPartitions(client, producer, version), [NONE])
        assert.equal(await send(client, producer, 11, sequence++), NONE)
        const groupId = `g${version}`
        const partitions = [{ partitionIndex: 0, committedOffset: 7, committedMetadata: null }]
        const offsets = { ...producer, groupId, topics: [{ name: 't', partitions }] }
        const commitVersion = Math.min(version, 4)
        const early = await client.call(txnOffsetCommitApi, commitVersion, offsets)
        const notIn = commitVersion === 4 ? ErrorCode.TRANSACTION_ABORTABLE : ErrorCode.INVALID_TXN_STATE
        // Groups share partitions of the offsets topic: one of an earlier group may be in the transaction already.
        const possible: readonly number[] = [notIn, NONE]
        assert.ok(possible.includes(early.topics[0]!.partitions[0]!.errorCode))
        assert.equal(
          (await client.call(addOffsetsToTxnApi, Math.min(version, 4), { ...producer, groupId })).errorCode,
          NONE,
        )
        const committed = await client.call(txnOffsetCommitApi, commitVersion, offsets)
        assert.equal(committed.topics[0]!.partitions[0]!.errorCode, NONE)
        const wanted = {
          groups: [{ groupId, topics: [{ name: 't', partitionIndexes: [0] }] }],
          requireStable: true,
        }
        const pending = (await client.call(offsetFetchApi, 9, wanted)).groups[0]!.topics[0]!.partitions[0]!
        assert.equal(pending.errorCode, ErrorCode.UNSTABLE_OFFSET_COMMIT)
        const ended = await client.call(endTxnApi, Math.min(version, 4), { ...producer, committed: true })
        assert.equal(ended.errorCode, NONE)
        assert.deepEqual(await addPartitions(client, producer, version), [NONE])
        assert.equal(
          (await client.call(offsetFetchApi, 9, wanted)).groups[0]!.topics[0]!.partitions[0]!.committedOffset,
          7,
        )
        assert.equal((await client.call(endTxnApi, 4, { ...producer, committed: false })).errorCode, NONE)
        await addPartitions(client, producer, version)
        await client.call(endTxnApi, 4, { ...producer, committed: false })
      })
    }))

  it('the new way: writing adds, ending bumps the epoch', () =>
    withBroker(async ({ client, topicId }) => {
      let producer = await init(client)
      for (const committed of [true, false, true]) {
        assert.equal(await send(client, producer, 12), NONE)
        const partitions = [{ partitionIndex: 0, committedOffset: 7, committedMetadata: null }]
        for (const version of [5, 6]) {
          const offsets = await client.call(txnOffsetCommitApi, version, {
            ...producer,
            groupId: 'g',
            topics: [{ name: 't', topicId, partitions }],
          })
          assert.equal(offsets.topics[0]!.partitions[0]!.errorCode, NONE)
        }
        const ended = await client.call(endTxnApi, 5, { ...producer, committed })
        assert.deepEqual(
          [ended.errorCode, ended.producerId, ended.producerEpoch],
          [NONE, producer.producerId, producer.producerEpoch + 1],
        )
        assert.deepEqual(await client.call(endTxnApi, 5, { ...producer, committed }), ended)
        assert.equal(await send(client, producer, 12, 1), ErrorCode.INVALID_PRODUCER_EPOCH)
        producer = { ...producer, producerEpoch: ended.producerEpoch }
      }
    }))

  it('a commit is answered after one sync and visible after two; the next transaction waits for nothing more', () =>
    withBroker(async ({ client, server, simulation }) => {
      const producer = await init(client)
      await send(client, producer, 12)
      server.disk.conditions.syncDelayMs = [10, 10]
      const startMs = simulation.clock.monotonicMs()
      const elapsedMs = (): number => simulation.clock.monotonicMs() - startMs
      const ended = await client.call(endTxnApi, 5, { ...producer, committed: true })
      assert.ok(elapsedMs() < 15, `answered after ${elapsedMs()} ms`)
      while ((await committedEnd(client)) === 0) await sleep(simulation.clock, 1)
      const visibleMs = elapsedMs()
      const read = await client.call(fetchApi, 12, {
        maxWaitMs: 100,
        minBytes: 1,
        isolationLevel: 1,
        topics: [{ topic: 't', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }] }],
      })
      assert.ok(read.responses[0]!.partitions[0]!.records!.length > 0)
      assert.ok(elapsedMs() < 25, `visible after ${visibleMs} ms, read after ${elapsedMs()} ms`)
      await sleep(simulation.clock, 20)
      const nextMs = simulation.clock.monotonicMs()
      assert.equal(await send(client, { ...producer, producerEpoch: ended.producerEpoch }, 12), NONE)
      assert.ok(simulation.clock.monotonicMs() - nextMs < 15)
    }))

  it('a timeout aborts and fences', () =>
    withBroker(
      async ({ client, simulation }) => {
        const producer = await init(client)
        await send(client, producer, 12)
        await sleep(simulation.clock, 6_500)
        assert.equal(await committedEnd(client), 2)
        assert.equal(
          (await client.call(endTxnApi, 5, { ...producer, committed: true })).errorCode,
          ErrorCode.PRODUCER_FENCED,
        )
        assert.equal(
          (await client.call(endTxnApi, 1, { ...producer, committed: true })).errorCode,
          ErrorCode.INVALID_PRODUCER_EPOCH,
        )
        assert.equal(await send(client, producer, 12, 1), ErrorCode.INVALID_PRODUCER_EPOCH)
        const again = await init(client)
        assert.equal(await send(client, again, 12), NONE)
      },
      { 'transaction.abort.timed.out.transaction.cleanup.interval.ms': 1_000 },
    ))

  it('InitProducerId speaks all versions, with and without a transactional id', () =>
    withBroker(async ({ client }) => {
      const given = new Set<string>()
      await inEveryVersion(initProducerIdApi, async (version) => {
        for (const transactionalId of [null, 'tx']) {
          const answer = await client.call(initProducerIdApi, version, {
            transactionalId,
            transactionTimeoutMs: 1_000,
          })
          assert.equal(answer.errorCode, NONE)
          const identity = `${answer.producerId}/${answer.producerEpoch}`
          assert.ok(!given.has(identity), identity)
          given.add(identity)
        }
      })
      const half = await client.call(initProducerIdApi, 5, {
        transactionalId: 'tx',
        transactionTimeoutMs: 1_000,
        producerId: 5,
      })
      assert.equal(half.errorCode, ErrorCode.INVALID_REQUEST)
    }))

  it('AddPartitionsToTxn refuses unknown partitions, and the others with them', () =>
    withBroker(async ({ client }) => {
      const producer = await init(client)
      const expected = [ErrorCode.OPERATION_NOT_ATTEMPTED, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]
      assert.deepEqual(await addPartitions(client, producer, 3, [0, 9]), expected)
    }))

  it('are described and listed', () =>
    withBroker(async ({ client }) => {
      const open = await init(client, 'open-1')
      await send(client, open, 12)
      await init(client, 'idle')
      const { transactionStates } = await client.call(describeTransactionsApi, 0, {
        transactionalIds: ['open-1', 'nobody'],
      })
      assert.deepEqual(
        transactionStates.map(({ errorCode, transactionState, topics }) => [
          errorCode,
          transactionState,
          topics,
        ]),
        [
          [NONE, 'Ongoing', [{ topic: 't', partitions: [0] }]],
          [ErrorCode.TRANSACTIONAL_ID_NOT_FOUND, '', []],
        ],
      )
      const list = async (filter: {
        stateFilters?: string[]
        producerIdFilters?: number[]
        durationFilter?: number
        transactionalIdPattern?: string
      }): Promise<unknown[]> => {
        const answer = await client.call(listTransactionsApi, 2, {
          stateFilters: [],
          producerIdFilters: [],
          ...filter,
        })
        return answer.errorCode === NONE
          ? answer.transactionStates.map(({ transactionalId }) => transactionalId)
          : [answer.errorCode]
      }
      assert.deepEqual((await list({})).toSorted(), ['idle', 'open-1'])
      assert.deepEqual(await list({ stateFilters: ['Ongoing'] }), ['open-1'])
      assert.deepEqual(await list({ producerIdFilters: [open.producerId] }), ['open-1'])
      assert.deepEqual(await list({ durationFilter: 1_000_000 }), [])
      assert.deepEqual(await list({ transactionalIdPattern: 'open-.*' }), ['open-1'])
      assert.deepEqual(await list({ transactionalIdPattern: 'pen' }), [])
      // Each of these takes an engine that backtracks longer than anybody lives.
      await init(client, 'a'.repeat(90))
      for (const pattern of ['(a+)+b', `${'a?'.repeat(60)}${'a'.repeat(28)}b`])
        assert.deepEqual(await list({ transactionalIdPattern: pattern }), [])
      for (const pattern of ['(', 'a{1000}'.repeat(10)])
        assert.deepEqual(await list({ transactionalIdPattern: pattern }), [
          ErrorCode.INVALID_REGULAR_EXPRESSION,
        ])
      const unknown = await client.call(listTransactionsApi, 0, {
        stateFilters: ['Nonsense'],
        producerIdFilters: [],
      })
      assert.deepEqual(unknown.unknownStateFilters, ['Nonsense'])
    }))

  it('are written to by their own producer alone: a request with batches of several is refused as a whole', () =>
    withBroker(async ({ client }) => {
      const [own, other] = [await init(client, 'own'), await init(client, 'other')]
      const batch = (producer: Producer): Buffer =>
        batchOf(['v'], { ...producer, baseSequence: 0, transactional: true })
      const partitionData = [
        { index: 0, records: batch(own) },
        { index: 1, records: batch(other) },
      ]
      const answer = await client.call(produceApi, 12, {
        transactionalId: 'own',
        acks: -1,
        timeoutMs: 1_000,
        topicData: [{ name: 't', partitionData }],
      })
      assert.deepEqual(
        answer.responses[0]!.partitionResponses.map(({ errorCode }) => errorCode),
        [ErrorCode.INVALID_PRODUCER_ID_MAPPING, ErrorCode.INVALID_PRODUCER_ID_MAPPING],
      )
      assert.equal(await send(client, own, 12), NONE)
    }))

  it('that hang are found by DescribeProducers and ended by WriteTxnMarkers', () =>
    withBroker(async ({ client }) => {
      const producer = await init(client)
      await send(client, producer, 12)
      const topics = [{ name: 't', partitionIndexes: [0, 5] }]
      const described = (await client.call(describeProducersApi, 0, { topics })).topics[0]!.partitions
      assert.deepEqual(
        described.map(({ errorCode }) => errorCode),
        [NONE, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      )
      const active = described[0]!.activeProducers[0]!
      assert.deepEqual(
        [active.producerId, active.currentTxnStartOffset, active.lastSequence],
        [producer.producerId, 0, 0],
      )
      for (const version of [1, 2]) {
        const markers = [{ ...producer, coordinatorEpoch: 0, transactionResult: false, topics }]
        const written = await client.call(writeTxnMarkersApi, version, { markers })
        assert.deepEqual(
          written.markers[0]!.topics[0]!.partitions.map(({ errorCode }) => errorCode),
          [NONE, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
        )
      }
      assert.equal(await committedEnd(client), 3)
    }))

  it('that nobody knows any more are aborted at the start', () =>
    withBroker(async (scene) => {
      const stranger = { transactionalId: 'tx', producerId: 777, producerEpoch: 3 }
      assert.equal(await send(scene.client, stranger, 12), ErrorCode.INVALID_PRODUCER_ID_MAPPING)
      const producer = await init(scene.client)
      await send(scene.client, producer, 12)
      const { client } = await scene.restart()
      assert.equal(await committedEnd(client), 0)
      assert.equal((await client.call(endTxnApi, 5, { ...producer, committed: true })).errorCode, NONE)
    }))

  it('leave small logs behind', () =>
    withBroker(
      async (scene) => {
        let producer = await init(scene.client)
        for (let round = 0; round < 200; round++) {
          await send(scene.client, producer, 12)
          const partitions = [{ partitionIndex: 0, committedOffset: round, committedMetadata: null }]
          await scene.client.call(txnOffsetCommitApi, 5, {
            ...producer,
            groupId: 'g',
            topics: [{ name: 't', partitions }],
          })
          const { producerEpoch } = await scene.client.call(endTxnApi, 5, { ...producer, committed: true })
          producer = { ...producer, producerEpoch }
        }
        const { client } = await scene.restart()
        for (const name of ['__consumer_offsets', '__transaction_state']) {
          let records = 0
          for (const timestamp of [-2, -1]) {
            const partitions = [0, 1, 2, 3].map((partitionIndex) => ({ partitionIndex, timestamp }))
            const { topics } = await client.call(listOffsetsApi, 6, {
              replicaId: -1,
              topics: [{ name, partitions }],
            })
            for (const { offset } of topics[0]!.partitions) records += timestamp === -1 ? offset : -offset
          }
          assert.ok(records > 0 && records < 250, `${records} records in ${name}`)
        }
        const fetched = await client.call(offsetFetchApi, 9, {
          groups: [{ groupId: 'g', topics: null }],
          requireStable: true,
        })
        assert.equal(fetched.groups[0]!.topics[0]!.partitions[0]!.committedOffset, 199)
        assert.equal(await send(client, producer, 12), NONE)
      },
      {
        'coordinator.snapshot.min.records': 50,
        'offsets.topic.segment.bytes': 4_096,
        'transaction.state.log.segment.bytes': 4_096,
      },
    ))
})
