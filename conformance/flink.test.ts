/**
 * Flink's KafkaSource and KafkaSink, unmodified, exactly once: a task throws, the whole of Flink is killed and goes on
 * from its last checkpoint, and the target is killed too. Both ways in which the sink names its transactions.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { FrameworkProcess } from './tools/framework-process.ts'
import { MortalTarget } from './tools/mortal-target.ts'
import { paths } from './tools/paths.ts'
import { lacking } from './tools/target.ts'
import { connectTo, feed, makeTopics, TopicReader } from './tools/topic-content.ts'
import { classPath } from './tools/witnesses.ts'

const RECORDS = 10_000
const KEYS = 37

test('Flink copies a topic exactly once', { skip: lacking('flink-jobs') }, async (t) => {
  // POOLING asks which transactions are open, INCREMENTING aborts those that could be.
  for (const naming of ['INCREMENTING', 'POOLING']) {
    await t.test(`transactions named by ${naming}`, async (namingTest) => {
      await using target = await MortalTarget.start()
      const client = await connectTo(target.address)
      namingTest.after(() => client.close())
      await makeTopics(client, { in: 2, out: 2 })
      await using out = await TopicReader.start(client, 'out')
      const records = Array.from({ length: RECORDS }, (_, index) => ({
        partition: index % 2,
        value: `key${index % KEYS} record${index}`,
      }))
      const feedPart = (from: number, to: number): Promise<void> =>
        feed(client, 'in', records.slice(RECORDS * from, RECORDS * to))
      const checkpoints = temporaryFolder(namingTest)
      await feedPart(0, 0.4)
      {
        await using first = startJob({ target, checkpoints, naming, failAt: 1_000 })
        await first.until(/FAILING/)
        await out.until(RECORDS * 0.4, { while: () => first.mustRun() })
        const fed = feedPart(0.4, 0.7)
        await out.until(RECORDS * 0.4 + 1, { while: () => first.mustRun() })
        await first.kill()
        await fed
      }
      const checkpoint = latestCheckpoint(checkpoints)
      await using second = startJob({ target, checkpoints, naming, failAt: 0, checkpoint })
      await out.until(RECORDS * 0.7, { while: () => second.mustRun() })
      const fed = feedPart(0.7, 1)
      await out.until(RECORDS * 0.7 + 1, { while: () => second.mustRun() })
      await target.killAndRestart()
      await fed
      await out.until(RECORDS, { while: () => second.mustRun() })
      // What would come twice comes with one of the next checkpoints.
      const last = latestCheckpoint(checkpoints)
      await out.until(() => numberOf(latestCheckpoint(checkpoints)) >= numberOf(last) + 3, {
        while: () => second.mustRun(),
      })

      const numbered = out.records.map(({ value }) => value.split(' #'))
      assert.deepEqual(
        numbered.map(([record]) => record).toSorted(),
        records.map(({ value }) => value).toSorted(),
      )
      const byKey = Map.groupBy(numbered, ([record = '']) => record.split(' ')[0] ?? '')
      for (const [key, all] of byKey) {
        const numbers = all.map(([, number]) => Number(number)).toSorted((a, b) => a - b)
        const expected = all.map((_, index) => index + 1)
        assert.deepEqual(numbers, expected, key)
      }
    })
  }
})

interface Job {
  readonly target: MortalTarget
  readonly checkpoints: string
  readonly naming: string
  readonly failAt: number
  readonly checkpoint?: string
}

function startJob({ target, checkpoints, naming, failAt, checkpoint }: Job): FrameworkProcess {
  // What Flink's own start scripts open on Java 17.
  const opened = ['lang', 'util', 'util.concurrent', 'time', 'text', 'net', 'io', 'nio'].map(
    (name) => `--add-opens=java.base/java.${name}=ALL-UNNAMED`,
  )
  return new FrameworkProcess({
    command: 'java',
    args: [
      ...['-Xmx1g', '-XX:TieredStopAtLevel=1', ...opened],
      ...['-cp', classPath(paths.flinkLibs, paths.flinkJobClasses), 'ExactlyOnceCopy'],
      ...[target.address, 'in', 'out', checkpoints, naming, String(failAt)],
      ...(checkpoint === undefined ? [] : [checkpoint]),
    ],
  })
}

/** The newest folder of a checkpoint that is complete; a job that goes on from one goes on counting. */
function latestCheckpoint(checkpoints: string): string {
  const folders = readdirSync(checkpoints)
    .flatMap((job) => readdirSync(join(checkpoints, job)).map((name) => join(checkpoints, job, name)))
    .filter((path) => existsSync(join(path, '_metadata')))
    .toSorted((a, b) => numberOf(a) - numberOf(b))
  const latest = folders.at(-1)
  assert.ok(latest !== undefined, 'there is a complete checkpoint')
  return latest
}

function numberOf(checkpoint: string): number {
  return Number(checkpoint.split('chk-')[1])
}

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'flink-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
