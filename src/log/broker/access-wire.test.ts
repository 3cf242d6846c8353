/** What each API asks for, over the wire: refused with Kafka’s error without the right, not with it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { apis } from '../protocol/apis.ts'
import { ErrorCode, errorName } from '../protocol/error-code.ts'
import { ZERO_UUID } from '../protocol/field.ts'
import { withAccessRules } from './access-scene.test-kit.ts'
import { committedTo, COORDINATOR_ACCESS_CASES, NO_MEMBER } from './coordinator-access-cases.test-kit.ts'
import { AclOperation } from './security/access-codes.ts'
import { SHARE_ACCESS_CASES } from './share/share-access-cases.test-kit.ts'
import { TOPIC_ACCESS_CASES } from './topic-access-cases.test-kit.ts'
import { batchOf } from './wire-client.test-kit.ts'

const TOPIC = ErrorCode.TOPIC_AUTHORIZATION_FAILED
const ANY_ACL = {
  resourceTypeFilter: 1,
  resourceNameFilter: null,
  patternTypeFilter: 1,
  principalFilter: null,
  hostFilter: 'home',
  operation: 1,
  permissionType: 1,
}

test('44: every API refuses with Kafka’s error what no rule allows, and nothing else', () =>
  withAccessRules(async (scene) => {
    await scene.office.call(apis.metadata, 12, { topics: [{ name: 'gone' }] })
    for (const { name, rights, refused, ask } of [
      ...TOPIC_ACCESS_CASES,
      ...COORDINATOR_ACCESS_CASES,
      ...SHARE_ACCESS_CASES,
    ]) {
      for (const right of rights.slice(0, -1)) await scene.allow(...right)
      const without = await ask(scene)
      assert.deepEqual(
        without.map(errorName),
        without.map(() => errorName(refused)),
        `${name} without ${rights.at(-1)!.join(' on ')}`,
      )
      await scene.allow(...rights.at(-1)!)
      for (const error of await ask(scene))
        assert.ok(!errorName(error).includes('AUTHORIZATION'), `${name}: ${errorName(error)}`)
      await scene.forget()
    }
  }))

test('44: lists leave out what the client may not see', () =>
  withAccessRules(async ({ office, home, allow, forget }) => {
    await office.call(apis.metadata, 12, { topics: [{ name: 'open' }] })
    for (const groupId of ['g', 'open'])
      await office.call(apis.offsetCommit, 9, { ...NO_MEMBER, groupId, topics: committedTo('t', ZERO_UUID) })
    const topics = async (): Promise<unknown[]> => {
      const all = await home.call(apis.metadata, 12, { topics: null })
      const body = { topics: [], responsePartitionLimit: 10, cursor: null }
      const paged = await home.call(apis.describeTopicPartitions, 0, body)
      const names = all.topics.map(({ name }) => name).sort()
      assert.deepEqual(
        paged.topics.map(({ name }) => name),
        names,
      )
      return names
    }
    const groups = async (): Promise<unknown[]> =>
      (await home.call(apis.listGroups, 4, {})).groups.map(({ groupId }) => groupId).sort()
    assert.deepEqual(await topics(), [])
    assert.deepEqual(await groups(), [])
    await allow('READ', 'topic op*')
    await allow('DELETE', 'group open')
    assert.deepEqual(await topics(), ['open'])
    assert.deepEqual(await groups(), ['open'])
    await allow('DESCRIBE', 'cluster')
    assert.deepEqual(await groups(), ['g', 'open'])

    await forget()
    await allow('READ', 'group g')
    const offsets = async (): Promise<unknown[]> => {
      const answer = await home.call(apis.offsetFetch, 8, { groups: [{ groupId: 'g', topics: null }] })
      return answer.groups[0]!.topics.map(({ name }) => name)
    }
    assert.deepEqual(await offsets(), [])
    await allow('DESCRIBE', 'topic t')
    assert.deepEqual(await offsets(), ['t'])
  }))

test('44: authorized operations are those that rules allow', () =>
  withAccessRules(async ({ office, home, allow, deny }) => {
    const seen = async (client: typeof home): Promise<unknown> => {
      const metadata = await client.call(apis.metadata, 10, {
        topics: [{ name: 't' }],
        includeTopicAuthorizedOperations: true,
        includeClusterAuthorizedOperations: true,
      })
      const cluster = await client.call(apis.describeCluster, 1, { includeClusterAuthorizedOperations: true })
      const groups = await client.call(apis.describeGroups, 5, {
        groups: ['g'],
        includeAuthorizedOperations: true,
      })
      assert.equal(metadata.clusterAuthorizedOperations, cluster.clusterAuthorizedOperations)
      return [
        metadata.topics[0]!.topicAuthorizedOperations,
        cluster.clusterAuthorizedOperations,
        groups.groups[0]!.authorizedOperations,
      ].map(operationsIn)
    }
    assert.deepEqual(await seen(office), [
      'READ WRITE CREATE DELETE ALTER DESCRIBE DESCRIBE_CONFIGS ALTER_CONFIGS',
      'CREATE ALTER DESCRIBE CLUSTER_ACTION DESCRIBE_CONFIGS ALTER_CONFIGS IDEMPOTENT_WRITE',
      'READ DELETE DESCRIBE DESCRIBE_CONFIGS ALTER_CONFIGS',
    ])
    assert.deepEqual(await seen(home), ['none', '', 'none'])
    await allow('ALL', 'topic t')
    await deny('DELETE', 'topic *')
    await allow('ALTER_CONFIGS', 'cluster')
    await allow('READ', 'group g')
    const topic = 'READ WRITE CREATE ALTER DESCRIBE DESCRIBE_CONFIGS ALTER_CONFIGS'
    assert.deepEqual(await seen(home), [topic, '', 'READ DESCRIBE'])
    await allow('ALTER', 'cluster')
    const cluster = 'ALTER DESCRIBE DESCRIBE_CONFIGS ALTER_CONFIGS'
    assert.deepEqual(await seen(home), [topic, cluster, 'READ DESCRIBE'])
  }))

/** -2147483648 says that they were not computed. */
function operationsIn(bits: number): string {
  if (bits < 0) return 'none'
  return Object.entries(AclOperation)
    .filter(([, code]) => (bits & (1 << code)) !== 0)
    .map(([name]) => name)
    .join(' ')
}

