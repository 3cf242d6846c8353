import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { WireClient } from '../src/log/broker/wire-client.test-kit.ts'
import { nodeWorld } from '../src/world/node.ts'
import { expectSuccess } from './tools/command.ts'
import { GroupServer } from './tools/group-server.ts'
import { StreamsServer } from './tools/streams-server.ts'
import { kafkaTool, type KafkaTool } from './tools/kafka-tools.ts'
import { hasWitness, startTarget } from './tools/target.ts'

test("Kafka's command line tools", async (t) => {
  if (!hasWitness(t, 'kafka-tools')) return
  await using target = await startTarget()
  const run = async (tool: KafkaTool, args: readonly string[], input?: string): Promise<string> => {
    const options = input === undefined ? {} : { input }
    return (await expectSuccess(kafkaTool(tool, args), options)).stdout
  }
  const bootstrap = ['--bootstrap-server', target.address]
  const topic = `${target.prefix}tools`
  const transactionalId = `${target.prefix}perf`
  const group = `${target.prefix}console`

  await t.test('kafka-topics creates and describes', async () => {
    await run('kafka-topics', [
      ...bootstrap,
      '--create',
      '--topic',
      topic,
      '--partitions',
      '2',
      '--config',
      'retention.ms=3600000',
    ])
    const described = await run('kafka-topics', [...bootstrap, '--describe', '--topic', topic])
    assert.match(described, /PartitionCount: 2\s+ReplicationFactor: 1\s+Configs:.*retention\.ms=3600000/)
  })

  await t.test('kafka-console-producer and -consumer', async () => {
    const settings = ['--reader-property', 'parse.key=true', '--reader-property', 'key.separator=:']
    await run(
      'kafka-console-producer',
      [...bootstrap, '--topic', topic, ...settings],
      'a:one\nb:two\nc:three\n',
    )
    const read = await run('kafka-console-consumer', [
      ...[...bootstrap, '--topic', topic, '--group', group, '--from-beginning', '--max-messages', '3'],
      ...['--formatter-property', 'print.key=true', '--formatter-property', 'key.separator=:'],
    ])
    assert.deepEqual(read.trim().split('\n').sort(), ['a:one', 'b:two', 'c:three'])
  })

  await t.test('kafka-consumer-groups lists, describes and resets', async () => {
    assert.ok((await run('kafka-consumer-groups', [...bootstrap, '--list'])).includes(group))
    const described = await run('kafka-consumer-groups', [...bootstrap, '--describe', '--group', group])
    const ends = described.split('\n').filter((line) => line.includes(topic))
    assert.equal(
      ends.reduce((sum, line) => sum + Number(line.trim().split(/\s+/)[3]), 0),
      3,
    )
    const reset = ['--reset-offsets', '--to-earliest', '--topic', topic, '--execute']
    assert.match(await run('kafka-consumer-groups', [...bootstrap, '--group', group, ...reset]), /NEW-OFFSET/)
  })

  await t.test('kafka-consumer-groups shows members of the consumer protocol', async () => {
    const [host = '', port = ''] = target.address.split(':')
    const client = await WireClient.connect(nodeWorld().network, { host, port: Number(port) })
    const members = new GroupServer(client, target.prefix)
    const name = `${target.prefix}members`
    await members.coordinatorReady()
    await members.join('members', 'first', ['tools'], { instanceId: 'one' })
    await sleep(1_100) // Kafka assigns once a second at most.
    await members.join('members', 'second', ['tools'], { serverAssignor: 'range' })
    const describe = (...args: string[]): Promise<string> =>
      run('kafka-consumer-groups', [...bootstrap, '--describe', '--group', name, ...args])
    assert.match(
      await run('kafka-consumer-groups', [...bootstrap, '--list', '--type', 'consumer', '--state']),
      new RegExp(`${name}\\s+Consumer\\s+Reconciling`),
    )
    assert.match(await describe('--state', '--verbose'), /range\s+Reconciling\s+3\s+3\s+2/)
    const shown = await describe('--members', '--verbose')
    assert.match(shown, /first\s+one\s+.*\s2\s+(?:false\s+)?.*tools:0,1.*\s3\s+.*tools:0/)
    assert.match(shown, /second\s+.*\s3\s.*\s3\s+.*tools:1/)
    client.close()
  })

  await t.test('kafka-streams-groups lists, describes, resets and deletes', async () => {
    const [host = '', port = ''] = target.address.split(':')
    const client = await WireClient.connect(nodeWorld().network, { host, port: Number(port) })
    const members = new StreamsServer(client, target.prefix)
    const name = `${target.prefix}streams`
    const counting = [
      { reads: ['tools'], writes: ['words'] },
      { repartitioned: { words: 0 }, state: ['counts'] },
    ]
    await members.coordinatorReady()
    await members.streamsJoin('streams', 'thread', counting)
    await members.created('counts')
    await sleep(4_000) // Kafka waits for more members, and assigns in the background.
    await members.streams('streams', 'thread', { active: {} })
    await members.streams('streams', 'thread', { active: {} })
    const groups = (...args: string[]): Promise<string> =>
      run('kafka-streams-groups', [...bootstrap, ...args])
    assert.match(await groups('--list', '--state'), new RegExp(`${name}\\s+Stable`))
    const describe = (...args: string[]): Promise<string> => groups('--describe', '--group', name, ...args)
    assert.match(await describe('--state'), /Stable\s+1/)
    const shown = await describe('--members', '--verbose')
    assert.match(shown, /thread\s.*ACTIVE: 0:\[0,1\]; 1:\[0,1\];/)
    await members.commit('streams', 'thread', 3, 0, { topic: 'tools' })
    await members.streams('streams', 'thread', { memberEpoch: -1 })
    const reset = ['--reset-offsets', '--to-earliest', '--input-topic', topic, '--execute']
    assert.match(await groups('--group', name, ...reset), /NEW-OFFSET/)
    await groups('--delete', '--group', name)
    assert.doesNotMatch(await groups('--list'), new RegExp(name))
    client.close()
  })

  await t.test('kafka-console-share-consumer, kafka-share-groups', async () => {
    const shared = `${target.prefix}shared`
    const byGroup = [...bootstrap, '--group', shared]
    await run('kafka-configs', [
      ...[...bootstrap, '--entity-type', 'groups', '--entity-name', shared, '--alter'],
      ...['--add-config', 'share.auto.offset.reset=earliest'],
    ])
    const read = await run('kafka-console-share-consumer', [
      ...byGroup,
      '--topic',
      topic,
      '--max-messages',
      '3',
    ])
    assert.deepEqual(read.trim().split('\n').toSorted(), ['one', 'three', 'two'])
    assert.match(await run('kafka-share-groups', [...bootstrap, '--list']), new RegExp(shared))
    const describe = (): Promise<string> => run('kafka-share-groups', [...byGroup, '--describe'])
    assert.match(await describe(), /tools\s+0\s+\S+\s+0/)
    const reset = ['--reset-offsets', '--to-earliest', '--topic', topic, '--execute']
    assert.match(await run('kafka-share-groups', [...byGroup, ...reset]), /NEW-OFFSET|START-OFFSET/)
    assert.match(await describe(), /tools\s+0\s+\S+\s+[1-3]/)
    await run('kafka-share-groups', [...byGroup, '--delete-offsets', '--topic', topic])
    await run('kafka-share-groups', [...byGroup, '--delete'])
    assert.doesNotMatch(await run('kafka-share-groups', [...bootstrap, '--list']), new RegExp(shared))
  })

  await t.test('kafka-producer-perf-test in transactions, kafka-consumer-perf-test', async () => {
    const amount = ['--num-records', '20000', '--record-size', '100', '--throughput', '-1']
    const transactions = ['--transactional-id', transactionalId, '--transaction-duration-ms', '200']
    const said = await run('kafka-producer-perf-test', [
      ...['--topic', topic, ...amount, ...transactions, '--bootstrap-server', target.address],
    ])
    assert.match(said, /20000 records sent/)
    const read = await run('kafka-consumer-perf-test', [
      ...bootstrap,
      '--topic',
      topic,
      '--num-records',
      '20000',
    ])
    assert.match(read, /2000\d/)
  })

  await t.test('kafka-transactions lists and describes', async () => {
    assert.ok((await run('kafka-transactions', [...bootstrap, 'list'])).includes(transactionalId))
    const described = await run('kafka-transactions', [
      ...bootstrap,
      'describe',
      '--transactional-id',
      transactionalId,
    ])
    assert.match(described, /CompleteCommit|Empty/)
  })

  await t.test('kafka-get-offsets, kafka-configs', async () => {
    const offsets = await run('kafka-get-offsets', [...bootstrap, '--topic', topic])
    const total = offsets
      .trim()
      .split('\n')
      .reduce((sum, line) => sum + Number(line.split(':')[2]), 0)
    assert.ok(total > 20_003, `records and markers: ${total}`)
    const entity = ['--entity-type', 'topics', '--entity-name', topic]
    await run('kafka-configs', [
      ...bootstrap,
      '--alter',
      ...entity,
      '--add-config',
      'retention.bytes=1000000000',
    ])
    assert.match(
      await run('kafka-configs', [...bootstrap, '--describe', ...entity]),
      /retention\.bytes=1000000000/,
    )
  })

  await target.stop() // The newest entries of an index reach the disk when a segment is rolled or the log closed.

  await t.test('kafka-dump-log reads what is on disk', async (dumpTest) => {
    const { dataPath } = target
    if (dataPath === undefined)
      return dumpTest.skip('the folder of the target is not known: set CONFORMANCE_TARGET_DATA')
    const first = '00000000000000000000'
    const files = [0, 1].flatMap((partition) => {
      const folder = join(dataPath, `${topic}-${partition}`)
      return ['log', 'index', 'timeindex', 'txnindex']
        .map((suffix) => join(folder, `${first}.${suffix}`))
        .filter((file) => existsSync(file))
    })
    assert.ok(
      files.some((file) => file.endsWith('.index')) && files.some((file) => file.endsWith('.timeindex')),
    )
    const dumped = await run('kafka-dump-log', [
      '--deep-iteration',
      '--print-data-log',
      '--files',
      files.join(','),
    ])
    assert.equal(
      dumped.match(/\| offset: \d+/g)?.length,
      20_003 + (dumped.match(/endTxnMarker/g)?.length ?? 0),
    )
    assert.match(dumped, /isTransactional: true/)
    assert.match(dumped, /endTxnMarker: COMMIT/)
    assert.doesNotMatch(
      dumped,
      /isvalid: false|Found timestamp mismatch|Mismatches in|Non-consecutive|[Ee]xception/,
    )
  })

  await t.test("kafka-dump-log decodes the coordinators' records", async (dumpTest) => {
    const { dataPath } = target
    if (dataPath === undefined)
      return dumpTest.skip('the folder of the target is not known: set CONFORMANCE_TARGET_DATA')
    const logs = (name: string): string =>
      readdirSync(dataPath)
        .filter((folder) => new RegExp(`^${name}-\\d+$`).test(folder))
        .map((folder) => join(dataPath, folder, '00000000000000000000.log'))
        .join(',')
    const offsets = await run('kafka-dump-log', ['--offsets-decoder', '--files', logs('__consumer_offsets')])
    assert.ok(offsets.includes(`"group":"${group}","topic":"${topic}","partition":0`), offsets.slice(-2_000))
    assert.match(offsets, /"protocolType":"consumer"/)
    for (const type of ['3', '5', '6', '7', '8'])
      assert.ok(
        offsets.includes(`{"type":"${type}","data":{"groupId":"${target.prefix}members"`),
        `type ${type}`,
      )
    for (const type of ['17', '19', '20', '21', '22', '23'])
      assert.ok(
        offsets.includes(`{"type":"${type}","data":{"groupId":"${target.prefix}streams"`),
        `type ${type}`,
      )
    const transactions = await run('kafka-dump-log', [
      '--transaction-log-decoder',
      '--files',
      logs('__transaction_state'),
    ])
    assert.ok(transactions.includes(transactionalId), transactions.slice(-2_000))
  })
})
