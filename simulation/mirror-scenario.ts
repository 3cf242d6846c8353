/**
 * One seeded run of mirrors: two logs, clients that write to the one, and two mirrors to the other, one that keeps offsets
 * and one that translates them, while machines, disks and the network fail and the mirrors die. In the end both copies
 * hold what the source holds: every record once, in order, and the one with the offsets of the source.
 */
import { createTopics } from '../src/log/client/admin.ts'
import type { LogClient } from '../src/log/client/log-client.ts'
import type { MirrorOptions } from '../src/mirror/mirror-options.ts'
import { startMirror } from '../src/mirror/start-mirror.ts'
import { startBroker } from '../src/log/broker/broker.ts'
import type { Simulation } from '../src/world/simulated/simulation.ts'
import { sleep, type World } from '../src/world/world.ts'
import { ledgerProducer, numberProducer } from './clients.ts'
import type { ClientProgram } from './clients.ts'
import { letThingsGoWrong } from './faults.ts'
import { BrokenPromise, placeOf } from './history.ts'
import type { History } from './history.ts'
import { readAll } from './read-all.ts'
import { observe } from './observe.ts'
import { REST_WITHIN_MS, RunningClients } from './running-clients.ts'
import { runScenario } from './scenario.ts'
import type { ScenarioResult } from './scenario.ts'
import { ServerProcess, SERVER_PORT } from './server-process.ts'

const TOPICS = ['numbers', 'ledger'] as const
const TARGET_PORT = SERVER_PORT + 1
const SOURCE = `127.0.0.1:${SERVER_PORT}`
const TARGET = `127.0.0.1:${TARGET_PORT}`
const PREFIX = 'translated.'

export function runMirrorScenario(seed: number): Promise<ScenarioResult> {
  return runScenario(seed, (simulation, history) => new Scenario(simulation, history).run())
}

class Scenario {
  readonly #simulation: Simulation
  readonly #history: History
  readonly #source: ServerProcess
  readonly #target: ServerProcess
  readonly #partitions: number
  readonly #clients: RunningClients
  readonly #commitIntervalMs: number

  constructor(simulation: Simulation, history: History) {
    this.#simulation = simulation
    this.#history = history
    const random = simulation.random.fork('settings')
    this.#partitions = 1 + random.below(2)
    this.#commitIntervalMs = random.pick([20, 200, 1_000])
    this.#clients = new RunningClients({ simulation, history, partitions: this.#partitions })
    this.#source = this.#server('source', SERVER_PORT)
    this.#target = this.#server('target', TARGET_PORT)
  }

  async run(): Promise<void> {
    const { clock, random } = this.#simulation
    this.#source.start()
    this.#target.start()
    await this.#withClient('source', (client) =>
      createTopics(
        client,
        TOPICS.map((name) => ({ name, partitions: this.#partitions })),
        { ifNotExists: true },
      ),
    )
    const programs: [string, ClientProgram][] = [
      ['producer', numberProducer()],
      ['ledger', ledgerProducer()],
      ['keeping', this.#mirror({ name: 'keeping' })],
      ['translating', this.#mirror({ name: 'translating', prefix: PREFIX, offsets: 'translated' })],
    ]
    for (const [name, program] of programs) this.#clients.start(name, program)
    const untilMs = clock.nowMs() + 3_000 + random.below(7_000)
    const killClient = (): void => this.#clients.killOne()
    const base = { simulation: this.#simulation, history: this.#history, killClient }
    await letThingsGoWrong({ ...base, server: random.pick([this.#source, this.#target]) }, untilMs)
    await letThingsGoWrong({ ...base, server: this.#target }, untilMs + 3_000)
    await this.#clients.comeToRest(() => this.#check())
    await this.#copyTheRest()
    for (const server of [this.#source, this.#target]) server.stop('power', 100)
    await this.#compare()
  }

  #server(name: string, port: number): ServerProcess {
    const random = this.#simulation.random.fork(`${name} settings`)
    const config = {
      'log.segment.bytes': random.pick([3_000, 20_000, 1_000_000]),
      'transaction.state.log.num.partitions': 2,
    }
    const listen = { host: '127.0.0.1', port }
    return new ServerProcess({
      simulation: this.#simulation,
      history: this.#history,
      name,
      program: (world, report) => startBroker({ world, dataPath: '/log', listen, config, report }),
    })
  }

  #options(world: World, more: Partial<MirrorOptions>): MirrorOptions {
    return {
      from: SOURCE,
      to: TARGET,
      topics: [...TOPICS],
      commitIntervalMs: this.#commitIntervalMs,
      refreshIntervalMs: 700,
      world,
      report: (level, event, fields) => this.#history.note(`${level} ${event} ${JSON.stringify(fields)}`),
      ...more,
    }
  }

  #mirror(more: Partial<MirrorOptions>): ClientProgram {
    return async ({ world, stopping }) => {
      const mirror = await startMirror(this.#options(world, more))
      while (!stopping()) await Promise.race([sleep(world.clock, 200), mirror.ended])
      await mirror.stop()
    }
  }

  #check(): void {
    this.#source.check()
    this.#target.check()
  }

  async #copyTheRest(): Promise<void> {
    const { world } = this.#simulation.machine('last mirrors')
    for (const more of [{ name: 'keeping' }, { name: 'translating', prefix: PREFIX }]) {
      const mirror = await startMirror(this.#options(world, { ...more, once: true }))
      const late = sleep(this.#simulation.clock, REST_WITHIN_MS).then(() => {
        this.#check()
        throw new BrokenPromise(`${more.name} is not done ${REST_WITHIN_MS} ms after the last fault`)
      })
      late.catch(() => undefined)
      await Promise.race([mirror.ended, late])
    }
  }

  async #compare(): Promise<void> {
    await this.#withClient('source', (source) =>
      this.#withClient('target', async (target) => {
        let records = 0
        for (const topic of TOPICS) {
          for (let partition = 0; partition < this.#partitions; partition++) {
            const there = await readAll(source, { topic, partition }, 'read_committed')
            const kept = await readAll(target, { topic, partition }, 'read_committed')
            const name = PREFIX + topic
            const translated = await readAll(target, { topic: name, partition }, 'read_committed')
            const place = placeOf(topic, partition)
            sameList(
              `${place}, kept`,
              kept.map(({ offset, value }) => `${offset} ${value}`),
              there.map(({ offset, value }) => `${offset} ${value}`),
            )
            sameList(
              `${place}, translated`,
              translated.map(({ value }) => value),
              there.map(({ value }) => value),
            )
            records += there.length
          }
        }
        this.#history.note(`${records} records copied twice`)
      }),
    )
  }

  async #withClient(which: 'source' | 'target', work: (client: LogClient) => Promise<void>): Promise<void> {
    const server = which === 'source' ? this.#source : this.#target
    const bootstrap = which === 'source' ? SOURCE : TARGET
    const machine = `observer of ${which}`
    await observe({ simulation: this.#simulation, server, machine, bootstrap }, work)
  }
}

/** The first difference breaks the promise. */
function sameList(what: string, copied: readonly string[], source: readonly string[]): void {
  const length = Math.max(copied.length, source.length)
  for (let index = 0; index < length; index++) {
    if (copied[index] === source[index]) continue
    throw new BrokenPromise(
      `${what}: record ${index} of ${copied.length} is ${copied[index] ?? 'missing'}, at the source ${source[index] ?? 'there is none'}`,
    )
  }
}
