/** Starts Millrace's log in a process of its own. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { endProcess } from './end-process.ts'
import { firstByteServed } from './first-byte.ts'
import { freePort } from './free-port.ts'
import type { LogProcessOptions } from './log-process.ts'
import type { RunningServer } from './start-kafka.ts'

/**
 * @param options.folder holds the log; a temporary one, removed at the end, by default.
 * @param options.command starts the log as a user does, with this `millrace` command's `start`: HTTP is served too. By
 *   default the log runs alone, from its sources.
 * @param options.env is added to the environment of such a command: `MILLRACE_…` sets what its configuration would.
 */
export async function startMillrace(
  options: {
    readonly port?: number
    readonly folder?: string
    readonly command?: string
    /** For the log alone. */
    readonly log?: LogProcessOptions
    readonly env?: Readonly<Record<string, string>>
  } = {},
): Promise<RunningServer> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'millrace-'))
  const address = `127.0.0.1:${options.port ?? (await freePort())}`
  const args =
    options.command === undefined
      ? [join(import.meta.dirname, 'log-process.ts'), address, folder, JSON.stringify(options.log ?? {})]
      : [options.command, 'start', '--listen', address, '--http', '127.0.0.1:0', '--data', folder]
  const startedMs = performance.now()
  const server = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
  })
  let said = ''
  server.stdout.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-4_000)))
  server.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-4_000)))
  try {
    await firstByteServed(address, { gaveUp: () => (server.exitCode === null ? undefined : said) })
  } catch (error) {
    await endProcess(server)
    throw error
  }
  return {
    address,
    dataPath: options.command === undefined ? folder : join(folder, 'log'),
    pid: server.pid ?? 0,
    startMs: performance.now() - startedMs,
    stop: () => endProcess(server),
    async [Symbol.asyncDispose]() {
      await endProcess(server)
      if (options.folder === undefined) rmSync(folder, { recursive: true, force: true })
    },
  }
}
