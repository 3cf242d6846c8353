/** Kafka's tools and Java clients where access rules and quotas hold. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startMillraceWithRules } from './tools/access-target.ts'
import { expectSuccess, runCommand } from './tools/command.ts'
import { kafkaTool, type KafkaTool } from './tools/kafka-tools.ts'
import { paths } from './tools/paths.ts'
import { runScenarios } from './tools/scenarios.ts'
import { hasWitness } from './tools/target.ts'
import { classPath } from './tools/witnesses.ts'

test("Kafka's Java clients are refused and let through as rules say", async (t) => {
  if (!hasWitness(t, 'java-clients')) return
  await using target = await startMillraceWithRules()
  const jvm = ['-XX:TieredStopAtLevel=1', '-Dorg.apache.logging.log4j.simplelog.level=OFF']
  const classes = classPath(paths.kafkaLibs, paths.javaClientClasses)
  const program = ['AccessRules', target.server.address, target.secured]
  await runScenarios(t, {
    program: { command: 'java', args: [...jvm, '-cp', classes, ...program] },
    expected: ['administration', 'consumer', 'operations', 'producer', 'transactions'],
  })
})

test("Kafka's command line tools administrate rules and quotas", async (t) => {
  if (!hasWitness(t, 'kafka-tools')) return
  await using target = await startMillraceWithRules()
  const folder = mkdtempSync(join(tmpdir(), 'access-rules-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const login = join(folder, 'alice.properties')
  const plain = 'org.apache.kafka.common.security.plain.PlainLoginModule'
  writeFileSync(
    login,
    `security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config=${plain} required username="alice" password="alice";\n`,
  )
  const office = ['--bootstrap-server', target.server.address]
  const secured = ['--bootstrap-server', target.secured, '--command-config', login]
  const run = async (tool: KafkaTool, ...args: string[]): Promise<string> =>
    (await expectSuccess(kafkaTool(tool, args), { timeoutMs: 120_000 })).stdout

  await t.test('kafka-acls adds and lists', async () => {
    await run('kafka-topics', ...office, '--create', '--topic', 'orders')
    assert.doesNotMatch(await run('kafka-topics', ...secured, '--list'), /orders/)
    const rule = ['--allow-principal', 'User:alice', '--producer', '--topic', 'ord']
    await run('kafka-acls', ...office, '--add', ...rule, '--resource-pattern-type', 'prefixed')
    const listed = await run(
      'kafka-acls',
      ...office,
      '--list',
      '--topic',
      'orders',
      '--resource-pattern-type',
      'match',
    )
    assert.match(listed, /name=ord, patternType=PREFIXED/)
    assert.match(listed, /principal=User:alice, host=\*, operation=WRITE, permissionType=ALLOW/)
    assert.match(await run('kafka-topics', ...secured, '--list'), /orders/)
  })

  await t.test('kafka-configs sets a quota, and kafka-producer-perf-test is throttled by it', async () => {
    const user = ['--entity-type', 'users', '--entity-name', 'alice']
    await run('kafka-configs', ...office, '--alter', ...user, '--add-config', 'producer_byte_rate=100000')
    assert.match(await run('kafka-configs', ...office, '--describe', ...user), /producer_byte_rate=100000/)
    // A window's worth (1 MB) is free; the rest, 0.5 MB, takes five seconds. Unthrottled it takes less than one.
    const amount = ['--num-records', '15000', '--record-size', '100', '--throughput', '-1']
    const startedMs = performance.now()
    const said = await run(
      'kafka-producer-perf-test',
      ...['--topic', 'orders', ...amount, '--print-metrics', '--command-config', login],
      ...['--bootstrap-server', target.secured],
    )
    assert.match(said, /15000 records sent/)
    assert.ok(performance.now() - startedMs > 5_000)
    const throttled = /produce-throttle-time-max:\{[^}]*\}\s*:\s*([\d.]+)/.exec(said)?.[1]
    assert.ok(Number(throttled) > 0, `produce-throttle-time-max: ${throttled}`)
    await run('kafka-configs', ...office, '--alter', ...user, '--delete-config', 'producer_byte_rate')
    assert.doesNotMatch(await run('kafka-configs', ...office, '--describe', ...user), /producer_byte_rate/)
  })

  await t.test('kafka-acls removes', async () => {
    await run(
      'kafka-acls',
      ...office,
      '--remove',
      '--force',
      '--topic',
      'ord',
      '--resource-pattern-type',
      'prefixed',
    )
    const denied = await runCommand(
      kafkaTool('kafka-console-producer', [
        ...['--topic', 'orders', '--bootstrap-server', target.secured, '--command-config', login],
      ]),
      { input: 'a\n' },
    )
    assert.match(denied.stdout + denied.stderr, /AuthorizationException|not authorized/i)
  })
})
