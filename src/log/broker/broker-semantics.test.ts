/**
 * What clients' own suites check and a naive broker gets wrong, over the wire, in the simulated world; the numbers are
 * those of COMPATIBILITY.md, which also says which other tests hold the rest.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ByteWriter } from '../../base/byte-writer.ts'
import { apiVersionsApi } from '../protocol/apis/api-versions.ts'
import { createTopicsApi } from '../protocol/apis/create-topics.ts'
import { deleteRecordsApi } from '../protocol/apis/delete-records.ts'
import { endTxnApi } from '../protocol/apis/end-txn.ts'
import { fetchApi, type FetchRequestInput } from '../protocol/apis/fetch.ts'
import { initProducerIdApi } from '../protocol/apis/init-producer-id.ts'
import { listOffsetsApi } from '../protocol/apis/list-offsets.ts'
import { metadataApi } from '../protocol/apis/metadata.ts'
import { offsetForLeaderEpochApi } from '../protocol/apis/offset-for-leader-epoch.ts'
import { produceApi } from '../protocol/apis/produce.ts'
import { ErrorCode } from '../protocol/error-code.ts'
import {
  compressionOf,
  forEachRecord,
  readBatchHeader,
  RecordBatchBuilder,
  splitBatches,
} from '../protocol/record-batch.ts'
import { encodeRequestHeader } from '../protocol/request-header.ts'
import { sleep } from '../../world/world.ts'
import { withBroker } from './coordinator-scene.test-kit.ts'
import { batchOf, WireClient } from './wire-client.test-kit.ts'

const { NONE } = ErrorCode

async function create(
  client: WireClient,
  name: string,
  config: Record<string, string> = {},
): Promise<string> {
  const configs = Object.entries(config).map(([key, value]) => ({ name: key, value }))
  const wanted = { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs }
  const { topics } = await client.call(createTopicsApi, 7, { topics: [wanted] })
  assert.equal(topics[0]!.errorCode, NONE, topics[0]!.errorMessage ?? '')
  return topics[0]!.topicId
}

async function produce(client: WireClient, name: string, records: Buffer, acks = -1) {
  const topicData = [{ name, partitionData: [{ index: 0, records }] }]
  const answer = await client.call(produceApi, 9, { acks, timeoutMs: 1_000, topicData })
  return answer.responses[0]!.partitionResponses[0]!
}

async function fetch(
  client: WireClient,
  name: string,
  options: Partial<FetchRequestInput> & { offset?: number; currentLeaderEpoch?: number } = {},
) {
  const { offset: fetchOffset = 0, currentLeaderEpoch = -1, ...more } = options
  const partitions = [{ partition: 0, fetchOffset, currentLeaderEpoch, partitionMaxBytes: 1 << 20 }]
  const answer = await client.call(fetchApi, 12, {
    maxWaitMs: 0,
    minBytes: 1,
    topics: [{ topic: name, partitions }],
    ...more,
  })
  return answer.responses[0]!.partitions[0]!
}

function valuesOf(records: Buffer): string[] {
  const values: string[] = []
  for (const batch of splitBatches(records))
    forEachRecord(batch, (_offset, _timestampMs, _key, value) => values.push(String(value)))
  return values
}

describe('wire', () => {
  it('3: a client id may be null', () =>
    withBroker(async ({ client }) => {
      const writer = ByteWriter.forFrame()
      encodeRequestHeader(writer, metadataApi, { apiVersion: 9, correlationId: 5, clientId: null })
      metadataApi.encodeRequest(writer, 9, { topics: [] })
      client.write(Buffer.concat(writer.frame()))
      assert.equal((await client.answer()).readInt32BE(0), 5)
    }))

  it('4: who looks for another cluster or node is sent back to its bootstrap addresses (KIP-1242)', () =>
    withBroker(async ({ client }) => {
      const { clusterId, controllerId: nodeId } = await client.call(metadataApi, 12, { topics: [] })
      const ask = async (who: { clusterId?: string | null; nodeId?: number }): Promise<number> => {
        const body = { clientSoftwareName: 'test', clientSoftwareVersion: '1', ...who }
        return (await client.call(apiVersionsApi, 5, body)).errorCode
      }
      assert.equal(await ask({ clusterId, nodeId }), NONE)
      assert.equal(await ask({ clusterId, nodeId: nodeId + 1 }), ErrorCode.REBOOTSTRAP_REQUIRED)
      assert.equal(await ask({ clusterId: 'another', nodeId }), ErrorCode.REBOOTSTRAP_REQUIRED)
      assert.equal(await ask({ clusterId }), ErrorCode.INVALID_REQUEST)
      assert.equal(await ask({ nodeId }), ErrorCode.INVALID_REQUEST)
    }))
})

describe('produce', () => {
  for (const [codec, level] of [
    ['gzip', 'compression.gzip.level'],
    ['zstd', 'compression.zstd.level'],
  ] as const) {
    it(`14: a topic in ${codec} stores ${codec}, at its own level, with every record as it was`, () =>
      withBroker(async ({ client }) => {
        const values = Array.from({ length: 200 }, (_, index) => `value ${(index * 7919) % 200} of ${index}`)
        const sizes: number[] = []
        for (const [name, value] of [
          ['low', '1'],
          ['high', '9'],
        ] as const) {
          await create(client, name, { 'compression.type': codec, [level]: value })
          await produce(client, name, batchOf(values, { compression: 'snappy' }))
          const { records } = await fetch(client, name)
          assert.equal(compressionOf(readBatchHeader(records!, 0).attributes), codec)
          assert.deepEqual(valuesOf(records!), values)
          sizes.push(records!.length)
        }
        assert.ok(sizes[1]! < sizes[0]!, String(sizes))
      }))
  }

  it('16: max.message.bytes is about the batch as it was sent, after compression', () =>
    withBroker(async ({ client }) => {
      await create(client, 'small', { 'max.message.bytes': '1000' })
      const value = 'x'.repeat(5_000)
      assert.equal((await produce(client, 'small', batchOf([value]))).errorCode, ErrorCode.MESSAGE_TOO_LARGE)
      assert.equal(
        (await produce(client, 'small', batchOf([value], { compression: 'gzip' }))).errorCode,
        NONE,
      )
    }))

  it('17: the answer says where the log begins', () =>
    withBroker(async ({ client }) => {
      await produce(client, 't', batchOf(['a', 'b']))
      const partitions = [{ partitionIndex: 0, offset: 1 }]
      await client.call(deleteRecordsApi, 2, { topics: [{ name: 't', partitions }], timeoutMs: 1_000 })
      assert.equal((await produce(client, 't', batchOf(['c']))).logStartOffset, 1)
    }))

  it('18: a repeated batch gets its first offset, a gap is refused, over a power cut', () =>
    withBroker(async (scene) => {
      const { producerId, producerEpoch } = await scene.client.call(initProducerIdApi, 5, {
        transactionalId: null,
        transactionTimeoutMs: 1_000,
      })
      const batch = (baseSequence: number): Buffer =>
        batchOf([`value ${baseSequence}`], { producerId, producerEpoch, baseSequence })
      for (let sequence = 0; sequence < 7; sequence++)
        assert.equal((await produce(scene.client, 't', batch(sequence))).baseOffset, sequence)
      const check = async (client: WireClient): Promise<void> => {
        for (const sequence of [2, 6]) {
          const repeated = await produce(client, 't', batch(sequence))
          assert.deepEqual([repeated.errorCode, repeated.baseOffset], [NONE, sequence])
        }
        assert.equal((await produce(client, 't', batch(1))).errorCode, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
        assert.equal((await produce(client, 't', batch(9))).errorCode, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
      }
      await check(scene.client)
      const { client } = await scene.restart()
      await check(client)
      assert.equal((await produce(client, 't', batch(7))).baseOffset, 7)
    }))
})

describe('transactions', () => {
  it('22: a waiting read_committed reader wakes with the marker, and counts bytes up to the last stable offset', () =>
    withBroker(async ({ client, simulation }) => {
      const { producerId, producerEpoch } = await client.call(initProducerIdApi, 5, {
        transactionalId: 'tx',
        transactionTimeoutMs: 60_000,
      })
      const reader = await WireClient.connect(simulation.machine('reader').world.network, LISTEN)
      let answered = false
      const waiting = fetch(reader, 't', { isolationLevel: 1, maxWaitMs: 1e9 }).then((answer) => {
        answered = true
        return answer
      })
      const records = batchOf(['in doubt'], {
        producerId,
        producerEpoch,
        baseSequence: 0,
        transactional: true,
      })
      const topicData = [{ name: 't', partitionData: [{ index: 0, records }] }]
      const body = { transactionalId: 'tx', acks: -1, timeoutMs: 1_000, topicData }
      await client.call(produceApi, 12, body)
      const uncommitted = await fetch(client, 't', { isolationLevel: 0 })
      assert.deepEqual(valuesOf(uncommitted.records!), ['in doubt'])
      assert.deepEqual([uncommitted.highWatermark, uncommitted.lastStableOffset], [1, 0])
      assert.equal(uncommitted.abortedTransactions, null)
      assert.equal(answered, false)
      await client.call(endTxnApi, 5, { transactionalId: 'tx', producerId, producerEpoch, committed: true })
      assert.deepEqual(valuesOf((await waiting).records!).slice(0, 1), ['in doubt'])
      reader.close()
    }))

  it('26: a transactional batch in a request without a transactional id is refused', () =>
    withBroker(async ({ client }) => {
      const batch = batchOf(['a'], { producerId: 1, producerEpoch: 0, baseSequence: 0, transactional: true })
      assert.equal(
        (await produce(client, 't', batch)).errorCode,
        ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
      )
    }))
})

describe('fetch and offsets', () => {
  it('30: an offset inside a batch gives the batch whole', () =>
    withBroker(async ({ client }) => {
      await produce(client, 't', batchOf(['a', 'b', 'c']))
      assert.deepEqual(valuesOf((await fetch(client, 't', { offset: 2 })).records!), ['a', 'b', 'c'])
    }))

  it('33: an epoch from before a crash is fenced, a later one unknown, and where it ended is told', () =>
    withBroker(async (scene) => {
      await produce(scene.client, 't', batchOf(['a', 'b']))
      const { client } = await scene.restart()
      await produce(client, 't', batchOf(['c']))
      const codes: number[] = []
      for (const currentLeaderEpoch of [-1, 0, 1, 2])
        codes.push((await fetch(client, 't', { currentLeaderEpoch })).errorCode)
      const { FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH } = ErrorCode
      assert.deepEqual(codes, [NONE, FENCED_LEADER_EPOCH, NONE, UNKNOWN_LEADER_EPOCH])
      const partitions = [0, 1, 9].map((leaderEpoch) => ({ partition: 0, leaderEpoch }))
      const { topics } = await client.call(offsetForLeaderEpochApi, 4, {
        topics: [{ topic: 't', partitions }],
      })
      assert.deepEqual(
        topics[0]!.partitions.map(({ leaderEpoch, endOffset }) => [leaderEpoch, endOffset]),
        [
          [0, 2],
          [1, 3],
          [-1, -1],
        ],
      )
    }))

  it('34: times are found inside compressed batches; what stands for nothing is refused', () =>
    withBroker(async ({ client, simulation }) => {
      const nowMs = simulation.clock.nowMs()
      const at = async (timestamp: number, isolationLevel = 0, version = 11): Promise<number[]> => {
        const partitions = [{ partitionIndex: 0, timestamp }]
        const topics = [{ name: 't', partitions }]
        const answer = await client.call(listOffsetsApi, version, { replicaId: -1, isolationLevel, topics })
        const { errorCode, offset, timestamp: found } = answer.topics[0]!.partitions[0]!
        return errorCode === NONE ? [offset, found] : [-errorCode]
      }
      assert.deepEqual(await at(-3), [-1, -1])
      const builder = [5, 3, 9, 9, 7].map((second) => nowMs - 20_000 + second * 1_000)
      await produce(client, 't', timedBatch(builder))
      assert.deepEqual(await at(-3), [2, nowMs - 11_000])
      assert.deepEqual(await at(nowMs - 14_000), [2, nowMs - 11_000])
      assert.deepEqual(await at(nowMs - 16_000), [0, nowMs - 15_000])
      assert.deepEqual(await at(nowMs), [-1, -1])
      assert.deepEqual(await at(-4), [0, -1])
      assert.deepEqual(await at(-4, 0, 7), [-ErrorCode.UNSUPPORTED_VERSION])
      assert.deepEqual(await at(-7), [-ErrorCode.UNSUPPORTED_VERSION])
    }))

  it('34: the end for read_committed readers is one that a power cut does not take back', () =>
    withBroker(async (scene) => {
      await produce(scene.client, 't', batchOf(['a']), 1)
      const ends = async (client: WireClient, isolationLevel: number): Promise<number> => {
        const topics = [{ name: 't', partitions: [{ partitionIndex: 0, timestamp: -1 }] }]
        const answer = await client.call(listOffsetsApi, 6, { replicaId: -1, isolationLevel, topics })
        return answer.topics[0]!.partitions[0]!.offset
      }
      assert.equal(await ends(scene.client, 1), 1)
      const { client } = await scene.restart()
      assert.equal(await ends(client, 0), 1)
    }))

  it('36: a compacted topic keeps the last value of every key, at its offset', () =>
    withBroker(async ({ client, simulation }) => {
      await create(client, 'compacted', {
        'cleanup.policy': 'compact',
        'segment.bytes': '500',
        'min.cleanable.dirty.ratio': '0.1',
      })
      for (let round = 0; round < 20; round++)
        await produce(client, 'compacted', batchOf([`value ${round}`], {}, { key: `key ${round % 2}` }))
      await sleep(simulation.clock, 20_000)
      const offsets: number[] = []
      for (let offset = 0; offset < 20;) {
        const { records } = await fetch(client, 'compacted', { offset })
        for (const batch of splitBatches(records!)) {
          const header = readBatchHeader(batch, 0)
          offset = header.baseOffset + header.lastOffsetDelta + 1
          forEachRecord(batch, (found) => offsets.push(found))
        }
      }
      assert.ok(offsets.length < 12, String(offsets))
      assert.deepEqual(offsets.slice(-2), [18, 19])
      assert.deepEqual(
        offsets,
        offsets.toSorted((a, b) => a - b),
      )
    }))

  it('35: records of a topic that is only compacted are not deleted by offset', () =>
    withBroker(async ({ client }) => {
      const remove = async (name: string): Promise<number> => {
        const topics = [{ name, partitions: [{ partitionIndex: 0, offset: -1 }] }]
        const answer = await client.call(deleteRecordsApi, 2, { topics, timeoutMs: 1_000 })
        return answer.topics[0]!.partitions[0]!.errorCode
      }
      await create(client, 'compacted', { 'cleanup.policy': 'compact' })
      await create(client, 'both', { 'cleanup.policy': 'compact,delete' })
      assert.equal(await remove('compacted'), ErrorCode.POLICY_VIOLATION)
      assert.equal(await remove('both'), NONE)
    }))
})

const LISTEN = { host: '127.0.0.1', port: 9092 }

/** A compressed batch whose records have these timestamps. */
function timedBatch(timestampsMs: readonly number[]): Buffer {
  const builder = new RecordBatchBuilder()
  for (const timestampMs of timestampsMs) builder.append({ value: 'v', timestampMs })
  return builder.build({ compression: 'gzip' })
}
