/**
 * One seeded run of the log: clients of every kind work against a broker while machines, disk and network fail, then
 * everything comes to rest, the power goes once more, and what the log holds is compared with what it promised.
 */
import { createTopics, listOffsets } from '../src/log/client/admin.ts'
import { connectClient } from '../src/log/client/client.ts'
import { Fetcher } from '../src/log/client/fetcher.ts'
import { offsetFetch } from '../src/log/client/group-admin.ts'
import type { LogClient } from '../src/log/client/log-client.ts'
import { Simulation } from '../src/world/simulated/simulation.ts'
import type { SimulatedMachine } from '../src/world/simulated/simulation.ts'
import { sleep } from '../src/world/world.ts'
import { checkPromises } from './checks.ts'
import { copier, copierGroup, ledgerProducer, numberProducer, reader, recordsOf } from './clients.ts'
import type { ClientProgram } from './clients.ts'
import { letThingsGoWrong } from './faults.ts'
import { groupMember } from './group-member.ts'
import { BrokenPromise, History, placeOf } from './history.ts'
import type { StoredRecord } from './history.ts'
import { LogServer, SERVER_PORT } from './log-server.ts'

const TOPICS = ['numbers', 'ledger', 'answers'] as const
/** Everything must have come to rest this long after the last fault. */
const REST_WITHIN_MS = 300_000

export interface ScenarioResult {
  readonly seed: number
  readonly error: Error | undefined
  readonly history: History
}

export async function runLogScenario(seed: number): Promise<ScenarioResult> {
  const simulation = new Simulation({ seed })
  const startMs = simulation.clock.nowMs()
  const history = new History(() => simulation.clock.nowMs() - startMs)
  let stray: unknown
  const onStray = (error: unknown): void => {
    stray ??= error
  }
  process.on('unhandledRejection', onStray)
  try {
    await simulation.run(() => new Scenario(simulation, history).run())
    if (stray !== undefined)
      throw new BrokenPromise('a promise was rejected and nobody knew', { cause: stray })
    return { seed, error: undefined, history }
  } catch (error) {
    return { seed, error: error instanceof Error ? error : new Error(String(error)), history }
  } finally {
    process.off('unhandledRejection', onStray)
  }
}

interface RunningClient {
  readonly machine: SimulatedMachine
  readonly program: ClientProgram
  readonly ended: PromiseWithResolvers<void>
}

class Scenario {
  readonly #simulation: Simulation
  readonly #history: History
  readonly #server: LogServer
  readonly #partitions: number
  readonly #clients: RunningClient[] = []
  #stopping = false

