/**
 * Access rules and quotas, asked of Millrace and of a real Kafka with its StandardAuthorizer: who lacks a right gets the
 * same error from both, who has it gets the same answer, and rules and quotas are administrated alike.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type AccessCase, patternOf, type Right } from '../src/log/broker/access-scene.test-kit.ts'
import {
  committedTo,
  COORDINATOR_ACCESS_CASES,
  NO_MEMBER,
} from '../src/log/broker/coordinator-access-cases.test-kit.ts'
import { ADMINISTRATION, type Question } from './tools/access-questions.ts'
import { AclOperation, PermissionType } from '../src/log/broker/security/access-codes.ts'
import { SHARE_ACCESS_CASES } from '../src/log/broker/share/share-access-cases.test-kit.ts'
import { TOPIC_ACCESS_CASES } from '../src/log/broker/topic-access-cases.test-kit.ts'
import type { WireClient } from '../src/log/broker/wire-client.test-kit.ts'
import { apis } from '../src/log/protocol/apis.ts'
import { errorName } from '../src/log/protocol/error-code.ts'
import {
  type AccessTarget,
  awaitRules,
  forgetRules,
  startKafkaWithRules,
  startMillraceWithRules,
  wireClient,
} from './tools/access-target.ts'
import { lacking } from './tools/target.ts'

/** Errors that go away by themselves: a coordinator that is just starting, or a share-partition that a Kafka is opening. */
const PASSING = new Set([
  'COORDINATOR_LOAD_IN_PROGRESS',
  'COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR',
  'UNKNOWN_SERVER_ERROR',
])

/** Requests that succeed in another way, on purpose (COMPATIBILITY.md): only their refusals are compared. */
const ALLOWED_OTHERWISE = new Set([
  'Metadata that creates',
  'AlterConfigs of cluster',
  'AlterConfigs of group g',
])

class Server {
  readonly office: WireClient
  readonly home: WireClient
  readonly topicId: string
  #rules = 0

  static async connect(target: AccessTarget): Promise<Server> {
    const office = await wireClient(target.server.address)
    const topics = ['t', 'gone', 'u'].map((name) => ({
      name,
      numPartitions: 1,
      replicationFactor: 1,
      assignments: [],
      configs: [],
    }))
    const created = await office.call(apis.createTopics, 7, { topics, timeoutMs: 5000 })
    for (const keyType of [0, 1]) {
      const coordinatorKeys = ['g', 'held', 'new', 'alone', 'joined', 'x']
      await settled(async () => {
        const { coordinators } = await office.call(apis.findCoordinator, 4, { keyType, coordinatorKeys })
        return coordinators.map(({ errorCode }) => errorCode)
      })
    }
    const home = await wireClient(target.secured, 'alice')
    return new Server(office, home, created.topics[0]!.topicId)
  }

  constructor(office: WireClient, home: WireClient, topicId: string) {
    this.office = office
    this.home = home
    this.topicId = topicId
  }

