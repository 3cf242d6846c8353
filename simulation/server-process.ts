/** A process under test on a simulated machine of its own: crashes as it is told, and comes back. */
import { MillraceError, messageOf } from '../src/base/millrace-error.ts'
import type { Report } from '../src/base/report.ts'
import { startBroker } from '../src/log/broker/broker.ts'
import type { BrokerOptions } from '../src/log/broker/broker.ts'
import type { SimulatedMachine, Simulation } from '../src/world/simulated/simulation.ts'
import type { World } from '../src/world/world.ts'
import { BrokenPromise } from './history.ts'
import type { History } from './history.ts'

export const SERVER_PORT = 9092
export const LOG_PATH = '/log'

const DISK_ERRORS: ReadonlySet<string> = new Set(['MR_DISK_IO', 'MR_DISK_FULL', 'MR_CHECKPOINTS_FAIL'])

export type Stop = 'kill' | 'power' | 'close'

/** What runs in the process. */
export interface Program {
  /** Ends it in order. */
  close(): Promise<void>
  /** Settles when it ends by itself, which counts as a failure. */
  readonly ended?: Promise<unknown>
}

export type StartProgram = (world: World, report: Report) => Promise<Program>

/** The log alone. */
export const logProgram =
  (config: NonNullable<BrokerOptions['config']>): StartProgram =>
  (world, report) =>
    startBroker({
      world,
      dataPath: LOG_PATH,
      listen: { host: '127.0.0.1', port: SERVER_PORT },
      config,
      report,
    })

export class ServerProcess {
  readonly machine: SimulatedMachine
  /** What the next start starts. */
  program: StartProgram
  readonly #simulation: Simulation
  readonly #history: History
  readonly #excused: (error: MillraceError) => boolean
  #running: Program | undefined
  #life = 0
  #failure: Error | undefined
  readonly #whenUp: (() => void)[] = []
  /** Whether it may fail because the disk does. */
  diskMayFail = false

  constructor(options: {
    simulation: Simulation
    history: History
    name: string
    program: StartProgram
    /** Failures that are the world's fault; those of the disk are judged by `diskMayFail`. Default: none. */
    excused?: (error: MillraceError) => boolean
  }) {
    this.#simulation = options.simulation
    this.#history = options.history
    this.program = options.program
    this.#excused = options.excused ?? (() => false)
    this.machine = options.simulation.machine(options.name)
  }

  get isUp(): boolean {
    return this.#running !== undefined
  }

  /** Throws when the process could not be started, or has ended by itself, and should not have. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  start(): void {
    const life = ++this.#life
    const failed = (what: string) => (error: unknown) => {
      if (life === this.#life) this.#failed(what, error)
    }
    this.program(this.machine.world, (level, event, fields) => {
      this.#note(`${level} ${event} ${JSON.stringify(fields)}`)
    }).then((program) => {
      if (life !== this.#life) return
      this.#note('up')
      this.#running = program
      for (const resolve of this.#whenUp.splice(0)) resolve()
      program.ended?.then(() => failed('ended')(new Error('nobody told it to')), failed('ended'))
    }, failed('did not start'))
  }

  /** Stops it, and starts it again after `downMs`. */
  stop(how: Stop, downMs: number): void {
    const life = ++this.#life
    const program = this.#running
    this.#running = undefined
    this.#note(how)
    const startLater = (): void => {
      this.#simulation.clock.schedule(downMs, () => {
        if (life === this.#life) this.start()
      })
    }
    const crash = (): void => {
      if (life !== this.#life) return
      if (how === 'power') this.machine.losePower()
      else this.machine.kill()
      startLater()
    }
    if (how !== 'close' || program === undefined) return crash()
    program.close().then(crash, (error: unknown) => {
      this.#note(`close failed: ${messageOf(error)}`)
      crash()
    })
  }

  /** Ends it in order, for good; throws when it cannot. */
  async close(): Promise<void> {
    await this.up()
    this.#note('close')
    this.#life++
    const program = this.#running
    this.#running = undefined
    await program?.close()
  }

  /** Resolves when it is up. */
  async up(): Promise<void> {
    if (this.#running === undefined) await new Promise<void>((resolve) => this.#whenUp.push(resolve))
  }

  /** Comes back after a failure that may be; another one breaks a promise. */
  #failed(what: string, error: unknown): void {
    this.#note(`${what}: ${messageOf(error)}`)
    const excused =
      error instanceof MillraceError &&
      ((this.diskMayFail && DISK_ERRORS.has(error.code)) || this.#excused(error))
    if (!excused)
      this.#failure ??= new BrokenPromise(`${this.machine.name} ${what}: ${messageOf(error)}`, {
        cause: error,
      })
    this.stop('kill', 500)
  }

  #note(text: string): void {
    this.#history.note(`${this.machine.name}: ${text}`)
  }
}
