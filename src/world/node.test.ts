import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { MillraceError } from '../base/millrace-error.ts'
import { writeAtomically } from './files.ts'
import { nodeWorld } from './node.ts'
import { worldSuite } from './world-suite.ts'

async function inTemporaryDirectory(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-world-'))
  try {
    await body(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

worldSuite('node', {
  run: (body) => inTemporaryDirectory((directory) => body(nodeWorld(), directory)),
})

test('a lock dies with its process, also after kill -9', () =>
  inTemporaryDirectory(async (directory) => {
    const path = join(directory, '.lock')
    const source = `
      const { nodeWorld } = await import(${JSON.stringify(new URL('./node.ts', import.meta.url).href)})
      nodeWorld().disk.lock(${JSON.stringify(path)})
      process.stdout.write('locked')
      setInterval(() => {}, 1000)`
    const holder = spawn(process.execPath, ['--input-type=module', '--eval', source], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exited = new Promise((resolve) => holder.once('exit', resolve))
    try {
      await new Promise((resolve) => holder.stdout.once('data', resolve))
      const { disk } = nodeWorld()
      assert.throws(
        () => disk.lock(path),
        (error) => error instanceof MillraceError && error.code === 'MR_DATA_DIR_IN_USE',
      )
      holder.kill('SIGKILL')
      await exited
      disk.lock(path).release()
    } finally {
      holder.kill('SIGKILL')
      await exited
    }
  }))

test(
  'a full device is MR_DISK_FULL',
  { skip: process.platform !== 'linux' && '/dev/full is Linux only' },
  () => {
    const file = nodeWorld().disk.open('/dev/full')
    assert.throws(
      () => file.write([Buffer.from('x')], 0),
      (error) =>
        error instanceof MillraceError && error.code === 'MR_DISK_FULL' && error.place.path === '/dev/full',
    )
    file.close()
  },
)

test('a file for its owner’s eyes alone is that from its first moment on', () =>
  inTemporaryDirectory(async (directory) => {
    const path = join(directory, 'secret')
    await writeAtomically(nodeWorld().disk, path, 'x', { ownerOnly: true })
    assert.equal(statSync(path).mode & 0o777, 0o600)
  }))
