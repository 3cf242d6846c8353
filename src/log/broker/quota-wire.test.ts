/** Client quotas over the wire, in the simulated world, where waiting costs nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { apis } from '../protocol/apis.ts'
import { ErrorCode } from '../protocol/error-code.ts'
import { withBroker, type Scene } from './coordinator-scene.test-kit.ts'
import { batchOf, type WireClient } from './wire-client.test-kit.ts'

const ANONYMOUS = [{ entityType: 'user', entityName: 'ANONYMOUS' }]

async function setQuota(
  client: WireClient,
  key: string,
  value: number,
  entity: readonly { entityType: string; entityName: string | null }[] = ANONYMOUS,
): Promise<number> {
  const ops = [{ key, value, remove: value === 0 }]
  const body = { entries: [{ entity, ops }], validateOnly: false }
  return (await client.call(apis.alterClientQuotas, 1, body)).entries[0]!.errorCode
}

async function produce(client: WireClient, bytes: number, acks = 1): Promise<number> {
  const records = batchOf(['x'.repeat(bytes)])
  const topicData = [{ name: 't', partitionData: [{ index: 0, records }] }]
  const answer = await client.call(apis.produce, 9, { acks, timeoutMs: 100, topicData })
  assert.equal(answer.responses[0]!.partitionResponses[0]!.errorCode, ErrorCode.NONE)
  return answer.throttleTimeMs
}

async function msFor({ server }: Scene, action: () => Promise<unknown>): Promise<number> {
  const { clock } = server.world
  const startedMs = clock.monotonicMs()
  await action()
  return clock.monotonicMs() - startedMs
}

test('45: a producer over its quota is told, answered, and then not read for so long', () =>
  withBroker(async (scene) => {
    const { client } = scene
    assert.equal(await produce(client, 20_000), 0)
    assert.equal(await setQuota(client, 'producer_byte_rate', 1000), ErrorCode.NONE)
    assert.equal(await produce(client, 9_000), 0)
    let throttleMs = 0
    const answeredMs = await msFor(scene, async () => (throttleMs = await produce(client, 3_000)))
    assert.ok(throttleMs > 2000 && throttleMs < 2500, String(throttleMs))
    assert.ok(answeredMs < 100, String(answeredMs))
    const nextMs = await msFor(scene, () => client.call(apis.metadata, 12, { topics: [] }))
    assert.ok(nextMs >= throttleMs - 100 && nextMs < throttleMs + 100, String(nextMs))
    assert.equal(await setQuota(client, 'producer_byte_rate', 0), ErrorCode.NONE)
    assert.equal(await produce(client, 50_000), 0)
  }))

test('45: a consumer over its quota gets no more than a window’s worth, and has to wait for the next', () =>
  withBroker(async (scene) => {
    const { client } = scene
    for (let index = 0; index < 10; index++) await produce(client, 1_000)
    await setQuota(client, 'consumer_byte_rate', 200, [{ entityType: 'client-id', entityName: null }])
    const fetch = async (fetchOffset: number): Promise<{ bytes: number; throttleMs: number }> => {
      const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes: 1 << 20 }]
      const body = { maxWaitMs: 0, minBytes: 1, topics: [{ topic: 't', partitions }] }
      const { responses, throttleTimeMs } = await client.call(apis.fetch, 12, body)
      return { bytes: responses[0]!.partitions[0]!.records!.length, throttleMs: throttleTimeMs }
    }
    const first = await fetch(0)
    assert.ok(first.bytes > 0 && first.bytes <= 2000, String(first.bytes))
    assert.equal(first.throttleMs, 0)
    const second = await fetch(1)
    assert.ok(second.throttleMs > 0 && second.throttleMs <= 10_000, String(second.throttleMs))
    const waitedMs = await msFor(scene, () => fetch(2))
    assert.ok(waitedMs >= second.throttleMs - 100, String(waitedMs))
  }))

test('45: partitions over the quota are refused to new clients; old ones wait', () =>
  withBroker(async (scene) => {
    const { client } = scene
    await setQuota(client, 'controller_mutation_rate', 1)
    const create = async (version: number, name: string, numPartitions: number) => {
      const topics = [{ name, numPartitions, replicationFactor: 1, assignments: [], configs: [] }]
      const answer = await client.call(apis.createTopics, version, { topics })
      return { error: answer.topics[0]!.errorCode, throttleMs: answer.throttleTimeMs }
    }
    const first = await create(7, 'a', 13)
    assert.equal(first.error, ErrorCode.NONE)
    assert.ok(first.throttleMs > 1900 && first.throttleMs <= 2000, String(first.throttleMs))
    const waitedMs = await msFor(scene, () => client.call(apis.metadata, 12, { topics: [] }))
    assert.ok(waitedMs >= first.throttleMs - 100, String(waitedMs))
    assert.equal((await create(7, 'b', 3)).error, ErrorCode.NONE)
    // Another connection of the same user is not muted, and meets the debt.
    const other = await scene.connect()
    const topics = [{ name: 'c', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }]
    const refused = await other.call(apis.createTopics, 7, { topics })
    assert.equal(refused.topics[0]!.errorCode, ErrorCode.THROTTLING_QUOTA_EXCEEDED)
    assert.ok(refused.throttleTimeMs > 0)
    const fourth = await scene.connect()
    const named = await fourth.call(apis.metadata, 9, {
      topics: [{ name: 'd' }],
      allowAutoTopicCreation: true,
    })
    assert.equal(named.topics[0]!.errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    fourth.close()
    const third = await scene.connect()
    const old = await third.call(apis.createTopics, 5, { topics })
    assert.equal(old.topics[0]!.errorCode, ErrorCode.NONE)
    assert.ok(old.throttleTimeMs > refused.throttleTimeMs)
    other.close()
    third.close()
  }))

test('45: topics that a streams group needs count as well', () =>
  withBroker(async (scene) => {
    const { client } = scene
    await setQuota(client, 'controller_mutation_rate', 1)
    const stateChangelogTopics = ['one', 'two'].map((name) => ({
      name,
      partitions: 0,
      replicationFactor: 0,
      topicConfigs: [],
    }))
    const parts = Array.from({ length: 20 }, (_, at) => ({
      subtopologyId: String(at),
      sourceTopics: ['t'],
      sourceTopicRegex: [],
      stateChangelogTopics: stateChangelogTopics.map((topic) => ({ ...topic, name: `${topic.name}-${at}` })),
      repartitionSinkTopics: [],
      repartitionSourceTopics: [],
      copartitionGroups: [],
    }))
    const { status, throttleTimeMs } = await client.call(apis.streamsGroupHeartbeat, 1, {
      groupId: 'g',
      memberId: 'm',
      memberEpoch: 0,
      endpointInformationEpoch: 0,
      rebalanceTimeoutMs: 1_000,
      topology: { epoch: 0, subtopologies: parts },
      activeTasks: [],
      standbyTasks: [],
      warmupTasks: [],
      processId: 'p',
      clientTags: [],
    })
    assert.match(status!.map(({ statusDetail }) => statusDetail).join(), /throttling quota has been exceeded/)
    assert.ok(throttleTimeMs > 0)
    const { topics } = await (await scene.connect()).call(apis.metadata, 12, { topics: null })
    const made = topics.filter(({ name }) => /^(one|two)-/.test(name!)).length
    assert.ok(made > 0 && made < 40, String(made))
  }))

test('45: quotas are described as they were altered, and refused where they make no sense', () =>
  withBroker(async ({ client }) => {
    const pair = [
      { entityType: 'user', entityName: 'alice' },
      { entityType: 'client-id', entityName: null },
    ]
    await setQuota(client, 'consumer_byte_rate', 1e6, pair)
    await setQuota(client, 'request_percentage', 12.5, pair)
    const describe = async (components: readonly object[], strict = false) => {
      const body = { components: components as never, strict }
      return client.call(apis.describeClientQuotas, 1, body)
    }
    const all = await describe([])
    assert.deepEqual(all.entries, [
      {
        entity: pair,
        values: [
          { key: 'consumer_byte_rate', value: 1e6 },
          { key: 'request_percentage', value: 12.5 },
        ],
      },
    ])
    const user = { entityType: 'user', matchType: 0, match: 'alice' }
    assert.equal((await describe([user])).entries?.length, 1)
    assert.equal((await describe([user], true)).entries?.length, 0)
    assert.equal((await describe([user, user])).errorCode, ErrorCode.INVALID_REQUEST)

    for (const [key, value, entity] of [
      ['no_such_rate', 1, ANONYMOUS],
      ['connection_creation_rate', 1, ANONYMOUS],
      ['producer_byte_rate', 1.5, ANONYMOUS],
      ['producer_byte_rate', -1, ANONYMOUS],
      ['producer_byte_rate', 1, [{ entityType: 'planet', entityName: 'x' }]],
      ['producer_byte_rate', 1, [{ entityType: 'ip', entityName: '127.0.0.1' }]],
      ['producer_byte_rate', 1, []],
    ] as const)
      assert.equal(await setQuota(client, key, value, entity), ErrorCode.INVALID_REQUEST, key)
    const entries = [{ entity: ANONYMOUS, ops: [{ key: 'producer_byte_rate', value: 1, remove: false }] }]
    await client.call(apis.alterClientQuotas, 1, { entries, validateOnly: true })
    assert.equal((await describe([])).entries?.length, 1)
  }))