test('44: what is refused of a request does not touch the rest of it', () =>
  withAccessRules(async ({ office, home, allow, topicId }) => {
    const made = await office.call(apis.metadata, 12, { topics: [{ name: 'u' }] })
    await allow('ALL', 'topic t')
    await allow('READ', 'group g')
    const data = [{ index: 0, records: batchOf(['a']) }]
    const topicData = ['u', 't'].map((name) => ({ name, partitionData: data }))
    const produced = await home.call(apis.produce, 9, { acks: -1, timeoutMs: 100, topicData })
    assert.deepEqual(
      produced.responses.map((topic) => [topic.name, topic.partitionResponses[0]!.errorCode]),
      [
        ['u', TOPIC],
        ['t', ErrorCode.NONE],
      ],
    )
    const topics = [...committedTo('t', topicId), ...committedTo('u', made.topics[0]!.topicId)]
    const commit = await home.call(apis.offsetCommit, 9, { ...NO_MEMBER, topics })
    assert.deepEqual(
      commit.topics.map((topic) => [topic.name, topic.partitions[0]!.errorCode]),
      [
        ['t', ErrorCode.NONE],
        ['u', TOPIC],
      ],
    )
    const groups = [{ groupId: 'g', topics: topics.map(({ name }) => ({ name, partitionIndexes: [0] })) }]
    const fetched = await home.call(apis.offsetFetch, 8, { groups })
    assert.deepEqual(
      fetched.groups[0]!.topics.map((topic) => [topic.name, topic.partitions[0]!.errorCode]),
      [
        ['t', ErrorCode.NONE],
        ['u', TOPIC],
      ],
    )
    const end = await office.call(apis.listOffsets, 7, {
      replicaId: -1,
      isolationLevel: 0,
      topics: [{ name: 'u', partitions: [{ partitionIndex: 0, timestamp: -1 }] }],
    })
    assert.equal(end.topics[0]!.partitions[0]!.offset, 0)
  }))

test('44: a fetch that waits is refused once it may not read any more', () =>
  withAccessRules(async ({ office, home, allow, deny }) => {
    await allow('READ', 'topic t')
    const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 100 }]
    const topics = [{ topic: 't', partitions }]
    const waiting = home.call(apis.fetch, 12, { maxWaitMs: 10_000, minBytes: 1, topics })
    await deny('READ', 'topic t')
    const topicData = [{ name: 't', partitionData: [{ index: 0, records: batchOf(['secret']) }] }]
    await office.call(apis.produce, 9, { acks: -1, timeoutMs: 100, topicData })
    const { errorCode, records } = (await waiting).responses[0]!.partitions[0]!
    assert.deepEqual([errorCode, records?.length], [TOPIC, 0])
  }))

