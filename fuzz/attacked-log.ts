/** The attacked log in a process of its own, as its parent sees it. */
import { fork, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import type { FromServer, ServerMemory, ServerOptions, ToServer } from './log-server.ts'

export class AttackedLog implements AsyncDisposable {
  readonly host: string
  /** Of the first listener. */
  readonly port: number
  /** Of all its listeners. */
  readonly ports: readonly number[]
  /** What it reported as an error, and the first of each kind of warning. */
  readonly reports = new Map<string, string>()
  readonly #child: ChildProcess
  readonly #asking: ((memory: ServerMemory) => void)[] = []
  readonly #ended = Promise.withResolvers<void>()
  #stderr = ''

  static start(options: ServerOptions): Promise<AttackedLog> {
    const child = fork(join(import.meta.dirname, 'log-server.ts'), [JSON.stringify(options)], {
      execArgv: ['--expose-gc', '--conditions=millrace-source'],
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    })
    let said = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-4_000)
    })
    return new Promise((resolve, reject) => {
      child.on('message', (message: FromServer) => {
        if (message.kind === 'ready') resolve(new AttackedLog(child, message))
      })
      child.once('exit', (code) => reject(new Error(`the log did not start, exit code ${code}: ${said}`)))
    })
  }

  private constructor(
    child: ChildProcess,
    { host, ports }: { readonly host: string; readonly ports: readonly number[] },
  ) {
    this.host = host
    this.port = ports[0]!
    this.ports = ports
    this.#child = child
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-4_000)
    })
    child.on('message', (message: FromServer) => {
      if (message.kind === 'memory') this.#asking.shift()?.(message.memory)
      if (message.kind !== 'report') return
      const key = message.level === 'error' ? `${message.event}: ${message.fields}` : message.event
      if (!this.reports.has(key))
        this.reports.set(key, `${message.level} ${message.event}: ${message.fields}`)
    })
    child.once('exit', () => this.#ended.resolve())
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  /** What it said before it ended. */
  get lastWords(): string {
    return `exit code ${this.#child.exitCode}, signal ${this.#child.signalCode}\n${this.#stderr}`
  }

  /** Rejects when the process has ended. */
  memory(options: { readonly collect: boolean } = { collect: true }): Promise<ServerMemory> {
    if (this.hasEnded) return Promise.reject(new Error(`the log has ended: ${this.lastWords}`))
    const answer = new Promise<ServerMemory>((resolve) => this.#asking.push(resolve))
    this.#tell(options.collect ? 'memory' : 'memory without collecting')
    return this.during(answer)
  }

  /** What comes of the work; rejects when the process ends before it. */
  during<T>(work: Promise<T>): Promise<T> {
    const ended = this.#ended.promise.then(() => {
      throw new Error(`the log has ended: ${this.lastWords}`)
    })
    return Promise.race([work, ended])
  }

  /** Ends it in order; throws when it does not end so. */
  async stop(): Promise<void> {
    this.#tell('stop')
    await this.#ended.promise
    if (this.#child.exitCode !== 0) throw new Error(`the log did not stop in order: ${this.lastWords}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended.promise
  }

  #tell(message: ToServer): void {
    this.#child.send(message)
  }
}
