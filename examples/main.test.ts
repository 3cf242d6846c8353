/** `npm start` as a user meets it. */
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('./main.ts', import.meta.url))
/** Temporary files of the demonstration go here, so that what it leaves behind shows. */
const temporary = mkdtempSync(join(tmpdir(), 'millrace-main-'))
const running = new Set<ChildProcess>()

after(() => {
  for (const child of running) child.kill('SIGKILL')
  rmSync(temporary, { recursive: true, force: true })
})

interface Started {
  readonly child: ChildProcess
  readonly says: (pattern: RegExp) => Promise<RegExpExecArray>
  readonly ended: Promise<{ readonly code: number | null; readonly out: string; readonly err: string }>
}

function start(...args: readonly string[]): Started {
  const child = spawn(process.execPath, ['--conditions=millrace-source', main, ...args], {
    env: { ...process.env, TMPDIR: temporary },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  let [out, err] = ['', '']
  let look = (): void => {}
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString()
    look()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString()
  })
  const ended = new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
    child.on('close', (code) => {
      running.delete(child)
      resolve({ code, out, err })
    })
  })
  const says = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      look = () => {
        const match = pattern.exec(out)
        if (match !== null) resolve(match)
      }
      look()
      void ended.then(() => reject(new Error(`ended without ${String(pattern)}: ${out}${err}`)))
    })
  return { child, says, ended }
}

const anywhere = ['--listen', ':0', '--http', ':0']

describe('npm start', () => {
  it('--speed max ends by itself with the same summary each time, and leaves nothing behind', async () => {
    const { code, out, err } = await start('--speed', 'max', ...anywhere).ended
    assert.deepEqual([code, err], [0, ''])
    for (const line of [
      'read      1,707 events of 1,707 produced',
      'ignored   28 that are no earthquakes',
      'on time   1,637',
      'late      42 for windows, 230 for alerts',
      'answered  2,431 windows, 20 alerts (2 swarm, 17 aftershock, 1 swarm-over)',
      'busiest   California, 44 quakes from Feb 03 22:00 to Feb 04 04:00, the strongest M 2.4',
      'watermark Feb 05 12:59; windows that end later stay open for what may still come',
    ])
      assert.ok(out.includes(`\n${line}\n`), `${line}\n\nis not in\n${out}`)
    assert.match(out, /ALERT {2}Feb 03 17:47 {2}swarm in Nevada: 8 quakes since Feb 03 17:15/)
    assert.match(out, /LATE .* hours after the earth moved/)
    assert.deepEqual(readdirSync(temporary), [])
  })

  it('Ctrl-C ends it in order while it is busy; a second one meanwhile is told which flag helps', async () => {
    const first = start(...anywhere)
    const [, kafka = '', page = ''] = await first.says(/Kafka clients: (\S+) +status page: http:\/\/(\S+)/)
    const second = await start('--listen', kafka, '--http', ':0').ended
    assert.equal(second.code, 1)
    assert.match(second.err, /MR_ADDRESS_IN_USE.*\n.*--listen HOST:PORT/)
    const third = await start('--listen', ':0', '--http', page).ended
    assert.match(third.err, /MR_ADDRESS_IN_USE.*\n.*--http HOST:PORT/)
    assert.equal((await fetch(`http://${page}/readyz`)).status, 200, 'the first one goes on')
    first.child.kill('SIGINT')
    const { code, out } = await first.ended
    assert.equal(code, 0)
    assert.match(out, /\nread +[\d,]+ events/)
    assert.deepEqual(readdirSync(temporary), [])
  })

  it('goes on serving when all is told, until Ctrl-C', async () => {
    const data = join(temporary, 'kept')
    const demonstration = start('--speed', '1e9', '--data', data, ...anywhere)
    await demonstration.says(/go on until Ctrl-C/)
    demonstration.child.kill('SIGTERM')
    assert.equal((await demonstration.ended).code, 0)
    assert.ok(readdirSync(data).length > 0, 'data that were asked for are kept')
  })

  it('says what its options are', async () => {
    const [help, unknown, speed] = await Promise.all([
      start('--help').ended,
      start('--fast').ended,
      start('--speed', '-1').ended,
    ])
    assert.equal(help.code, 0)
    assert.match(help.out, /--speed max/)
    for (const { code, err } of [unknown, speed]) {
      assert.equal(code, 2)
      assert.match(err, /--speed max/)
    }
  })
})
