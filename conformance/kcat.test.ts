import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { expectSuccess, runCommand } from './tools/command.ts'
import { hasWitness, startTarget } from './tools/target.ts'

test('kcat, over an old librdkafka', async (t: TestContext) => {
  if (!hasWitness(t, 'kcat')) return
  await using target = await startTarget()
  const kcat = async (args: readonly string[], input = ''): Promise<string> => {
    const command = { command: 'kcat', args: ['-b', target.address, '-q', ...args] }
    return (await expectSuccess(command, { input, timeoutMs: 30_000 })).stdout
  }
  const numbers = (count: number): string => Array.from({ length: count }, (_, i) => `value ${i}\n`).join('')

  await t.test('lists brokers and topics', async () => {
    await kcat(['-P', '-t', `${target.prefix}listed`], 'one\n')
    const metadata = JSON.parse(await kcat(['-L', '-J'])) as {
      brokers: { name: string }[]
      topics: { topic: string; partitions: { leader: number }[] }[]
    }
    assert.equal(metadata.brokers[0]?.name, target.address)
    assert.ok(metadata.topics.some((topic) => topic.topic === `${target.prefix}listed`))
  })

  for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) {
    await t.test(`produces and consumes: ${codec}`, async () => {
      const topic = `${target.prefix}codec-${codec}`
      await kcat(['-P', '-t', topic, '-p', '0', '-z', codec], numbers(1_000))
      assert.equal(await kcat(['-C', '-t', topic, '-o', 'beginning', '-e']), numbers(1_000))
    })
  }

  await t.test('keys, headers, null values', async () => {
    const topic = `${target.prefix}headers`
    await kcat(['-P', '-t', topic, '-K', ':', '-Z', '-H', 'a=1', '-H', 'b=two'], 'k1:v1\nk2:\n')
    const read = await kcat(['-C', '-t', topic, '-o', 'beginning', '-e', '-f', '%k|%s|%S|%h\n'])
    assert.deepEqual(read.trim().split('\n'), ['k1|v1|2|a=1,b=two', 'k2||-1|a=1,b=two'])
  })

  await t.test('reads from offsets, tails and timestamps', async () => {
    const topic = `${target.prefix}offsets`
    await kcat(['-P', '-t', topic, '-p', '0'], numbers(10))
    assert.equal(await kcat(['-C', '-t', topic, '-p', '0', '-o', '7', '-e']), 'value 7\nvalue 8\nvalue 9\n')
    assert.equal(await kcat(['-C', '-t', topic, '-p', '0', '-o', '-2', '-e']), 'value 8\nvalue 9\n')
    assert.equal(await kcat(['-C', '-t', topic, '-p', '0', '-o', 's@1000', '-c', '1']), 'value 0\n')
    assert.equal((await kcat(['-Q', '-t', `${topic}:0:1000`])).trim(), `${topic} [0] offset 0`)
  })

  await t.test('consumes in a group and goes on where it was', async () => {
    const topic = `${target.prefix}group`
    await kcat(['-P', '-t', topic, '-p', '0'], numbers(20))
    const args = [
      '-G',
      `${target.prefix}kcat`,
      '-X',
      'auto.offset.reset=earliest',
      '-X',
      'session.timeout.ms=6000',
    ]
    assert.equal(await kcat([...args, '-c', '20', topic]), numbers(20))
    await kcat(['-P', '-t', topic, '-p', '0'], 'later\n')
    assert.equal(await kcat([...args, '-c', '1', topic]), 'later\n')
  })

  await t.test('produces in a transaction', async () => {
    const topic = `${target.prefix}transaction`
    await kcat(['-P', '-t', topic, '-p', '0', '-X', `transactional.id=${target.prefix}kcat`], numbers(5))
    const read = ['-C', '-t', topic, '-o', 'beginning', '-e', '-X', 'isolation.level=read_committed']
    assert.equal(await kcat(read), numbers(5))
  })

  await t.test('is told of a topic that does not exist', async () => {
    const command = {
      command: 'kcat',
      args: ['-b', target.address, '-C', '-t', `${target.prefix}none`, '-e'],
    }
    const settings = ['-X', 'allow.auto.create.topics=false']
    const { stderr } = await runCommand(
      { ...command, args: [...command.args, ...settings] },
      { timeoutMs: 15_000 },
    )
    assert.match(stderr, /Unknown topic or partition/)
  })
})
