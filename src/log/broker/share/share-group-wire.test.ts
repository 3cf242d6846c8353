/** Share groups (KIP-932) over the wire, in the simulated world: what takes time, crashes, or closes. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { sleep } from '../../../world/world.ts'
import { AcknowledgeType } from '../../coordinator/share/share-partition.ts'
import { apis } from '../../protocol/apis.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { ZERO_UUID } from '../../protocol/field.ts'
import type { BatchOptions } from '../../protocol/record-batch.ts'
import { inEveryVersion, withBroker, type Scene } from '../coordinator-scene.test-kit.ts'
import { batchOf, type WireClient } from '../wire-client.test-kit.ts'

const { NONE } = ErrorCode
const { ACCEPT, RELEASE } = AcknowledgeType
const LOCK_MS = 15_000

type Ack = readonly [first: number, last: number, type: number]
type Range = readonly [first: number, last: number, deliveryCount: number]

/** A member of group `g` on a connection of its own, in partition 0 of `t`. */
class Member {
  readonly client: WireClient
  readonly id: string
  readonly #topicId: string
  #epoch = 0

  constructor(client: WireClient, id: string, topicId: string) {
    this.client = client
    this.id = id
    this.#topicId = topicId
  }

  static async join(scene: Scene, id: string): Promise<Member> {
    const client = await scene.connect()
    const joining = { groupId: 'g', memberId: id, memberEpoch: 0, subscribedTopicNames: ['t'] }
    assert.equal((await client.call(apis.shareGroupHeartbeat, 1, joining)).errorCode, NONE)
    return new Member(client, id, scene.topicId)
  }

  async fetch(acks: readonly Ack[] = [], maxWaitMs = 5_000): Promise<Range[]> {
    const { errorCode, responses } = await this.client.call(apis.shareFetch, 2, {
      groupId: 'g',
      memberId: this.id,
      shareSessionEpoch: this.#epoch++,
      maxWaitMs,
      minBytes: 1,
      maxBytes: 1_000_000,
      maxRecords: 500,
      batchSize: 500,
      topics: this.#topics(acks),
      forgottenTopicsData: [],
    })
    assert.equal(errorCode, NONE)
    return responses.flatMap(({ partitions }) =>
      partitions.flatMap(({ acquiredRecords, errorCode: error, acknowledgeErrorCode }) => {
        assert.deepEqual([error, acknowledgeErrorCode], [NONE, NONE])
        return acquiredRecords.map(
          (range) => [range.firstOffset, range.lastOffset, range.deliveryCount] as const,
        )
      }),
    )
  }

  async acknowledge(...acks: readonly Ack[]): Promise<number> {
    const { errorCode, responses } = await this.client.call(apis.shareAcknowledge, 2, {
      groupId: 'g',
      memberId: this.id,
      shareSessionEpoch: this.#epoch++,
      topics: this.#topics(acks),
    })
    return errorCode === NONE ? responses[0]!.partitions[0]!.errorCode : errorCode
  }

