/** The broker under test on a simulated machine: crashes as it is told, and comes back. */
import { MillraceError, messageOf } from '../src/base/millrace-error.ts'
import { startBroker } from '../src/log/broker/broker.ts'
import type { Broker, BrokerOptions } from '../src/log/broker/broker.ts'
import type { SimulatedMachine, Simulation } from '../src/world/simulated/simulation.ts'
import { BrokenPromise } from './history.ts'
import type { History } from './history.ts'

export const SERVER_PORT = 9092

export type Stop = 'kill' | 'power' | 'close'

export class LogServer {
  readonly machine: SimulatedMachine
  readonly #simulation: Simulation
  readonly #history: History
  readonly #config: NonNullable<BrokerOptions['config']>
  #broker: Broker | undefined
  #life = 0
  #failure: Error | undefined
  readonly #whenUp: (() => void)[] = []
  /** Whether a start may fail because the disk does. */
  diskMayFail = false

  constructor(options: {
    simulation: Simulation
    history: History
    config: NonNullable<BrokerOptions['config']>
  }) {
    this.#simulation = options.simulation
    this.#history = options.history
    this.#config = options.config
    this.machine = options.simulation.machine('server')
  }

  get isUp(): boolean {
    return this.#broker !== undefined
  }

  /** Throws when the broker could not be started and should have been. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  start(): void {
    const life = ++this.#life
    startBroker({
      world: this.machine.world,
      dataPath: '/log',
      listen: { host: '127.0.0.1', port: SERVER_PORT },
      config: this.#config,
      report: (level, event, fields) =>
        this.#history.note(`server: ${level} ${event} ${JSON.stringify(fields)}`),
    }).then(
      (broker) => {
        if (life !== this.#life) return
        this.#history.note('server: up')
        this.#broker = broker
        for (const resolve of this.#whenUp.splice(0)) resolve()
      },
      (error: unknown) => {
        if (life !== this.#life) return
        this.#history.note(`server: did not start: ${messageOf(error)}`)
        const excused =
          this.diskMayFail &&
          error instanceof MillraceError &&
          ['MR_DISK_IO', 'MR_DISK_FULL'].includes(error.code)
        if (!excused)
          this.#failure = new BrokenPromise(`the log does not start: ${messageOf(error)}`, { cause: error })
        this.stop('kill', 500)
      },
    )
  }

  /** Stops it, and starts it again after `downMs`. */
  stop(how: Stop, downMs: number): void {
    const life = ++this.#life
    const broker = this.#broker
    this.#broker = undefined
    this.#history.note(`server: ${how}`)
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
    if (how !== 'close' || broker === undefined) return crash()
    broker.close().then(crash, (error: unknown) => {
      this.#history.note(`server: close failed: ${messageOf(error)}`)
      crash()
    })
  }

  /** Resolves when the broker answers. */
  async up(): Promise<void> {
    if (this.#broker === undefined) await new Promise<void>((resolve) => this.#whenUp.push(resolve))
  }
}
