/**
 * A seeded world: clock, disks, network, randomness and workers of any number of machines in one thread, with virtual
 * time. The same seed gives the same run, to the byte, as long as the code under test reaches the outside through its
 * `World` only (and uses no asynchronous platform call of its own, such as `zlib.gzip` with a callback).
 *
 *   const simulation = new Simulation({ seed: 7 })
 *   const server = simulation.machine('server')
 *   await simulation.run(async () => {
 *     const log = await startSomething(server.world)
 *     server.losePower()                     // nothing that ran on it runs on
 *     await startSomething(server.world)     // a new life on what its disk kept
 *   })
 */
import type { Clock, World } from '../world.ts'
import type { Unsynced } from './file-content.ts'
import { Life, Scheduler } from './scheduler.ts'
import { SeededRandom } from './seeded-random.ts'
import { SimulatedClock } from './simulated-clock.ts'
import { SimulatedDisk } from './simulated-disk.ts'
import type { DiskConditions } from './simulated-disk.ts'
import { SimulatedNetwork } from './simulated-network.ts'
import type { NetworkConditions } from './simulated-network.ts'
import { SimulatedWorkers } from './simulated-workers.ts'

export interface SimulationOptions {
  readonly seed: number
  /** Wall-clock time at the start, ms since the epoch; 2026-01-01 when left out. */
  readonly startMs?: number
  readonly network?: Partial<NetworkConditions>
}

const DEFAULT_START_MS = Date.UTC(2026, 0, 1)

export class Simulation {
  readonly seed: number
  /** For the choices of a scenario. */
  readonly random: SeededRandom
  /** A clock that no crash stops, for the scenario itself. */
  readonly clock: Clock
  readonly network: SimulatedNetwork
  readonly #startMs: number
  readonly #scheduler = new Scheduler()

  constructor(options: SimulationOptions) {
    this.seed = options.seed
    this.random = new SeededRandom(options.seed)
    this.#startMs = options.startMs ?? DEFAULT_START_MS
    this.clock = new SimulatedClock(this.#scheduler, new Life('scenario'), () => this.#startMs)
    this.network = new SimulatedNetwork(this.#scheduler, this.random.fork('network'), options.network)
  }

  /** A computer with a disk of its own, on the one network. */
  machine(name: string, options: { readonly disk?: Partial<DiskConditions> } = {}): SimulatedMachine {
    const random = this.random.fork(name)
    return new SimulatedMachine({
      name,
      scheduler: this.#scheduler,
      random,
      network: this.network,
      disk: new SimulatedDisk(this.#scheduler, random.fork('disk'), options.disk),
      startMs: this.#startMs,
    })
  }

  /** Runs the scenario to its end while virtual time passes. Throws what it throws, and when nothing moves any more. */
  run<T>(scenario: () => Promise<T>): Promise<T> {
    return this.#scheduler.runUntil(scenario())
  }
}

interface MachineParts {
  readonly name: string
  readonly scheduler: Scheduler
  readonly random: SeededRandom
  readonly network: SimulatedNetwork
  readonly disk: SimulatedDisk
  readonly startMs: number
}

export class SimulatedMachine {
  readonly name: string
  readonly disk: SimulatedDisk
  readonly #parts: MachineParts
  #life: Life
  #world: World
  #clockErrorMs = 0

  constructor(parts: MachineParts) {
    this.name = parts.name
    this.disk = parts.disk
    this.#parts = parts
    this.#life = new Life(parts.name)
    this.#world = this.#worldOf(this.#life)
  }

  /** The world of the process that runs on this machine now; another one after each crash. */
  get world(): World {
    return this.#world
  }

  /** `kill -9`: the process ends between two events; its writes stay in the page cache; its peers see it go. */
  kill(): void {
    this.#end({ silent: false })
  }

  /**
   * The power goes: what was not synced is lost, wholly or in part (`unsynced`, by default a random prefix or any of it,
   * `torn`), and the peers hear nothing for a while.
   */
  losePower(options: { readonly unsynced?: Unsynced; readonly torn?: boolean } = {}): void {
    this.#end({ silent: true })
    const { random } = this.#parts
    const unsynced =
      options.unsynced ?? random.pick<Unsynced>(['random-prefix', 'random-prefix', 'reordered'])
    this.disk.losePower({ unsynced, torn: options.torn ?? true })
  }

  /** Sets the wall clock forward, or back when negative; the monotonic clock does not notice. */
  moveClock(byMs: number): void {
    this.#clockErrorMs += byMs
  }

  #end(how: { readonly silent: boolean }): void {
    this.#life.silentEnd = how.silent
    this.#life.end()
    this.#life = new Life(this.#parts.name)
    this.#world = this.#worldOf(this.#life)
  }

  #worldOf(life: Life): World {
    const { scheduler, random, network, startMs } = this.#parts
    return {
      clock: new SimulatedClock(scheduler, life, () => startMs + this.#clockErrorMs),
      random: random.fork(life.name),
      disk: this.disk.as(life),
      network: network.as(life),
      workers: new SimulatedWorkers({
        scheduler,
        random: random.fork(`${life.name}/workers`),
        parent: life,
        worldOf: (child) => this.#worldOf(child),
      }),
    }
  }
}

/** A simulation of one machine, for tests that need no more. */
export function simulatedWorld(
  options: Partial<SimulationOptions> & { readonly disk?: Partial<DiskConditions> } = {},
): { readonly simulation: Simulation; readonly machine: SimulatedMachine } {
  const simulation = new Simulation({ seed: 1, ...options })
  return { simulation, machine: simulation.machine('machine', options) }
}
