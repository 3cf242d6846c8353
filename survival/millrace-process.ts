/** `millrace run` or `millrace start` in a process of its own, to be killed. */
import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'

const COMMAND = join(import.meta.dirname, '../src/cli/bin.ts')

export class MillraceProcess {
  readonly #child: ChildProcess
  readonly #gone = Promise.withResolvers<void>()
  readonly #ready = Promise.withResolvers<void>()
  #said = ''

  /** `args` as on the command line, after `millrace`. */
  constructor(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    this.#child = spawn(process.execPath, ['--conditions=millrace-source', COMMAND, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#said = (this.#said + text).slice(-10_000)
        if (/Kafka clients on/.test(this.#said)) this.#ready.resolve()
      })
    }
    this.#ready.promise.catch(() => undefined)
    this.#child.once('close', () => {
      this.#ready.reject(new Error(`millrace ended before it was ready:\n${this.#said}`))
      this.#gone.resolve()
    })
  }

  /** Resolves when clients can connect (and the job runs); rejects when the process ends before. */
  get ready(): Promise<void> {
    return this.#ready.promise
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  /** What it printed last. */
  get said(): string {
    return this.#said
  }

  /** `kill -9`. Throws when the process had ended by itself, which it never may. */
  async kill(): Promise<void> {
    const { exitCode } = this.#child
    this.#child.kill('SIGKILL')
    await this.#gone.promise
    if (exitCode !== null || this.#child.signalCode !== 'SIGKILL') {
      throw new Error(`millrace ended by itself with exit code ${this.#child.exitCode}:\n${this.#said}`)
    }
  }

  /** Ctrl-C. Throws when the process does not end in order. */
  async stop(): Promise<void> {
    this.#child.kill('SIGINT')
    await this.#gone.promise
    if (this.#child.exitCode !== 0) {
      throw new Error(`millrace did not stop in order, exit code ${this.#child.exitCode}:\n${this.#said}`)
    }
  }

  /** For the end of a test, however it ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#gone.promise
  }
}