  #topics(acks: readonly Ack[]) {
    const acknowledgementBatches = acks.map(([firstOffset, lastOffset, type]) => ({
      firstOffset,
      lastOffset,
      acknowledgeTypes: [type],
    }))
    return [{ topicId: this.#topicId, partitions: [{ partitionIndex: 0, acknowledgementBatches }] }]
  }
}

async function configure(scene: Scene, settings: Readonly<Record<string, string>>): Promise<void> {
  const configs = Object.entries(settings).map(([name, value]) => ({ name, configOperation: 0, value }))
  const { responses } = await scene.client.call(apis.incrementalAlterConfigs, 1, {
    resources: [{ resourceType: 32, resourceName: 'g', configs }],
    validateOnly: false,
  })
  assert.equal(responses[0]!.errorCode, NONE)
}

function produce(scene: Scene, count: number, options: BatchOptions = {}): Promise<void> {
  return produceValues(scene, Array<string>(count).fill('v'), options)
}

async function produceValues(
  scene: Scene,
  values: readonly string[],
  options: BatchOptions = {},
): Promise<void> {
  const records = batchOf([...values], options)
  const answer = await scene.client.call(apis.produce, 11, {
    transactionalId: options.transactional === true ? 'tx' : null,
    acks: -1,
    timeoutMs: 5_000,
    topicData: [{ name: 't', partitionData: [{ index: 0, records }] }],
  })
  assert.equal(answer.responses[0]!.partitionResponses[0]!.errorCode, NONE)
}

/** A group that begins at the beginning of ten records. */
async function withTen(body: (scene: Scene) => Promise<void>): Promise<void> {
  await withBroker(async (scene) => {
    await configure(scene, {
      'share.auto.offset.reset': 'earliest',
      'share.record.lock.duration.ms': String(LOCK_MS),
    })
    await produce(scene, 10)
    await body(scene)
  })
}

describe('share groups over the wire', () => {
  it('are served in every version', () =>
    withTen(async (scene) => {
      const { id, client } = await Member.join(scene, 'm')
      const topics = [
        { topicId: scene.topicId, partitions: [{ partitionIndex: 0, acknowledgementBatches: [] }] },
      ]
      const member = { groupId: 'g', memberId: id }
      await inEveryVersion(apis.shareFetch, async (version) => {
        const fetch = {
          ...member,
          shareSessionEpoch: 0,
          maxWaitMs: 0,
          minBytes: 1,
          maxRecords: 1,
          batchSize: 1,
        }
        const answer = await client.call(apis.shareFetch, version, {
          ...fetch,
          topics,
          forgottenTopicsData: [],
        })
        assert.deepEqual([answer.errorCode, answer.acquisitionLockTimeoutMs], [NONE, LOCK_MS])
      })
      let shareSessionEpoch = 1
      await inEveryVersion(apis.shareAcknowledge, async (version) => {
        const body = { ...member, shareSessionEpoch: shareSessionEpoch++, topics }
        assert.equal((await client.call(apis.shareAcknowledge, version, body)).errorCode, NONE)
      })
      await inEveryVersion(apis.describeShareGroupOffsets, async (version) => {
        const groups = [{ groupId: 'g', topics: null }]
        const answer = await client.call(apis.describeShareGroupOffsets, version, { groups })
        assert.equal(answer.groups[0]!.topics[0]!.partitions[0]!.startOffset, 0)
      })
    }))

  it('an acknowledgement that was answered survives a power cut; what was only acquired is given again', () =>
    withTen(async (scene) => {
      const before = await Member.join(scene, 'm')
      assert.deepEqual(await before.fetch(), [[0, 9, 1]])
      assert.equal(await before.acknowledge([0, 3, ACCEPT], [6, 6, RELEASE]), NONE)
      const restarted = await scene.restart()
      const after = await Member.join(restarted, 'n')
      assert.deepEqual(await after.fetch(), [
        [4, 5, 1],
        [6, 6, 2],
        [7, 9, 1],
      ])
    }))

  it('so it does when the state has been written anew', () =>
    withBroker(
      async (scene) => {
        await configure(scene, { 'share.auto.offset.reset': 'earliest' })
        await produce(scene, 50)
        const before = await Member.join(scene, 'm')
        await before.fetch()
        for (let offset = 1; offset < 50; offset += 2)
          assert.equal(await before.acknowledge([offset, offset, ACCEPT]), NONE)
        await sleep(scene.server.world.clock, 1_000)
        const after = await Member.join(await scene.restart(), 'n')
        const given = await after.fetch()
        assert.deepEqual(
          given.map(([first, last]) => [first, last]),
          Array.from({ length: 25 }, (_, at) => [2 * at, 2 * at]),
        )
      },
      { 'coordinator.snapshot.min.records': 5, 'share.coordinator.state.topic.num.partitions': 1 },
    ))

  it('who waits is given what another has had for too long', () =>
    withTen(async (scene) => {
      const slow = await Member.join(scene, 'slow')
      const other = await Member.join(scene, 'other')
      assert.deepEqual(await slow.fetch(), [[0, 9, 1]])
      assert.deepEqual(await other.fetch([], LOCK_MS + 1_000), [[0, 9, 2]])
      assert.equal(await slow.acknowledge([0, 9, ACCEPT]), ErrorCode.INVALID_RECORD_STATE)
    }))

  it('who waits is given what another releases, and what is produced', () =>
    withTen(async (scene) => {
      const one = await Member.join(scene, 'one')
      const other = await Member.join(scene, 'other')
      await one.fetch()
      const waiting = other.fetch([], 60_000)
      await one.acknowledge([2, 4, RELEASE])
      assert.deepEqual(await waiting, [[2, 4, 2]])
      const again = other.fetch([[2, 4, ACCEPT]], 60_000)
      await produce(scene, 2)
      assert.deepEqual(await again, [[10, 11, 1]])
    }))

  it('what a member has goes to others when its connection closes, or when it is expelled', () =>
    withTen(async (scene) => {
      const gone = await Member.join(scene, 'gone')
      await gone.fetch()
      const other = await Member.join(scene, 'other')
      const waiting = other.fetch([], 60_000)
      gone.client.close()
      assert.deepEqual(await waiting, [[0, 9, 2]])
      await sleep(scene.server.world.clock, 50_000)
      const { groups } = await scene.client.call(apis.shareGroupDescribe, 1, {
        groupIds: ['g'],
        includeAuthorizedOperations: false,
      })
      assert.deepEqual([groups[0]!.groupState, groups[0]!.members], ['Empty', []])
    }))

  it('who leaves while it waits, or fetches anew, is given nothing in the session that was', () =>
    withTen(async (scene) => {
      const first = await Member.join(scene, 'first')
      await first.fetch([], 0)
      const gone = await Member.join(scene, 'gone')
      const waiting = gone.fetch([], 60_000)
      await sleep(scene.server.world.clock, 100)
      await scene.client.call(apis.shareGroupHeartbeat, 1, {
        groupId: 'g',
        memberId: 'gone',
        memberEpoch: -1,
      })
      const old = await Member.join(scene, 'moved')
      const waitingToo = old.fetch([], 60_000)
      await sleep(scene.server.world.clock, 100)
      const anew = await Member.join(scene, 'moved')
      assert.deepEqual(await anew.fetch([], 0), [])
      await produce(scene, 5)
      assert.deepEqual([await waiting, await waitingToo], [[], []])
      assert.deepEqual(await anew.fetch(), [[10, 14, 1]])
    }))

  it('a partition that is to go on elsewhere twice goes on where it was said last, and is answered once', () =>
    withTen(async (scene) => {
      const partition = (startOffset: number) => ({ partitionIndex: 0, startOffset })
      const answer = await scene.client.call(apis.alterShareGroupOffsets, 0, {
        groupId: 'g',
        topics: [
          { topicName: 't', partitions: [partition(1), partition(2)] },
          { topicName: 't', partitions: [partition(3)] },
        ],
      })
      const { topicId } = scene
      assert.partialDeepStrictEqual(answer.responses, [
        { topicName: 't', topicId, partitions: [{ partitionIndex: 0, errorCode: NONE }] },
      ])
      assert.deepEqual([answer.responses.length, answer.responses[0]!.partitions.length], [1, 1])
      const member = await Member.join(scene, 'm')
      assert.deepEqual(await member.fetch(), [[3, 9, 1]])
    }))

  it('gives no records of transactions that are open or aborted to groups that read committed ones', () =>
    withTen(async (scene) => {
      await configure(scene, { 'share.isolation.level': 'read_committed' })
      const { producerId, producerEpoch } = await scene.client.call(apis.initProducerId, 4, {
        transactionalId: 'tx',
        transactionTimeoutMs: 60_000,
      })
      const transaction = { producerId, producerEpoch, transactional: true }
      const begin = (): Promise<unknown> =>
        scene.client.call(apis.addPartitionsToTxn, 3, {
          v3AndBelowTransactionalId: 'tx',
          v3AndBelowProducerId: producerId,
          v3AndBelowProducerEpoch: producerEpoch,
          v3AndBelowTopics: [{ name: 't', partitions: [0] }],
        })
      const end = (committed: boolean): Promise<unknown> =>
        scene.client.call(apis.endTxn, 3, { transactionalId: 'tx', producerId, producerEpoch, committed })
      const member = await Member.join(scene, 'm')
      await begin()
      await produce(scene, 3, { ...transaction, baseSequence: 0 })
      await produce(scene, 1)
      assert.deepEqual(await member.fetch(), [[0, 9, 1]], 'neither what is open nor what lies behind it')
      await end(false)
      assert.deepEqual(await member.fetch([[0, 9, ACCEPT]], 5_000), [[13, 13, 1]])
      await begin()
      await produce(scene, 2, { ...transaction, baseSequence: 3 })
      await end(true)
      assert.deepEqual(await member.fetch([[13, 13, ACCEPT]], 5_000), [[15, 16, 1]])
    }))

  it('who wants no records is given none, at once', () =>
    withTen(async (scene) => {
      const { id, client } = await Member.join(scene, 'm')
      const { errorCode, responses } = await client.call(apis.shareFetch, 2, {
        groupId: 'g',
        memberId: id,
        shareSessionEpoch: 0,
        maxWaitMs: 60_000,
        minBytes: 1,
        maxRecords: 0,
        batchSize: 1,
        topics: [{ topicId: scene.topicId, partitions: [{ partitionIndex: 0, acknowledgementBatches: [] }] }],
        forgottenTopicsData: [],
      })
      assert.deepEqual([errorCode, responses], [NONE, []])
    }))

  it('a topic that there is not is told once, and keeps nobody from the records of others', () =>
    withTen(async (scene) => {
      const { id, client } = await Member.join(scene, 'm')
      const strange = 'AAAAAAAAAAAAAAAAAAAABQ'
      const fetch = {
        groupId: 'g',
        memberId: id,
        maxWaitMs: 100,
        minBytes: 1,
        maxRecords: 500,
        batchSize: 500,
        forgottenTopicsData: [],
      }
      const topics = [strange, scene.topicId].map((topicId) => ({
        topicId,
        partitions: [{ partitionIndex: 0, acknowledgementBatches: [] }],
      }))
      const first = await client.call(apis.shareFetch, 2, { ...fetch, shareSessionEpoch: 0, topics })
      assert.deepEqual(
        first.responses.map(({ topicId, partitions }) => [
          topicId,
          partitions[0]!.errorCode,
          partitions[0]!.acquiredRecords.length,
        ]),
        [
          [strange, ErrorCode.UNKNOWN_TOPIC_ID, 0],
          [scene.topicId, NONE, 1],
        ],
      )
      const next = await client.call(apis.shareFetch, 2, { ...fetch, shareSessionEpoch: 1, topics: [] })
      assert.deepEqual([next.errorCode, next.responses], [NONE, []])
    }))

  it('passes over more that was aborted than it looks at in one turn', () =>
    withTen(async (scene) => {
      await configure(scene, { 'share.isolation.level': 'read_committed' })
      const { producerId, producerEpoch } = await scene.client.call(apis.initProducerId, 4, {
        transactionalId: 'tx',
        transactionTimeoutMs: 60_000,
      })
      const member = await Member.join(scene, 'm')
      await member.fetch()
      const waiting = member.fetch([[0, 9, ACCEPT]], 60_000)
      await scene.client.call(apis.addPartitionsToTxn, 3, {
        v3AndBelowTransactionalId: 'tx',
        v3AndBelowProducerId: producerId,
        v3AndBelowProducerEpoch: producerEpoch,
        v3AndBelowTopics: [{ name: 't', partitions: [0] }],
      })
      const large = 'v'.repeat(900_000)
      for (let baseSequence = 0; baseSequence < 20; baseSequence++) {
        const options = { producerId, producerEpoch, transactional: true, baseSequence }
        await produceValues(scene, [large], options)
      }
      await scene.client.call(apis.endTxn, 3, {
        transactionalId: 'tx',
        producerId,
        producerEpoch,
        committed: false,
      })
      await produce(scene, 1)
      assert.deepEqual(await waiting, [[31, 31, 1]])
    }))

  it('a group that somebody joins while it is deleted stays', () =>
    withTen(async (scene) => {
      const member = await Member.join(scene, 'm')
      await member.fetch()
      await member.client.call(apis.shareGroupHeartbeat, 1, { groupId: 'g', memberId: 'm', memberEpoch: -1 })
      const [deleted, joined] = await Promise.all([
        scene.client.call(apis.deleteGroups, 2, { groupsNames: ['g'] }),
        Member.join(scene, 'n'),
      ])
      assert.equal(deleted.results[0]!.errorCode, ErrorCode.NON_EMPTY_GROUP)
      assert.deepEqual(await joined.fetch(), [[0, 9, 1]])
    }))

  it('a topic that is deleted is forgotten, and so is a group', () =>
    withTen(async (scene) => {
      const member = await Member.join(scene, 'm')
      await member.fetch()
      await member.acknowledge([0, 9, ACCEPT])
      await scene.client.call(apis.shareGroupHeartbeat, 1, { groupId: 'g', memberId: 'm', memberEpoch: -1 })
      const { results } = await scene.client.call(apis.deleteGroups, 2, { groupsNames: ['g'] })
      assert.equal(results[0]!.errorCode, NONE)
      const restarted = await scene.restart()
      assert.deepEqual((await restarted.client.call(apis.listGroups, 5, {})).groups, [])
      const again = await Member.join(restarted, 'n')
      assert.deepEqual(await again.fetch(), [[0, 9, 1]], 'begins anew')
      await restarted.client.call(apis.deleteTopics, 6, {
        topics: [{ name: 't', topicId: ZERO_UUID }],
        timeoutMs: 1_000,
      })
      const { groups } = await restarted.client.call(apis.describeShareGroupOffsets, 1, {
        groups: [{ groupId: 'g', topics: null }],
      })
      assert.deepEqual(
        groups[0]!.topics.flatMap(({ partitions }) =>
          partitions.filter(({ startOffset }) => startOffset >= 0),
        ),
        [],
      )
    }))
})
