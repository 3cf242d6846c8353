import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync, appendFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { z } from 'zod'
import type { DiscoveryContext, Source, SourceBatch, Split } from '../../stream/connector/source.ts'
import { nodeWorld } from '../../world/node.ts'
import { readCsv, readJsonLines, readLines, writeJsonLines } from './index.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-files-'))
})
afterEach(() => rmSync(directory, { recursive: true }))

const context = (signal: AbortSignal = new AbortController().signal): DiscoveryContext => ({
  world: nodeWorld(),
  job: 'j',
  step: 's',
  subtask: 0,
  parallelism: 1,
  bootstrap: undefined,
  signal,
  knownSplits: undefined,
})

async function readAll<T>(source: Source<T>, from?: readonly Split[]): Promise<SourceBatch<T>[]> {
  const reader = source.createReader(context())
  await reader.open(from ?? (await source.discoverSplits(context())))
  const batches: SourceBatch<T>[] = []
  for (let batch = await reader.poll(); batch !== 'end'; batch = await reader.poll()) batches.push(batch)
  await reader.close()
  return batches
}

const valuesOf = <T>(batches: readonly SourceBatch<T>[]): T[] => batches.flatMap((batch) => [...batch.values])

test('JSON lines are read in order, the last without a line feed and blank lines too', async () => {
  const path = join(directory, 'in.jsonl')
  writeFileSync(path, '{"n":1}\n\n{"n":2}\r\n{"n":3}')
  const batches = await readAll(readJsonLines({ path, schema: z.object({ n: z.number() }) }))
  assert.deepEqual(valuesOf(batches), [{ n: 1 }, { n: 2 }, { n: 3 }])
  assert.equal(batches.at(-1)?.caughtUp, true)
})

test('a directory is read file by file in the order of names', async () => {
  for (const name of ['b.txt', 'a.txt', '.hidden']) writeFileSync(join(directory, name), `${name}\n`)
  const batches = await readAll(readLines({ path: directory }))
  assert.deepEqual(valuesOf(batches), ['a.txt', 'b.txt'])
  // Event time waits for the second file from the start, and no longer for the first when that has ended.
  const told = batches.map(({ splitId, values, caughtUp, splitEnded }) => [
    splitId.slice(-5),
    values.length,
    caughtUp ? 'caught up' : 'has more',
    splitEnded === true ? 'ended' : 'goes on',
  ])
  assert.deepEqual(told, [
    ['b.txt', 0, 'has more', 'goes on'],
    ['a.txt', 1, 'caught up', 'goes on'],
    ['a.txt', 0, 'caught up', 'ended'],
    ['b.txt', 1, 'caught up', 'goes on'],
    ['b.txt', 0, 'caught up', 'ended'],
  ])
})

test('a reader that was opened with the positions of another goes on right after its last batch', async () => {
  const path = join(directory, 'big.txt')
  const lines = Array.from({ length: 60_000 }, (_, i) => `line ${i}`)
  writeFileSync(path, lines.join('\n'))
  const first = readLines({ path }).createReader(context())
  await first.open([{ id: path, position: null }])
  const batch = await first.poll()
  assert.ok(batch !== 'end')
  const rest = await readAll(readLines({ path }), first.snapshot())
  assert.deepEqual([...batch.values, ...valuesOf(rest)], lines)
  assert.ok(rest.length > 0)
})

test('a followed file gives what is appended, and only whole lines', async () => {
  const path = join(directory, 'tail.txt')
  writeFileSync(path, 'one\ntw')
  const stop = new AbortController()
  const reader = readLines({ path, follow: { pollMs: 1 } }).createReader(context(stop.signal))
  await reader.open([{ id: path, position: null }])
  assert.deepEqual(await reader.poll(), {
    splitId: path,
    values: ['one'],
    timestamps: [Number.MIN_SAFE_INTEGER],
    rejected: [],
    caughtUp: false,
    lag: 2,
  })
  const next = reader.poll()
  appendFileSync(path, 'o\n')
  assert.deepEqual(((await next) as SourceBatch<string>).values, ['two'])
  const last = reader.poll()
  stop.abort()
  assert.equal(await last, 'end')
  await reader.close()
})

