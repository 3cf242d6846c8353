/** A program of a framework that runs until it is told to end: its output can be waited for, and it can be killed. */
import { spawn, type ChildProcess } from 'node:child_process'
import type { Command } from './command.ts'

export class FrameworkProcess implements AsyncDisposable {
  readonly #name: string
  readonly #child: ChildProcess
  readonly #gone = Promise.withResolvers<void>()
  readonly #watchers = new Set<() => void>()
  #said = ''

  constructor({ command, args, env }: Command) {
    this.#name = [command, ...args].join(' ').slice(-200)
    this.#child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#said = (this.#said + text).slice(-100_000)
        this.#tell()
      })
    }
    this.#child.stdin?.on('error', () => {}) // The child may end before its input does.
    this.#child.once('error', (error) => (this.#said += error.message))
    this.#child.once('close', () => {
      this.#gone.resolve()
      this.#tell()
    })
  }

  /** The end of what it printed, for a failure's message. */
  get said(): string {
    return this.#said.slice(-4_000)
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  /** Resolves once `pattern` has been printed; rejects when the process ends before, or after `timeoutMs` (180,000). */
  async until(pattern: RegExp, options: { readonly timeoutMs?: number } = {}): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const look = (): void => {
      if (pattern.test(this.#said)) resolve()
      else if (this.hasEnded) reject(this.#failure(`ended before it said ${pattern}`))
    }
    const timer = setTimeout(
      () => reject(this.#failure(`did not say ${pattern} in time`)),
      options.timeoutMs ?? 180_000,
    )
    this.#watchers.add(look)
    try {
      look()
      await promise
    } finally {
      clearTimeout(timer)
      this.#watchers.delete(look)
    }
  }

  /** Throws when the process has ended: call it while waiting for what it does. */
  mustRun(): void {
    if (this.hasEnded) throw this.#failure('ended by itself')
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    this.mustRun()
    this.#child.kill('SIGKILL')
    await this.#gone.promise
  }

  /** Ends its input and waits for its end; throws unless that comes in `timeoutMs` (60,000) with exit code 0. */
  async stop(options: { readonly signal?: NodeJS.Signals; readonly timeoutMs?: number } = {}): Promise<void> {
    this.#child.stdin?.end()
    if (options.signal !== undefined) this.#child.kill(options.signal)
    await this.finished(options)
  }

  /** Waits for its end; throws unless that comes in `timeoutMs` (60,000) with exit code 0. */
  async finished(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    const killer = setTimeout(() => this.#child.kill('SIGKILL'), options.timeoutMs ?? 60_000)
    await this.#gone.promise
    clearTimeout(killer)
    const { exitCode } = this.#child
    // A Java program that SIGTERM ends in order says so with 128 + 15.
    if (exitCode !== 0 && exitCode !== 143) throw this.#failure('did not end in order')
  }

  /** For the end of a test, however it ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#gone.promise
  }

  #failure(what: string): Error {
    return new Error(`${this.#name} ${what} (exit code ${this.#child.exitCode}):\n${this.said}`)
  }

  #tell(): void {
    for (const look of this.#watchers) look()
  }
}