  constructor(simulation: Simulation, history: History) {
    this.#simulation = simulation
    this.#history = history
    const random = simulation.random.fork('settings')
    this.#partitions = 1 + random.below(3)
    this.#server = new LogServer({
      simulation,
      history,
      config: {
        'log.segment.bytes': random.pick([3_000, 20_000, 1_000_000]),
        'log.index.interval.bytes': random.pick([0, 300, 4_096]),
        'offsets.topic.num.partitions': 2,
        'transaction.state.log.num.partitions': 2,
        'group.initial.rebalance.delay.ms': random.pick([0, 500]),
      },
    })
  }

  async run(): Promise<void> {
    const { clock, random } = this.#simulation
    this.#server.start()
    await this.#withClient((client) =>
      createTopics(
        client,
        TOPICS.map((name) => ({ name, partitions: this.#partitions })),
        { ifNotExists: true },
      ),
    )
    this.#startClients()
    const untilMs = clock.nowMs() + 3_000 + random.below(7_000)
    const faults = { simulation: this.#simulation, server: this.#server, history: this.#history }
    await letThingsGoWrong({ ...faults, killClient: () => this.#killClient() }, untilMs)
    await this.#comeToRest()
    this.#server.stop('power', 100)
    await this.#check()
  }

  #startClients(): void {
    const programs: [string, ClientProgram][] = [
      ['producer-1', numberProducer()],
      ['producer-2', numberProducer()],
      ['ledger-1', ledgerProducer()],
      ['ledger-2', ledgerProducer()],
      ['copier', copier(0)],
      ['member-1', groupMember],
      ['member-2', groupMember],
      ['reader', reader(TOPICS)],
    ]
    for (const [name, program] of programs) {
      const machine = this.#simulation.machine(name)
      const client: RunningClient = { machine, program, ended: Promise.withResolvers() }
      this.#clients.push(client)
      this.#startClient(client)
    }
  }

  #startClient({ machine, program, ended }: RunningClient): void {
    program({
      name: machine.name,
      world: machine.world,
      random: this.#simulation.random.fork(machine.name),
      history: this.#history,
      partitions: this.#partitions,
      stopping: () => this.#stopping,
    }).then(ended.resolve, ended.reject)
    ended.promise.catch(() => undefined)
  }

  #killClient(): void {
    const client = this.#simulation.random.pick(this.#clients)
    this.#history.note(`${client.machine.name}: dies`)
    client.machine.kill()
    this.#startClient(client)
  }

  async #comeToRest(): Promise<void> {
    const { clock } = this.#simulation
    this.#history.note('rest')
    this.#stopping = true
    const ended = Promise.all(this.#clients.map((client) => client.ended.promise))
    const late = sleep(clock, REST_WITHIN_MS).then(() => {
      this.#server.check()
      throw new BrokenPromise(`clients still wait ${REST_WITHIN_MS} ms after the last fault`)
    })
    late.catch(() => undefined)
    await Promise.race([ended, late])
    this.#server.check()
  }

  async #check(): Promise<void> {
    await this.#withClient(async (client) => {
      const state = {
        readUncommitted: new Map<string, StoredRecord[]>(),
        readCommitted: new Map<string, StoredRecord[]>(),
        committedOffsets: await this.#offsetsOf(client, 'workers'),
        copiedTo: await this.#offsetsOf(client, copierGroup(0)),
      }
      for (const topic of TOPICS) {
        for (let partition = 0; partition < this.#partitions; partition++) {
          const at = { topic, partition }
          const place = placeOf(topic, partition)
          state.readUncommitted.set(place, await readAll(client, at, 'read_uncommitted'))
          state.readCommitted.set(place, await readAll(client, at, 'read_committed'))
        }
      }
      checkPromises(this.#history, state)
      const stored = [...state.readCommitted.values()].reduce((sum, records) => sum + records.length, 0)
      this.#history.note(`${stored} records stored, ${this.#history.acknowledged.size} numbers acknowledged`)
    })
  }

  async #offsetsOf(client: LogClient, groupId: string): Promise<Map<string, number>> {
    const offsets = await offsetFetch(client, groupId, { stable: true })
    return new Map(offsets.map(({ topic, partition, offset }) => [placeOf(topic, partition), offset]))
  }

  /** A client of the scenario itself, which no fault but the network's hits. */
  async #withClient(work: (client: LogClient) => Promise<void>): Promise<void> {
    const { world } = this.#simulation.machine('observer')
    await this.#server.up()
    const client = await connectClient({ world, bootstrap: `127.0.0.1:${SERVER_PORT}`, clientId: 'observer' })
    try {
      await work(client)
    } finally {
      await client.close()
    }
  }
}

/** Everything from the earliest to the latest offset. A transaction that nobody ended would keep the latter back. */
async function readAll(
  client: LogClient,
  at: { readonly topic: string; readonly partition: number },
  isolation: 'read_committed' | 'read_uncommitted',
): Promise<StoredRecord[]> {
  const queries = [
    { ...at, at: 'earliest' as const },
    { ...at, at: 'latest' as const },
  ]
  const [earliest, latest] = await listOffsets(client, queries, { isolation: 'read_uncommitted' })
  const fetcher = new Fetcher(client, { isolation, maxWaitMs: 50 })
  const records: StoredRecord[] = []
  const deadlineMs = client.world.clock.monotonicMs() + 60_000
  let next = earliest!.offset
  fetcher.assign([{ ...at, offset: next }])
  const late = client.world.clock.schedule(60_000, () => fetcher.close())
  try {
    while (next < latest!.offset) {
      const fetched = await fetcher.poll()
      if (fetched === undefined || client.world.clock.monotonicMs() > deadlineMs) {
        throw new BrokenPromise(
          `${placeOf(at.topic, at.partition)}: ${isolation} ends at ${next} of ${latest!.offset}`,
        )
      }
      records.push(...recordsOf(fetched))
      next = fetched.nextOffset
    }
  } finally {
    late.cancel()
    fetcher.close()
  }
  return records
}