test('CSV: names from the header, quotes, line breaks in fields, blank lines, schema that coerces', async () => {
  const path = join(directory, 'in.csv')
  writeFileSync(path, 'name,n\r\n"a, ""b""\nc",1\r\n\r\nd,2\r\n\n')
  const schema = z.object({ name: z.string(), n: z.coerce.number() })
  assert.deepEqual(valuesOf(await readAll(readCsv({ path, schema }))), [
    { name: 'a, "b"\nc', n: 1 },
    { name: 'd', n: 2 },
  ])
})

test('a bad record fails with step, file and byte, or is skipped and reported when asked', async () => {
  const path = join(directory, 'bad.csv')
  writeFileSync(path, 'a,b\n1,2\n3\n4,5\n')
  await assert.rejects(
    readAll(readCsv({ path })),
    /MR_BAD_RECORD .*step s.*offset 8.*expected 2 fields, found 1/,
  )
  const batches = await readAll(readCsv({ path, onError: 'skip' }))
  assert.deepEqual(valuesOf(batches), [
    { a: '1', b: '2' },
    { a: '4', b: '5' },
  ])
  assert.deepEqual(
    batches.flatMap((batch) => batch.rejected.map(({ offset, reason }) => ({ offset, reason }))),
    [{ offset: 8, reason: 'expected 2 fields, found 1' }],
  )
})

test('a path that does not exist is named', async () => {
  await assert.rejects(
    async () => readLines({ path: join(directory, 'nowhere') }).discoverSplits(context()),
    /MR_FILE_NOT_FOUND .*nowhere/,
  )
})

test('files appear by rename when their checkpoint is complete, and only then', async () => {
  const out = join(directory, 'out')
  const sink = writeJsonLines({ path: out })
  const events = (...values: unknown[]) => ({ values, timestamps: values.map(() => 0), keys: undefined })
  const visible = () =>
    readdirSync(out)
      .filter((name) => name.startsWith('part-'))
      .flatMap((name) => readFileSync(join(out, name), 'utf8').split('\n').filter(Boolean))

  const first = sink.createWriter(context())
  await first.recover([])
  first.write(events({ n: 1 }))
  await first.prepareCommit(1)
  await first.commit(1)
  first.write(events({ n: 2 }))
  const prepared = await first.prepareCommit(2)
  first.write(events({ n: 'lost with the crash' }))
  assert.deepEqual(visible(), ['{"n":1}'])
  await first.prepareCommit(3)

  // A crash after checkpoint 2 was complete, before it was committed.
  const second = sink.createWriter(context())
  await second.recover([{ checkpointId: 2, data: prepared as { name: string } }])
  assert.deepEqual(visible().sort(), ['{"n":1}', '{"n":2}'])
  await second.recover([{ checkpointId: 2, data: prepared as { name: string } }])
  second.write(events({ n: 3 }))
  await second.prepareCommit(3)
  await second.commit(3)
  assert.deepEqual(visible().sort(), ['{"n":1}', '{"n":2}', '{"n":3}'])
  assert.deepEqual(
    readdirSync(out).filter((name) => name.startsWith('.')),
    [],
  )
})

test('hidden files of a crash go, those of subtasks that are no more too, and no other sink’s', async () => {
  const out = join(directory, 'out')
  const sink = writeJsonLines({ path: out })
  const events = { values: [1], timestamps: [0], keys: undefined }
  const leave = async (step: string, subtask: number): Promise<void> => {
    const writer = sink.createWriter({ ...context(), step, subtask, parallelism: 4 })
    await writer.recover([])
    writer.write(events)
    await writer.prepareCommit(1)
    await writer.close()
  }
  for (const subtask of [0, 1, 3]) await leave('s', subtask)
  await leave('s-1', 0)
  const hidden = (): string[] => readdirSync(out).map((name) => name.replace(/-[0-9a-f]{8}-.*/, ''))
  assert.deepEqual(hidden().sort(), ['.part-s-0', '.part-s-1', '.part-s-1-0', '.part-s-3'])
  await sink.createWriter({ ...context(), subtask: 1, parallelism: 2 }).recover([])
  assert.deepEqual(hidden().sort(), ['.part-s-0', '.part-s-1-0'])
})
