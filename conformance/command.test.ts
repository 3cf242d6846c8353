/** Our command's administration, against Millrace and against a real Kafka: the same words, the same answers. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { connectClient, type LogClient } from '../src/log/client/client.ts'
import { throwIfError } from '../src/log/client/kafka-error.ts'
import { createProducer } from '../src/log/client/producer.ts'
import { createTransactionalProducer } from '../src/log/client/transaction.ts'
import { consumerGroupHeartbeatApi } from '../src/log/protocol/apis/consumer-group-heartbeat.ts'
import { initProducerIdApi } from '../src/log/protocol/apis/init-producer-id.ts'
import { produceApi } from '../src/log/protocol/apis/produce.ts'
import { RecordBatchBuilder } from '../src/log/protocol/record-batch.ts'
import { nodeWorld } from '../src/world/node.ts'
import { runCommand } from './tools/command.ts'
import { repositoryRoot } from './tools/paths.ts'
import { startKafka } from './tools/start-kafka.ts'
import { startMillrace } from './tools/start-millrace.ts'
import { lacking } from './tools/target.ts'

interface Server extends AsyncDisposable {
  readonly address: string
  readonly dataPath: string
  stop(): Promise<void>
}

interface Said {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

const bin = join(repositoryRoot, 'src', 'cli', 'bin.ts')

describe('the command against Kafka', { skip: lacking('kafka') }, () => {
  commandSuite({
    start: () =>
      startKafka({
        settings: {
          'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
          'super.users': 'User:ANONYMOUS',
          'transaction.partition.verification.enable': 'false',
        },
      }),
    authorizes: true,
    hangs: true,
  })
})

describe('the command against Millrace', () => {
  commandSuite({
    async start() {
      const settings = {
        MILLRACE_BROKER_AUTHORIZER_CLASS_NAME: 'acl',
        MILLRACE_BROKER_SUPER_USERS: 'User:ANONYMOUS',
      }
      Object.assign(process.env, settings)
      const server = await startMillrace({ command: bin })
      for (const name of Object.keys(settings)) delete process.env[name]
      return server
    },
    authorizes: true,
    hangs: false,
  })
})

async function runOffline(args: readonly string[], input = ''): Promise<Said> {
  const all = ['--conditions=millrace-source', bin, ...args]
  const { exitCode, stdout, stderr } = await runCommand({ command: process.execPath, args: all }, { input })
  return { code: exitCode, out: stdout, err: stderr }
}

function commandSuite(options: {
  readonly start: () => Promise<Server>
  /** Whether it keeps access rules and users. */
  readonly authorizes: boolean
  /** Whether it lets a careless producer write into a transaction that its coordinator does not know. */
  readonly hangs: boolean
}): void {
  let server: Server
  let client: LogClient

  before(async () => {
    server = await options.start()
    client = await connectClient({ world: nodeWorld(), bootstrap: server.address })
  })
  after(async () => {
    await client.close()
    await server[Symbol.asyncDispose]()
  })

  const run = (args: readonly string[], input = ''): Promise<Said> =>
    runOffline([...args, '--kafka', server.address], input)

  async function ok(args: readonly string[], input = ''): Promise<Said> {
    const said = await run(args, input)
    assert.equal(said.code, 0, `millrace ${args.join(' ')}\n${said.out}${said.err}`)
    return said
  }

  async function json<T>(args: readonly string[]): Promise<T> {
    return JSON.parse((await ok([...args, '--output', 'json'])).out) as T
  }

  interface Config {
    readonly name: string
    readonly value: string
    readonly source: string
    readonly documentation: string
  }

  it('topics are configured', async () => {
    await ok(['topics', 'create', 'configured', '--partitions', '2', '--config', 'retention.ms=60000'])
    await ok(['topics', 'configure', 'configured', 'cleanup.policy=compact', '--delete', 'retention.ms'])
    const refused = await run(['topics', 'configure', 'configured', 'retention.ms=never'])
    assert.equal(refused.code, 1)
    assert.match(refused.err, /MR_KAFKA_REFUSED \[topic configured\]: .*INVALID_CONFIG.*retention\.ms/)
    await ok(['configs', 'set', 'topic', 'configured', 'segment.ms=60000', '--dry-run'])
    const topic = await json<{ partitions: unknown[]; configs: Config[] }>([
      'topics',
      'describe',
      'configured',
    ])
    assert.equal(topic.partitions.length, 2)
    const own = (configs: readonly Config[]): unknown =>
      configs.filter(({ source }) => source === 'topic').map(({ name, value }) => `${name}=${value}`)
    assert.deepEqual(own(topic.configs), ['cleanup.policy=compact'])
    await ok(['configs', 'set', 'topic', 'configured', 'segment.ms=60000'])
    assert.deepEqual(own(await json<Config[]>(['configs', 'describe', 'topic', 'configured'])), [
      'cleanup.policy=compact',
      'segment.ms=60000',
    ])
    await ok(['configs', 'delete', 'topic', 'configured', 'segment.ms', 'cleanup.policy'])
    assert.deepEqual(own(await json<Config[]>(['configs', 'describe', 'topic', 'configured'])), [])
    const all = await json<Config[]>(['configs', 'describe', 'broker', '1', '--all'])
    const partitions = all.find(({ name }) => name === 'num.partitions')
    assert.ok(partitions !== undefined && partitions.value === '1' && partitions.documentation.length > 10)
    const nothing = await run(['configs', 'describe', 'topic', 'no-such-topic'])
    assert.match(nothing.err, /MR_TOPIC_NOT_FOUND/)
  })

  it('groups are shown, reset and deleted', async () => {
    await ok(['topics', 'create', 'read'])
    const producer = await createProducer(client)
    for (let i = 0; i < 10; i++) producer.send({ topic: 'read', partition: 0, value: String(i) })
    await producer.close()
    await ok(['groups', 'reset', 'readers', 'read', '--to', 'offset:4'])
    await ok(['groups', 'reset', 'readers', 'read', '--to', '+3'])
    const dry = await json<unknown>(['groups', 'reset', 'readers', 'read', '--to', '-100', '--dry-run'])
    assert.deepEqual(dry, [{ topic: 'read', partition: 0, before: 7, offset: 0 }])
    const group = await json<{ state: string; offsets: unknown[] }>(['groups', 'describe', 'readers'])
    assert.equal(group.state, 'Empty')
    assert.deepEqual(group.offsets, [{ topic: 'read', partition: 0, committed: 7, end: 10, lag: 3 }])
    await ok(['groups', 'reset', 'millrace.a-job.a-step.0', 'read'])
    const listed = async (...args: readonly string[]): Promise<string[]> =>
      (await json<{ group: string }[]>(['groups', 'list', ...args])).map((one) => one.group)
    assert.deepEqual(await listed(), ['readers'])
    assert.deepEqual(await listed('--all'), ['millrace.a-job.a-step.0', 'readers'])
    const trimmed = ['topics', 'delete-records', 'read', '--before', 'offset:2']
    assert.deepEqual(await json(trimmed), [{ topic: 'read', partition: 0, start: 2 }])
    assert.match(
      (await run(['topics', 'delete-records', 'read', '--before', 'offset:99'])).err,
      /OUT_OF_RANGE/,
    )
    await ok(['groups', 'delete', 'readers', '--topic', 'read'])
    await ok(['groups', 'reset', 'readers', 'read'])
    await ok(['groups', 'delete', 'readers'])
    assert.deepEqual(await listed(), [])
  })

  it('groups of the newer protocol are shown with their members', async () => {
    await ok(['topics', 'create', 'joined', '--partitions', '2'])
    const member = { groupId: 'newer', memberId: randomUUID(), memberEpoch: 0 }
    const node = { group: 'newer' }
    const heartbeat = (changed: object): Promise<void> =>
      client.retry(async () => {
        const { errorCode } = await client.request(
          consumerGroupHeartbeatApi,
          {
            ...member,
            rebalanceTimeoutMs: 60_000,
            subscribedTopicNames: ['joined'],
            topicPartitions: [],
            ...changed,
          },
          { node },
        )
        if (errorCode !== 0) client.forgetCoordinator(node)
        throwIfError(errorCode, { doing: 'heartbeating' })
      })
    await heartbeat({})
    const group = await json<{ type: string; members: { memberId: string }[] }>([
      'groups',
      'describe',
      'newer',
    ])
    assert.equal(group.type, 'consumer')
    assert.deepEqual(
      group.members.map(({ memberId }) => memberId),
      [member.memberId],
    )
    const listed = await ok(['groups', 'list'])
    assert.match(listed.out, /^newer +consumer +\w+ +1 +0$/m)
    await ok(['configs', 'set', 'group', 'newer', 'consumer.session.timeout.ms=50000'])
    const own = (await json<Config[]>(['configs', 'describe', 'group', 'newer'])).filter(
      ({ source }) => source === 'group',
    )
    assert.deepEqual(
      own.map(({ name, value }) => `${name}=${value}`),
      ['consumer.session.timeout.ms=50000'],
    )
    await ok(['configs', 'delete', 'group', 'newer', 'consumer.session.timeout.ms'])
    await heartbeat({ memberEpoch: -1 })
    await ok(['groups', 'delete', 'newer'])
  })

  it('transactions are listed, described and ended', async () => {
    await ok(['topics', 'create', 'moved'])
    const producer = await createTransactionalProducer(client, { transactionalId: 'mover' })
    producer.begin()
    producer.send({ topic: 'moved', partition: 0, value: 'x' })
    await producer.flush()
    const listed = await json<{ transactionalId: string; state: string }[]>(['transactions', 'list'])
    assert.deepEqual(
      listed.map(({ transactionalId, state }) => [transactionalId, state]),
      [['mover', 'Ongoing']],
    )
    const described = await json<{ state: string; partitions: unknown[]; timeoutMs: number }>([
      'transactions',
      'describe',
      'mover',
    ])
    assert.deepEqual(described.partitions, [{ topic: 'moved', partition: 0 }])
    const producers = await json<{ currentTxnStartOffset: number }[]>(['transactions', 'producers', 'moved'])
    assert.deepEqual(
      producers.map((one) => one.currentTxnStartOffset),
      [0],
    )
    // Its coordinator knows of it: it does not hang.
    const hanging = ['transactions', 'list', '--hanging', '--topic', 'moved', '--silent-ms', '0']
    assert.deepEqual(await json(hanging), [])
    await ok(['transactions', 'abort', 'mover'])
    assert.deepEqual(await json(['transactions', 'list', '--state', 'Ongoing']), [])
    await assert.rejects(producer.commit())
    const unknown = await run(['transactions', 'describe', 'nobody'])
    assert.match(unknown.err, /MR_TRANSACTION_NOT_FOUND/)
  })

  it(
    'transactions that nobody ends are found and ended',
    {
      skip: !options.hangs && 'every transactional produce is verified, whatever the client says',
    },
    async () => {
      await ok(['topics', 'create', 'stuck'])
      const { producerId, producerEpoch } = await client.request(initProducerIdApi, {
        transactionalId: null,
        transactionTimeoutMs: 60_000,
        producerId: -1,
        producerEpoch: -1,
      })
      const builder = new RecordBatchBuilder()
      builder.append({ key: null, value: Buffer.from('x'), headers: [], timestampMs: Date.now() })
      const records = builder.build({ producerId, producerEpoch, baseSequence: 0, transactional: true })
      const { leader } = (await client.topic('stuck')).partitions[0]!
      const answer = await client.request(
        produceApi,
        {
          transactionalId: 'careless',
          acks: -1,
          timeoutMs: 10_000,
          topicData: [{ name: 'stuck', partitionData: [{ index: 0, records }] }],
        },
        { node: leader, maxVersion: 11 },
      )
      assert.equal(answer.responses[0]?.partitionResponses[0]?.errorCode, 0)
      const where = ['--hanging', '--topic', 'stuck', '--silent-ms', '0']
      const found = await json<{ producerId: number }[]>(['transactions', 'list', ...where])
      assert.deepEqual(
        found.map((one) => one.producerId),
        [producerId],
      )
      assert.deepEqual(await json(['transactions', 'abort', ...where, '--partition', '7']), [])
      await ok(['transactions', 'abort', ...where, '--partition', '0', '--start-offset', '0'])
      assert.deepEqual(await json(['transactions', 'list', ...where]), [])
    },
  )

  it('users have passwords', { skip: !options.authorizes && 'it keeps no access rules' }, async () => {
    await ok(['users', 'add', 'alice'], 'secret\n')
    await ok(['users', 'add', 'bob', '--mechanism', 'SCRAM-SHA-512', '--iterations', '5000'], 'secret\n')
    const listed = await ok(['users', 'list'])
    assert.match(
      listed.out,
      /^alice +SCRAM-SHA-256 +4,096\nalice +SCRAM-SHA-512 +4,096\nbob +SCRAM-SHA-512 +5,000\n/m,
    )
    assert.equal((await json<unknown[]>(['users', 'list', 'alice'])).length, 2)
    await ok(['users', 'delete', 'alice'])
    assert.match((await run(['users', 'list', 'alice'])).err, /MR_USER_NOT_FOUND/)
    assert.match((await run(['users', 'delete', 'alice'])).err, /MR_USER_NOT_FOUND/)
    assert.equal((await run(['users', 'add', 'carol'])).code, 2)
  })

  it('quotas are set, found and removed', async () => {
    await ok(['quotas', 'set', '--user', 'alice', 'producer_byte_rate=1048576', 'request_percentage=12.5'])
    await ok(['quotas', 'set', '--user', '--client-id', 'reports', 'consumer_byte_rate=1e6'])
    assert.deepEqual(await json(['quotas', 'list']), [
      { entity: { user: 'alice' }, values: { producer_byte_rate: 1_048_576, request_percentage: 12.5 } },
      { entity: { user: null, 'client-id': 'reports' }, values: { consumer_byte_rate: 1_000_000 } },
    ])
    await ok(['quotas', 'remove', '--user', 'alice', 'producer_byte_rate'])
    assert.deepEqual(await json(['quotas', 'list', '--user', 'alice']), [
      { entity: { user: 'alice' }, values: { request_percentage: 12.5 } },
    ])
    const refused = await run(['quotas', 'set', '--user', 'alice', 'no_such_quota=1'])
    assert.match(refused.err, /MR_KAFKA_REFUSED.*no_such_quota/)
    assert.equal((await run(['quotas', 'set', 'producer_byte_rate=1'])).code, 2)
    await ok(['quotas', 'remove', '--user', 'alice', 'request_percentage'])
    await ok(['quotas', 'remove', '--user', '--client-id', 'reports', 'consumer_byte_rate'])
    assert.deepEqual(await json(['quotas', 'list']), [])
  })

  it(
    'access rules are added, found and removed',
    { skip: !options.authorizes && 'it keeps no access rules' },
    async () => {
      const what = ['--operation', 'read', 'describe', '--topic', 'orders', '--group', 'billing']
      await ok(['acls', 'add', '--allow', 'User:alice', ...what])
      await ok([
        'acls',
        'add',
        '--deny',
        'User:*',
        '--operation',
        'all',
        '--topic',
        'ord',
        '--pattern',
        'prefixed',
      ])
      const listed = await json<Record<string, string>[]>(['acls', 'list'])
      assert.deepEqual(
        listed.map((acl) => Object.values(acl).join(' ')),
        [
          'group billing literal User:alice * describe allow',
          'group billing literal User:alice * read allow',
          'topic ord prefixed User:* * all deny',
          'topic orders literal User:alice * describe allow',
          'topic orders literal User:alice * read allow',
        ],
      )
      const match = await json<unknown[]>(['acls', 'list', '--topic', 'orders', '--pattern', 'match'])
      assert.equal(match.length, 3)
      const removed = await json<unknown[]>([
        'acls',
        'remove',
        '--principal',
        'User:alice',
        '--group',
        'billing',
      ])
      assert.equal(removed.length, 2)
      assert.equal((await run(['acls', 'remove'])).code, 2)
      await ok(['acls', 'remove', '--all'])
      assert.deepEqual(await json(['acls', 'list']), [])
    },
  )

  it('its files are whole, of a running server and of one that has ended', async () => {
    const dump = (...args: readonly string[]): Promise<Said> =>
      runOffline(['dump-log', server.dataPath, ...args])
    const running = await dump('--quiet')
    assert.deepEqual([running.code, running.out], [0, ''], running.out)
    await server.stop()
    const ended = await dump('--records', '--json')
    assert.equal(ended.code, 0, ended.err)
    const lines = ended.out
      .trim()
      .split('\n')
      .map(
        (line) =>
          JSON.parse(line) as {
            readonly file: string
            readonly kind: string
            readonly meaning?: { kind: string }
          },
      )
    const read = lines.filter(({ file, kind }) => kind === 'record' && file.includes('read-0'))
    assert.ok(read.length >= 8, 'what was deleted may still lie there')
    assert.ok(lines.some(({ kind }) => kind === 'aborted-transaction'))
    assert.ok(lines.some(({ kind }) => kind === 'producer'))
    assert.ok(
      lines.some(({ meaning }) => meaning?.kind === 'offset'),
      'what groups have committed is understood',
    )
  })
}
