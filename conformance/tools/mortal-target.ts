/**
 * A target that a test kills and starts again, at the same address and over the same data: Millrace's log, or, when
 * `CONFORMANCE_TARGET` is set (to check the tests themselves), a real Kafka of the test's own.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './free-port.ts'
import { startKafka, type RunningServer } from './start-kafka.ts'
import { startMillrace } from './start-millrace.ts'

type Settings = Readonly<Record<string, string>>

export class MortalTarget implements AsyncDisposable {
  readonly address: string
  readonly #folder: string
  readonly #settings: Settings
  #server: RunningServer

  /** `settings`: the broker's, by Kafka's names. */
  static async start(settings: Settings = {}): Promise<MortalTarget> {
    const folder = mkdtempSync(join(tmpdir(), 'mortal-'))
    const port = await freePort()
    return new MortalTarget(folder, settings, await startAt(port, folder, settings))
  }

  private constructor(folder: string, settings: Settings, server: RunningServer) {
    this.#folder = folder
    this.#settings = settings
    this.#server = server
    this.address = server.address
  }

  /** The pid of the process that serves now. */
  get pid(): number {
    return this.#server.pid
  }

  /** `kill -9`, and a new process that finds what the first one left. */
  async killAndRestart(): Promise<void> {
    process.kill(this.#server.pid, 'SIGKILL')
    await this.#server.stop()
    this.#server = await startAt(Number(this.address.split(':')[1]), this.#folder, this.#settings)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

function startAt(port: number, folder: string, settings: Settings): Promise<RunningServer> {
  const target = process.env['CONFORMANCE_TARGET']
  const isOurs = target === undefined || target === ''
  return isOurs
    ? startMillrace({ port, folder, log: { config: settings } })
    : startKafka({ port, folder, settings })
}