  async allow(
    [operation, resource]: Right,
    permission: keyof typeof PermissionType = 'ALLOW',
  ): Promise<void> {
    const rule = {
      ...patternOf(resource),
      principal: 'User:alice',
      host: '*',
      operation: AclOperation[operation],
      permissionType: PermissionType[permission],
    }
    await this.office.call(apis.createAcls, 3, { creations: [rule] })
    this.#rules += 1
    await awaitRules(this.office, this.#rules)
  }

  async forget(): Promise<void> {
    await forgetRules(this.office)
    this.#rules = 0
  }

  close(): void {
    this.office.close()
    this.home.close()
  }

  /** What each of the rights in turn makes of the request. */
  async answers({ rights, ask }: AccessCase): Promise<string[][]> {
    const answers: string[][] = []
    for (let held = 0; held <= rights.length; held++) {
      if (held > 0) await this.allow(rights[held - 1]!)
      answers.push((await settled(() => ask(this))).map((code) => errorName(code)))
    }
    await this.forget()
    return answers
  }
}

type Granted = readonly [...Right, permission?: keyof typeof PermissionType]

async function operationsOf({ home }: Server): Promise<unknown> {
  const metadata = await home.call(apis.metadata, 10, {
    topics: [{ name: 't' }, { name: 'u' }],
    includeTopicAuthorizedOperations: true,
    includeClusterAuthorizedOperations: true,
  })
  const cluster = await home.call(apis.describeCluster, 1, { includeClusterAuthorizedOperations: true })
  const groups = await home.call(apis.describeGroups, 5, {
    groups: ['g'],
    includeAuthorizedOperations: true,
  })
  return {
    topics: metadata.topics
      .map(({ name, errorCode, topicAuthorizedOperations }) =>
        JSON.stringify([name, errorName(errorCode), topicAuthorizedOperations]),
      )
      .sort(),
    cluster: [metadata.clusterAuthorizedOperations, cluster.clusterAuthorizedOperations],
    groups: groups.groups.map(({ errorCode, authorizedOperations }) => [
      errorName(errorCode),
      authorizedOperations,
    ]),
  }
}

async function create({ home }: Server, name: string): Promise<unknown> {
  const topic = { name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }
  const { topics } = await home.call(apis.createTopics, 7, { topics: [topic], validateOnly: true })
  return topics.map(({ errorCode, topicConfigErrorCode, numPartitions, replicationFactor, configs }) => [
    errorName(errorCode),
    errorName(topicConfigErrorCode),
    numPartitions,
    replicationFactor,
    (configs?.length ?? 0) > 0,
  ])
}

async function deleteById({ home, topicId }: Server): Promise<unknown> {
  const topics = [{ name: null, topicId }]
  const { responses } = await home.call(apis.deleteTopics, 6, { topics, timeoutMs: 2000 })
  return responses.map(({ name, errorCode }) => [name, errorName(errorCode)])
}

async function listed({ office, home, topicId }: Server): Promise<unknown> {
  await office.call(apis.offsetCommit, 9, {
    ...NO_MEMBER,
    groupId: 'held',
    topics: committedTo('t', topicId),
  })
  const metadata = await home.call(apis.metadata, 12, { topics: null })
  const groups = await home.call(apis.listGroups, 4, {})
  return [
    metadata.topics.map(({ name, errorCode }) => `${name} ${errorName(errorCode)}`).sort(),
    groups.groups.map(({ groupId }) => groupId).filter((id) => id === 'held'),
  ]
}

/** What is shown of what a client may do. */
const SHOWN: readonly (readonly [
  name: string,
  rights: readonly Granted[],
  ask: (server: Server) => Promise<unknown>,
])[] = [
  ['lists without any right', [], listed],
  [
    'lists with some rights',
    [
      ['WRITE', 'topic *'],
      ['ALL', 'topic u', 'DENY'],
      ['DELETE', 'group he*'],
    ],
    listed,
  ],
  ['lists with the right to see the cluster', [['DESCRIBE', 'cluster']], listed],
  ['operations without any right', [], operationsOf],
  [
    'operations with some rights',
    [
      ['ALL', 'topic t'],
      ['DELETE', 'topic *', 'DENY'],
      ['ALTER_CONFIGS', 'topic u'],
      ['READ', 'group g'],
      ['ALTER', 'cluster'],
    ],
    operationsOf,
  ],
  ['operations on the cluster without seeing it', [['ALTER_CONFIGS', 'cluster']], operationsOf],
  ['create without seeing the configuration', [['CREATE', 'topic made']], (server) => create(server, 'made')],
  [
    'create and see the configuration',
    [
      ['CREATE', 'cluster'],
      ['DESCRIBE_CONFIGS', 'topic ma*'],
    ],
    (server) => create(server, 'made'),
  ],
  [
    'create the log of the controllers',
    [['CREATE', 'cluster']],
    (server) => create(server, '__cluster_metadata'),
  ],
  ['delete by id what may not be seen', [], deleteById],
  ['delete by id what may only be seen', [['DESCRIBE', 'topic t']], deleteById],
]

async function settled(ask: () => Promise<readonly number[]>): Promise<readonly number[]> {
  for (let tries = 0; ; tries++) {
    const errors = await within(10_000, ask())
    if (tries > 200 || !errors.some((code) => PASSING.has(errorName(code)))) return errors
    await sleep(50)
  }
}

function within<T>(timeoutMs: number, answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no answer')), timeoutMs)
    answer.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

test('Millrace refuses as Kafka does', { skip: lacking('kafka') }, async (t) => {
  await using ours = await startMillraceWithRules()
  await using theirs = await startKafkaWithRules()
  const millrace = await Server.connect(ours)
  const kafka = await Server.connect(theirs)
  for (const one of [...TOPIC_ACCESS_CASES, ...COORDINATOR_ACCESS_CASES, ...SHARE_ACCESS_CASES]) {
    await t.test(one.name, async () => {
      const [given, expected] = await Promise.all([millrace.answers(one), kafka.answers(one)])
      const compared = ALLOWED_OTHERWISE.has(one.name) ? -1 : Infinity
      assert.deepEqual(given.slice(0, compared), expected.slice(0, compared))
    })
  }
  for (const [name, rights, ask] of SHOWN) {
    await t.test(name, async () => {
      const [given, expected] = await Promise.all(
        [millrace, kafka].map(async (server) => {
          for (const [operation, resource, permission] of rights)
            await server.allow([operation, resource], permission)
          const answer = await within(10_000, ask(server))
          await server.forget()
          return answer
        }),
      )
      assert.deepEqual(given, expected)
    })
  }
  for (const [name, ask] of ADMINISTRATION) {
    await t.test(name, async () => {
      const [given, expected] = await Promise.all([asked(ours, ask), asked(theirs, ask)])
      assert.deepEqual(given, expected)
    })
  }
  millrace.close()
  kafka.close()
})

/** The answer over a connection of its own, so that a question may end it. */
async function asked(target: AccessTarget, ask: Question): Promise<unknown> {
  const office = await wireClient(target.server.address)
  try {
    return await within(10_000, ask(office))
  } catch (error) {
    return String(error)
  } finally {
    office.close()
  }
}
