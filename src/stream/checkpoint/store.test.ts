import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { MillraceError } from '../../base/millrace-error.ts'
import { nodeWorld } from '../../world/node.ts'
import type { Manifest, StateReference } from './snapshot.ts'
import { readStateFile, StateFileBuilder } from './state-file.ts'
import { DiskCheckpointStore, readSavepoint, readState, writeStateFile } from './store.ts'

const { disk } = nodeWorld()
const root = mkdtempSync(join(tmpdir(), 'millrace-checkpoints-'))
after(() => rmSync(root, { recursive: true }))

let number = 0

interface Fixture {
  readonly store: DiskCheckpointStore
  readonly reopened: () => DiskCheckpointStore
  readonly reports: string[]
  readonly directory: string
  take(
    checkpointId: number,
    before: readonly StateReference[],
    bytes: string,
  ): Promise<readonly StateReference[]>
}

function fixture(): Fixture {
  const path = join(root, `${number++}`)
  const reports: string[] = []
  const open = (): DiskCheckpointStore =>
    new DiskCheckpointStore({ disk, path, job: 'job', report: (_, event) => void reports.push(event) })
  const store = open()
  return {
    store,
    reopened: open,
    reports,
    directory: join(path, 'job'),
    async take(checkpointId, before, bytes) {
      await store.begin(checkpointId)
      const file = join(store.stateDirectory(checkpointId), 'state-0')
      const chain = [...before, await writeStateFile(disk, file, Buffer.from(bytes))]
      await store.complete(manifest(checkpointId, chain))
      return chain
    },
  }
}

function manifest(checkpointId: number, chain: readonly StateReference[]): Manifest {
  const subtasks = [{ steps: { source: { splits: [{ id: '0', position: checkpointId }] } }, chain }]
  return { format: 1, job: 'job', checkpointId, takenMs: 0, parallelism: 1, maxParallelism: 128, subtasks }
}

function stateOf(found: Manifest | undefined): string[] {
  return (found?.subtasks[0]?.chain ?? []).map((file) => Buffer.from(readState(disk, file)).toString())
}

test('the newest complete checkpoint is found, with the chain its state consists of', async () => {
  const f = fixture()
  assert.deepEqual(f.store.latest(), { manifest: undefined, nextCheckpointId: 1 })
  const base = await f.take(1, [], 'base')
  await f.take(2, base, 'changes')
  await f.store.begin(3)
  const { manifest: found, nextCheckpointId } = f.reopened().latest()
  assert.equal(found?.checkpointId, 2)
  assert.equal(nextCheckpointId, 4, 'ids of unfinished ones are not used again')
  assert.deepEqual(stateOf(found), ['base', 'changes'])
})

test('what no retained checkpoint needs is removed', async () => {
  const f = fixture()
  const base = await f.take(1, [], 'base')
  let chain = base
  for (let id = 2; id <= 5; id++) chain = await f.take(id, chain, `change ${id}`)
  assert.deepEqual(
    disk.list(join(f.directory, 'chk-1')),
    ['state-0'],
    'its manifest is gone, its state is needed',
  )
  await f.take(6, [], 'new base')
  assert.deepEqual(stateOf(f.reopened().latest().manifest), ['new base'])
  await f.take(7, [], 'newer base')
  assert.deepEqual(disk.list(f.directory), ['chk-6', 'chk-7'])
})

test('a damaged checkpoint is passed over, with a report; when all are, that is an error', async () => {
  const f = fixture()
  await f.take(1, [], 'one')
  await f.take(2, [], 'two')
  const tear = (path: string, to: number): void => {
    const file = disk.open(path)
    file.truncate(to)
    file.close()
  }
  tear(join(f.directory, 'chk-2', 'state-0'), 2)
  assert.equal(f.reopened().latest().manifest?.checkpointId, 1)
  assert.deepEqual(f.reports, ['a checkpoint is damaged, the one before it is used'])
  const manifestPath = join(f.directory, 'chk-1', 'manifest')
  tear(manifestPath, disk.stat(manifestPath)!.sizeBytes - 1)
  assert.throws(
    () => f.reopened().latest(),
    (error) => error instanceof MillraceError && error.code === 'MR_CHECKPOINT_CORRUPT',
  )
})

test('a changed byte is found', async () => {
  const f = fixture()
  await f.take(1, [], 'one')
  await f.take(2, [], 'two')
  const file = disk.open(join(f.directory, 'chk-2', 'state-0'))
  file.write([Buffer.from('T')], 0)
  file.close()
  assert.equal(f.reopened().latest().manifest?.checkpointId, 1)
})

test('a savepoint is self-contained', async () => {
  const f = fixture()
  const chain = await f.take(2, await f.take(1, [], 'base'), 'changes')
  const path = join(root, 'savepoint')
  await f.store.exportTo(manifest(2, chain), path)
  rmSync(f.directory, { recursive: true })
  const found = readSavepoint(disk, path)
  assert.deepEqual(stateOf(found), ['base', 'changes'])
  assert.deepEqual(found.subtasks[0]?.steps, { source: { splits: [{ id: '0', position: 2 }] } })
  assert.throws(() => readSavepoint(disk, join(root, 'nowhere')), /MR_SAVEPOINT_NOT_FOUND/)
})

test('a state file gives back what was put in', () => {
  const builder = new StateFileBuilder()
  assert.equal(builder.build(), undefined)
  builder.table('step', 'a')
  builder.add(3, Buffer.from('three'))
  builder.add(9, Buffer.from('nine'))
  builder.table('step', 'empty')
  builder.table('other', 'b')
  builder.add(0, Buffer.from('zero'))
  const bytes = builder.build()!
  const seen: unknown[] = []
  readStateFile(bytes, 'x', (...entry) => seen.push([...entry.slice(0, 3), Buffer.from(entry[3]).toString()]))
  assert.deepEqual(seen, [
    ['step', 'a', 3, 'three'],
    ['step', 'a', 9, 'nine'],
    ['other', 'b', 0, 'zero'],
  ])
  assert.throws(
    () => readStateFile(bytes.subarray(0, bytes.length - 1), 'x', () => {}),
    /MR_CHECKPOINT_CORRUPT/,
  )
  assert.throws(() => readStateFile(Buffer.from('rubbish'), 'x', () => {}), /MR_CHECKPOINT_CORRUPT/)
})

test('old checkpoints that cannot be removed do not cost the new one', async () => {
  const path = join(root, `${number++}`)
  const reports: string[] = []
  const stubborn = Object.assign(Object.create(disk) as typeof disk, {
    remove: () => {
      throw new Error('the device is busy')
    },
  })
  const report = (_: unknown, event: string): void => void reports.push(event)
  const store = new DiskCheckpointStore({ disk: stubborn, path, job: 'job', retained: 1, report })
  for (const id of [1, 2]) {
    await store.begin(id)
    const file = await writeStateFile(disk, join(store.stateDirectory(id), 'state-0'), Buffer.from(`${id}`))
    await store.complete(manifest(id, [file]))
  }
  assert.deepEqual(reports, ['old checkpoints could not be removed'])
  assert.equal(store.latest().manifest?.checkpointId, 2)
})