test('44: rules are created, listed and deleted as Kafka does', () =>
  withAccessRules(async ({ office, allow, reports }) => {
    await allow('READ', 'topic t')
    await allow('WRITE', 'topic t')
    await allow('READ', 'topic pre*')
    const list = async (filter: object): Promise<unknown[]> => {
      const answer = await office.call(apis.describeAcls, 3, {
        ...ANY_ACL,
        ...filter,
      })
      assert.equal(answer.errorCode, ErrorCode.NONE)
      return answer.resources.flatMap(({ resourceName, patternType, acls }) =>
        acls.map(({ operation }) => `${resourceName} ${patternType} ${operation}`),
      )
    }
    assert.deepEqual(await list({}), ['t 3 3', 't 3 4', 'pre 4 3'])
    assert.deepEqual(await list({ patternTypeFilter: 2, resourceNameFilter: 'prefix' }), ['pre 4 3'])
    assert.deepEqual(await list({ operation: 4 }), ['t 3 4'])
    const filters = [
      { ...ANY_ACL, operation: 3 },
      { ...ANY_ACL, principalFilter: 'User:nobody' },
    ]
    const deleted = await office.call(apis.deleteAcls, 3, { filters })
    assert.deepEqual(
      deleted.filterResults.map(({ matchingAcls }) => matchingAcls.map(({ resourceName }) => resourceName)),
      [['t', 'pre'], []],
    )
    assert.deepEqual(await list({}), ['t 3 4'])
    assert.equal(reports.filter(({ event }) => event === 'access rule created').length, 3)
    assert.equal(reports.filter(({ event }) => event === 'access rule deleted').length, 2)

    const good = { resourceType: 2, resourceName: 'x', principal: 'User:a', host: '*', operation: 3 }
    const creations = [
      { ...good, permissionType: 3 },
      { ...good, permissionType: 3, resourceName: '' },
      { ...good, permissionType: 3, resourceType: 4 },
      { ...good, permissionType: 1 },
      { ...good, permissionType: 3, operation: 1 },
      { ...good, permissionType: 3, resourceType: 1 },
      { ...good, permissionType: 3, resourcePatternType: 2 },
      { ...good, permissionType: 3, principal: 'alice' },
    ]
    const { results } = await office.call(apis.createAcls, 3, { creations })
    const [first, ...others] = results.map(({ errorCode }) => errorCode)
    assert.equal(first, ErrorCode.NONE)
    assert.deepEqual(
      others,
      others.map(() => ErrorCode.INVALID_REQUEST),
    )
  }))

test('44: a request about more rules than the broker has time for is refused as a whole', () =>
  withAccessRules(async ({ office }) => {
    const rule = {
      resourceType: 2,
      resourcePatternType: 3,
      principal: 'User:a',
      host: '*',
      operation: 3,
      permissionType: 3,
    }
    const create = async (from: number, count: number): Promise<unknown> => {
      const creations = Array.from({ length: count }, (_, index) => ({
        ...rule,
        resourceName: `${from + index}`,
      }))
      const { results } = await office.call(apis.createAcls, 3, { creations })
      return [...new Set(results.map(({ errorCode }) => errorName(errorCode)))]
    }
    const remove = async (filters: readonly object[]): Promise<unknown> => {
      const asked = filters.map((filter) => ({ ...ANY_ACL, hostFilter: '*', ...filter }))
      const { filterResults } = await office.call(apis.deleteAcls, 3, { filters: asked })
      const [code] = new Set(filterResults.map(({ errorCode }) => errorName(errorCode)))
      return [code, filterResults.reduce((sum, { matchingAcls }) => sum + matchingAcls.length, 0)]
    }
    assert.deepEqual(await create(0, 10_001), ['POLICY_VIOLATION'])
    assert.deepEqual(await create(0, 10_000), ['NONE'])
    assert.deepEqual(await create(10_000, 1), ['NONE'])
    assert.deepEqual(await remove([{}]), ['INVALID_REQUEST', 0])
    const names = Array.from({ length: 2000 }, (_, index) => ({ resourceNameFilter: `${index}` }))
    assert.deepEqual(await remove(names), ['INVALID_REQUEST', 0])
    // Each names one rule: they are looked up.
    const named = {
      resourceTypeFilter: 2,
      patternTypeFilter: 3,
      principalFilter: 'User:a',
      operation: 3,
      permissionType: 3,
    }
    assert.deepEqual(await remove(names.map((name) => ({ ...named, ...name }))), ['NONE', 2000])
    assert.deepEqual(await remove([{}]), ['NONE', 8001])
  }))

test('44: refusals are counted and reported, a few of them', () =>
  withAccessRules(async ({ home, broker, reports }) => {
    for (let index = 0; index < 50; index++) {
      await home.call(apis.metadata, 12, { topics: [{ name: 't' }] })
    }
    const lines = reports.filter(({ event }) => event === 'access denied')
    assert.ok(lines.length >= 10 && lines.length < 20, String(lines.length))
    const { principal, host, operation, resourceType, resource } = lines[0]!
    assert.deepEqual(
      { principal, host, operation, resourceType, resource },
      {
        principal: 'User:ANONYMOUS',
        host: 'home',
        operation: 'DESCRIBE',
        resourceType: 'TOPIC',
        resource: 't',
      },
    )
    assert.equal(broker.metrics().authorizationsDenied, 50)
  }))
