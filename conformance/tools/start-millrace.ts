/** Starts Millrace's log in a process of its own. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { endProcess } from './end-process.ts'
import { firstByteServed } from './first-byte.ts'
import { freePort } from './free-port.ts'
import type { RunningServer } from './start-kafka.ts'

/**
 * @param options.folder holds the log; a temporary one, removed at the end, by default.
 */
export async function startMillrace(
  options: { readonly port?: number; readonly folder?: string } = {},
): Promise<RunningServer> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'millrace-'))
  const address = `127.0.0.1:${options.port ?? (await freePort())}`
  const startedMs = performance.now()
  const server = spawn(process.execPath, [join(import.meta.dirname, 'log-process.ts'), address, folder], {
    stdio: ['ignore', 'pipe', 'pipe'],
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
    dataPath: folder,
    pid: server.pid ?? 0,
    startMs: performance.now() - startedMs,
    stop: () => endProcess(server),
    async [Symbol.asyncDispose]() {
      await endProcess(server)
      if (options.folder === undefined) rmSync(folder, { recursive: true, force: true })
    },
  }
}
