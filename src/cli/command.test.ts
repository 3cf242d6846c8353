/** The command as a user meets it: real processes, real sockets on ephemeral ports, a data directory of its own. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { commandsIn, type Process, type Result } from './command.test-kit.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-cli-'))
const { command, run, ok, endAll } = commandsIn(folder)

after(async () => {
  endAll()
  rmSync(folder, { recursive: true, force: true })
})

describe('wrong usage', () => {
  it('ends with 2 and says what was expected', async () => {
    const cases: readonly [readonly string[], RegExp][] = [
      [[], /Usage: millrace/],
      [['nothing'], /unknown command 'nothing'/],
      [['consume'], /missing required argument 'TOPIC'/],
      [['start', '--listen', 'here'], /--listen.*Expected HOST:PORT, for example/],
      [['consume', 't', '--count', '0'], /--count.*at least 1/],
      [['consume', 't', '--from', 'then'], /--from.*earliest, latest, a time/],
      [['consume', 't', '--from', '5000'], /--from.*offset:5000/],
      [['topics', 'delete-records', 't', '--before', '5000'], /--before.*offset:5000/],
      [['groups', 'reset', 'g', 't', '--to', '5000'], /--to.*offset:5000/],
      [['produce', 't', '--compression', 'rar'], /none, gzip, snappy, lz4, zstd/],
      [['topics', 'create', 't', '--config', 'x'], /NAME=VALUE/],
    ]
    const results = await Promise.all(cases.map(([args]) => run(args)))
    for (const [index, result] of results.entries()) {
      assert.equal(result.code, 2, cases[index]![0].join(' '))
      assert.match(result.err, cases[index]![1])
      assert.equal(result.out, '')
    }
  })

  it('--help and --version end with 0', async () => {
    const [help, version] = await Promise.all([ok(['consume', '--help']), ok(['--version'])])
    assert.match(help.out, /--from <WHERE>/)
    assert.match(version.out, /^\d+\.\d+\.\d+\n$/)
  })

  it('nobody there: says how to start one, and ends with 1', async () => {
    const port = await freePort()
    const [kafka, http] = await Promise.all([
      run(['topics', 'list', '--kafka', `:${port}`]),
      run(['list', '--http', `:${port}`]),
    ])
    for (const result of [kafka, http]) {
      assert.equal(result.code, 1)
      assert.match(result.err, /MR_CONNECT_FAILED.*millrace start/)
    }
  })
})

describe('millrace start', () => {
  let log: Process
  let kafka = ''
  let http = ''

  before(async () => {
    log = command(['start', '--listen', ':0', '--http', ':0', '--data', 'data'])
    const ready = /^millrace: ready, Kafka clients on (\S+), status page on http:\/\/(\S+), data in data\n$/
    const match = await log.says(ready)
    kafka = match[1]!
    http = match[2]!
  })

  it('records go in and out, with keys, as text and as JSON', async () => {
    const produced = await ok(['produce', 'numbers', '--kafka', kafka, '--key-separator', ':'], {
      input: 'a:1\nb:2:3\n',
    })
    assert.deepEqual([produced.out, produced.err], ['', 'millrace: produced 2 records to numbers\n'])
    await ok(['produce', 'numbers', '--kafka', kafka], { input: 'no key\n' })
    const consume = ['consume', 'numbers', '--kafka', kafka, '--exit']
    const [values, keys, json, counted] = await Promise.all([
      ok(consume),
      ok([...consume, '--keys']),
      ok([...consume, '--json']),
      ok(['consume', 'numbers', '--kafka', kafka, '--count', '2']),
    ])
    assert.equal(values.out, '1\n2:3\nno key\n')
    assert.equal(keys.out, 'a\t1\nb\t2:3\n\tno key\n')
    assert.equal(counted.out, '1\n2:3\n')
    const records = json.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    const { timestampMs, ...first } = records[0]!
    assert.deepEqual(first, { topic: 'numbers', partition: 0, offset: 0, key: 'a', value: '1', headers: {} })
    assert.ok(Number(timestampMs) > 0)
    const compressed = await ok(['produce', 'zipped', '--kafka', kafka, '--compression', 'zstd', '--json'], {
      input: 'x\n'.repeat(100),
    })
    assert.deepEqual(JSON.parse(compressed.out), { topic: 'zipped', records: 100 })
    const zipped = await ok(['consume', 'zipped', '--kafka', kafka, '--exit'])
    assert.equal(zipped.out, 'x\n'.repeat(100))
  })

  it('a reader slower than the topic gets all of it', async () => {
    const lines = 'twenty bytes a line\n'.repeat(100_000)
    await ok(['produce', 'long', '--kafka', kafka], { input: lines })
    const reader = command(['consume', 'long', '--kafka', kafka, '--exit'], { slow: true })
    const { code, out } = await reader.ended
    assert.deepEqual([code, out.length], [0, lines.length])
  })

  it('reading begins at a time, at the end, or where a group left off', async () => {
    const produce = (input: string): Promise<Result> => ok(['produce', 'later', '--kafka', kafka], { input })
    const consume = async (...args: readonly string[]): Promise<string> =>
      (await ok(['consume', 'later', '--kafka', kafka, ...args])).out
    await produce('one\n')
    const [record] = (await consume('--json', '--exit')).trim().split('\n')
    const { timestampMs } = JSON.parse(record!) as { timestampMs: number }
    const behind = new Date(timestampMs + 1).toISOString()
    assert.equal(await consume('--from', behind, '--exit'), '')
    assert.equal(await consume('--from', new Date(timestampMs).toISOString(), '--exit'), 'one\n')
    assert.equal(await consume('--from', 'latest', '--exit'), '')
    assert.equal(await consume('--from', 'offset:0', '--exit'), 'one\n')
    assert.equal(await consume('--from', 'offset:9', '--exit'), '')
    assert.equal(await consume('--group', 'g', '--exit'), 'one\n')
    await produce('two\nthree\n')
    assert.equal(await consume('--group', 'g', '--count', '1'), 'two\n')
    assert.equal(await consume('--group', 'g', '--exit'), 'three\n')
    assert.equal(await consume('--group', 'g', '--exit'), '')
    await ok(['groups', 'reset', 'g', 'later', '--to', 'earliest', '--kafka', kafka])
    assert.equal(await consume('--group', 'g', '--exit'), 'one\ntwo\nthree\n')
  })

  it('reading goes on until Ctrl-C, and what was printed is committed then', async () => {
    await ok(['produce', 'endless', '--kafka', kafka], { input: 'one\n' })
    const reader = command(['consume', 'endless', '--kafka', kafka, '--group', 'patient'])
    await reader.says(/^one\n/)
    await ok(['produce', 'endless', '--kafka', kafka], { input: 'two\n' })
    await reader.says(/^one\ntwo\n/)
    reader.child.kill('SIGINT')
    const { code, out, err } = await reader.ended
    assert.deepEqual([code, out, err], [0, 'one\ntwo\n', ''])
    const group = await ok(['groups', 'describe', 'patient', '--kafka', kafka, '--json'])
    assert.deepEqual(JSON.parse(group.out), {
      id: 'patient',
      type: 'classic',
      state: 'Empty',
      assignor: '',
      members: [],
      offsets: [{ topic: 'endless', partition: 0, committed: 2, end: 2, lag: 0 }],
    })
  })

  it('what is wanted of clients’ metrics is set, listed and taken back', async () => {
    const at = ['--kafka', kafka]
    const names = async (): Promise<string> => (await ok(['configs', 'list', 'client-metrics', ...at])).out
    const set = ['metrics=org.apache.kafka.producer.', 'interval.ms=15000', 'match=client_id=billing-.*']
    await ok(['configs', 'set', 'client-metrics', 'latencies', ...set, ...at])
    assert.equal(await names(), 'CLIENT-METRICS\nlatencies\n')
    const described = await ok(['configs', 'describe', 'client-metrics', 'latencies', ...at])
    assert.match(described.out, /^match +client_id=billing-\.\* +client-metrics$/m)
    const wrong = await run(['configs', 'set', 'client-metrics', 'latencies', 'interval.ms=1', ...at])
    assert.match(wrong.err, /interval must be between 100 and 3600000/)
    await ok(['configs', 'delete', 'client-metrics', 'latencies', 'metrics', 'interval.ms', 'match', ...at])
    assert.doesNotMatch(await names(), /latencies/)
  })

  it('topics and groups are made, shown and deleted', async () => {
    const at = ['--kafka', kafka]
    await ok(['topics', 'create', 'wide', '--partitions', '3', '--config', 'retention.ms=60000', ...at])
    await ok(['topics', 'add-partitions', 'wide', '4', ...at])
    const listed = await ok(['topics', 'list', ...at])
    assert.match(listed.out, /^TOPIC +PARTITIONS +RECORDS +ID +CONFIG\n/)
    assert.match(listed.out, /^wide +4 +0 +[\w-]{22} +retention\.ms=60000$/m)
    const described = await ok(['topics', 'describe', 'wide', '--json', ...at])
    const { partitions, configs } = JSON.parse(described.out) as {
      partitions: { partition: number }[]
      configs: { name: string; value: string; source: string }[]
    }
    assert.deepEqual(
      partitions.map(({ partition }) => partition),
      [0, 1, 2, 3],
    )
    assert.deepEqual(
      configs.map(({ name, value, source }) => [name, value, source]),
      [['retention.ms', '60000', 'topic']],
    )
    await ok(['groups', 'reset', 'readers', 'wide', ...at])
    assert.match((await ok(['groups', 'list', ...at])).out, /^readers +classic +Empty +0 +0$/m)
    await ok(['groups', 'delete', 'readers', ...at])
    await ok(['topics', 'delete', 'wide', ...at])
    const failures = await Promise.all([
      run(['topics', 'describe', 'wide', ...at]),
      run(['consume', 'wide', '--exit', ...at]),
      run(['groups', 'describe', 'readers', ...at]),
      run(['groups', 'delete', 'readers', ...at]),
      run(['topics', 'create', 'numbers', ...at]),
      run(['savepoint', 'none', '--http', http]),
    ])
    assert.deepEqual(
      failures.map(({ code, err }) => [code, /millrace: (MR_\w+)/.exec(err)?.[1]]),
      [
        [1, 'MR_TOPIC_NOT_FOUND'],
        [1, 'MR_TOPIC_NOT_FOUND'],
        [1, 'MR_GROUP_NOT_FOUND'],
        [1, 'MR_GROUP_NOT_FOUND'],
        [1, 'MR_TOPIC_EXISTS'],
        [1, 'MR_JOB_NOT_FOUND'],
      ],
    )
    const page = /more about it in (\S+)/.exec(failures[0].err)?.[1]
    assert.ok(page !== undefined && existsSync(page), 'an error says where more is written about it')
    assert.match(failures[5].err, /MR_JOB_NOT_FOUND \[job none\]: this process runs no job/)
  })

  it('what another process holds is refused, with the flag that helps', async () => {
    const [open, taken, page, data] = await Promise.all([
      run(['start', '--listen', '0.0.0.0:0', '--no-http', '--data', 'other-3']),
      run(['start', '--listen', kafka, '--http', ':0', '--data', 'other-1']),
      run(['start', '--listen', ':0', '--http', http, '--data', 'other-2']),
      run(['start', '--listen', ':0', '--http', ':0', '--data', 'data']),
    ])
    assert.deepEqual([taken.code, page.code, data.code], [1, 1, 1])
    assert.match(open.err, /MR_OPEN_LISTENER.*--allow-anonymous-beyond-loopback/)
    assert.match(taken.err, /MR_ADDRESS_IN_USE.*for Kafka clients.*--listen HOST:PORT/)
    assert.match(page.err, /MR_ADDRESS_IN_USE.*for HTTP.*--http HOST:PORT/)
    assert.match(data.err, /MR_DATA_DIR_IN_USE.*--data DIR/)
    for (const { out } of [taken, page, data]) assert.equal(out, '')
  })

  it('Ctrl-C ends it in order, and the next one has all that was acknowledged', async () => {
    log.child.kill('SIGINT')
    const { code, out } = await log.ended
    assert.equal(code, 0)
    assert.equal(out.trim().split('\n').length, 1, 'one line on standard output')
    const next = command(['start', '--listen', ':0', '--no-http', '--data', 'data'])
    const match = await next.says(/Kafka clients on (\S+), data/)
    const { out: values } = await ok(['consume', 'numbers', '--kafka', match[1]!, '--exit'])
    assert.equal(values, '1\n2:3\nno key\n')
    next.child.kill('SIGTERM')
    assert.equal((await next.ended).code, 0)
  })
})

describe('millrace run', () => {
  before(() => {
    // As `npm install millrace` would.
    mkdirSync(join(folder, 'node_modules'))
    symlinkSync(fileURLToPath(new URL('../..', import.meta.url)), join(folder, 'node_modules/millrace'))
    writeFileSync(
      join(folder, 'totals.ts'),
      `import { job, value } from 'millrace'
import { kafka, string } from 'millrace/kafka'

export default job('totals', (flow) => {
  flow
    .source('words', kafka({ topic: 'words', value: string() }))
    .keyBy((word) => word)
    .process('total', {
      state: { n: value<number>() },
      onEvent(word, { state }) {
        const n = (state.n.get() ?? 0) + 1
        state.n.set(n)
        return [word + ' ' + n]
      },
    })
    .sink('out', kafka({ topic: 'totals', value: string() }))
})
`,
    )
  })

  it('a job is run, listed, saved, stopped, and goes on from its savepoint with another parallelism', async () => {
    const options = ['--listen', ':0', '--http', ':0', '--checkpoint-interval', '20']
    const ready = /the job totals runs, Kafka clients on (\S+), status page on http:\/\/([^\s"]+)/
    const totals = async (kafka: string, count: number): Promise<string[]> => {
      const { out } = await ok(['consume', 'totals', '--kafka', kafka, '--count', String(count)])
      return out.trim().split('\n').sort()
    }
    const first = command(['run', 'totals.ts', '--data', 'job-1', ...options])
    const [, kafka = '', http = ''] = await first.says(ready)
    await ok(['produce', 'words', '--kafka', kafka], { input: 'a\nb\na\n' })
    assert.deepEqual(await totals(kafka, 3), ['a 1', 'a 2', 'b 1'])
    const list = await ok(['list', '--http', http])
    assert.match(list.out, /^totals +running +1 +3 +3 +0 +0 +0 +\d+$/m)
    const named = await ok(['savepoint', 'totals', '--http', http, '--path', 'named'])
    assert.equal(named.out.trim(), join(folder, 'named'))
    const unnamed = await ok(['savepoint', 'totals', '--http', http, '--stop', '--json'])
    const { path } = JSON.parse(unnamed.out) as { path: string }
    for (const directory of [join(folder, 'named'), path]) assert.ok(existsSync(directory), directory)
    const { code, err } = await first.ended
    assert.equal(code, 0)
    assert.match(err, /the job totals has stopped: 3 events read, 3 written/)

    // The same log, no checkpoints: the savepoint is all that it knows.
    rmSync(join(folder, 'job-1/checkpoints'), { recursive: true })
    const from = ['--from', path, '--parallelism', '2']
    const second = command(['run', 'totals.ts', '--data', 'job-1', ...from, ...options])
    const [, again = ''] = await second.says(ready)
    await ok(['produce', 'words', '--kafka', again], { input: 'a\nb\n' })
    assert.deepEqual(await totals(again, 5), ['a 1', 'a 2', 'a 3', 'b 1', 'b 2'])
    second.child.kill('SIGINT')
    assert.equal((await second.ended).code, 0)
  })

  it('what cannot be run is refused, and nothing is left behind', async () => {
    writeFileSync(join(folder, 'no-job.ts'), 'export default 7\n')
    writeFileSync(
      join(folder, 'fails.ts'),
      `import { collect, generator, job } from 'millrace'
export default job('fails', (flow) => {
  flow
    .source('n', generator({ count: 10, generate: (i) => i }))
    .map((n) => { if (n === 5) throw new Error('five is not allowed'); return n })
    .sink('out', collect())
})
`,
    )
    const options = ['--listen', ':0', '--no-http', '--log-level', 'error']
    const results = await Promise.all([
      run(['run', 'missing.ts', '--data', 'none-1', ...options]),
      run(['run', 'no-job.ts', '--data', 'none-2', ...options]),
      run(['run', 'totals.ts', '--data', 'none-3', '--from', 'no-such-savepoint', ...options]),
      run(['run', 'fails.ts', '--data', 'none-4', ...options, '--restarts', '0']),
    ])
    assert.deepEqual(
      results.map(({ code }) => code),
      [1, 1, 1, 1],
    )
    assert.match(results[0].err, /MR_JOB_MODULE/)
    assert.match(results[1].err, /MR_JOB_MODULE.*export default job/)
    assert.match(results[2].err, /MR_SAVEPOINT_NOT_FOUND/)
    assert.match(results[3].err, /five is not allowed/)
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith('none-')),
      ['none-1', 'none-2', 'none-3', 'none-4'],
    )
  })
})

/** A port that nobody listened on a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}
