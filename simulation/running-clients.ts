/** The client programs of a scenario, each on a machine of its own, where it may die and begin anew. */
import type { SimulatedMachine, Simulation } from '../src/world/simulated/simulation.ts'
import { sleep } from '../src/world/world.ts'
import type { ClientProgram } from './clients.ts'
import { BrokenPromise } from './history.ts'
import type { History } from './history.ts'
import { SERVER_PORT } from './server-process.ts'

/** Everything must have come to rest this long after the last fault. */
export const REST_WITHIN_MS = 300_000

interface RunningClient {
  readonly machine: SimulatedMachine
  readonly program: ClientProgram
  readonly ended: PromiseWithResolvers<void>
  stopping: boolean
}

export class RunningClients {
  readonly #simulation: Simulation
  readonly #history: History
  readonly #partitions: number
  readonly #clients: RunningClient[] = []

  constructor(options: { simulation: Simulation; history: History; partitions: number }) {
    this.#simulation = options.simulation
    this.#history = options.history
    this.#partitions = options.partitions
  }

  start(name: string, program: ClientProgram): void {
    const client: RunningClient = {
      machine: this.#simulation.machine(name),
      program,
      ended: Promise.withResolvers(),
      stopping: false,
    }
    this.#clients.push(client)
    this.#begin(client)
  }

  /** One of them, chosen at random, dies and begins anew. */
  killOne(): void {
    const client = this.#simulation.random.pick(this.#clients)
    this.#history.note(`${client.machine.name}: dies`)
    client.machine.kill()
    this.#begin(client)
  }

  /** All die, for good. */
  killAll(): void {
    for (const { machine } of this.#clients) machine.kill()
  }

  /** Asks all (but `except`) to stop and waits until they have. `check` throws when a server is to blame. */
  async comeToRest(check: () => void, except: readonly string[] = []): Promise<void> {
    this.#history.note('rest')
    const asked = this.#clients.filter(({ machine }) => !except.includes(machine.name))
    for (const client of asked) client.stopping = true
    const ended = Promise.all(asked.map((client) => client.ended.promise))
    const late = sleep(this.#simulation.clock, REST_WITHIN_MS).then(() => {
      check()
      throw new BrokenPromise(`clients still wait ${REST_WITHIN_MS} ms after the last fault`)
    })
    late.catch(() => undefined)
    await Promise.race([ended, late])
    check()
  }

  #begin(client: RunningClient): void {
    const { machine, program, ended } = client
    program({
      name: machine.name,
      world: machine.world,
      bootstrap: `127.0.0.1:${SERVER_PORT}`,
      random: this.#simulation.random.fork(machine.name),
      history: this.#history,
      partitions: this.#partitions,
      stopping: () => client.stopping,
    }).then(ended.resolve, ended.reject)
    ended.promise.catch(() => undefined)
  }
}
