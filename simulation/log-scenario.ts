/**
 * One seeded run of the log: clients of every kind work against a broker while machines, disk and network fail, then
 * everything comes to rest, the power goes once more under writers, and what the log holds is compared with what it
 * promised.
 */
import { createTopics } from '../src/log/client/admin.ts'
import { offsetFetch } from '../src/log/client/group-admin.ts'
import type { LogClient } from '../src/log/client/log-client.ts'
import type { Simulation } from '../src/world/simulated/simulation.ts'
import { sleep } from '../src/world/world.ts'
import { checkPromises } from './checks.ts'
import { copier, copierGroup, ledgerProducer, numberProducer, reader } from './clients.ts'
import type { ClientProgram } from './clients.ts'
import { consumerMember } from './consumer-member.ts'
import { cutFirstStartsShort, letThingsGoWrong } from './faults.ts'
import { groupMember } from './group-member.ts'
import { BrokenPromise, placeOf } from './history.ts'
import type { History, StoredRecord } from './history.ts'
import { readAll } from './read-all.ts'
import { observe } from './observe.ts'
import { RunningClients } from './running-clients.ts'
import { runScenario } from './scenario.ts'
import type { ScenarioResult } from './scenario.ts'
import { LOG_PATH, logProgram, ServerProcess } from './server-process.ts'
import { checkStoredFiles } from './stored-files.ts'

const TOPICS = ['numbers', 'ledger', 'answers'] as const

export function runLogScenario(seed: number): Promise<ScenarioResult> {
  return runScenario(seed, (simulation, history) => new Scenario(simulation, history).run())
}

class Scenario {
  readonly #simulation: Simulation
  readonly #history: History
  readonly #server: ServerProcess
  readonly #partitions: number
  readonly #clients: RunningClients

  constructor(simulation: Simulation, history: History) {
    this.#simulation = simulation
    this.#history = history
    const random = simulation.random.fork('settings')
    this.#partitions = 1 + random.below(3)
    this.#clients = new RunningClients({ simulation, history, partitions: this.#partitions })
    this.#server = new ServerProcess({
      simulation,
      history,
      name: 'server',
      program: logProgram({
        'log.segment.bytes': random.pick([3_000, 20_000, 1_000_000]),
        'log.flush.offset.checkpoint.interval.ms': random.pick([100, 1_000, 10_000]),
        'log.index.interval.bytes': random.pick([0, 300, 4_096]),
        'offsets.topic.num.partitions': 2,
        'transaction.state.log.num.partitions': 2,
        'group.initial.rebalance.delay.ms': random.pick([0, 500]),
        'group.consumer.session.timeout.ms': 6_000,
        'group.consumer.heartbeat.interval.ms': 500,
        'coordinator.snapshot.min.records': random.pick([20, 10_000]),
      }),
    })
  }

  async run(): Promise<void> {
    const { clock, random } = this.#simulation
    // On a slow device much is written and not yet synced at any moment.
    if (random.chance(0.3)) this.#server.machine.disk.conditions.syncDelayMs = [5, 60]
    this.#server.start()
    await cutFirstStartsShort({ simulation: this.#simulation, server: this.#server, history: this.#history })
    await observe({ simulation: this.#simulation, server: this.#server }, (client) =>
      createTopics(
        client,
        TOPICS.map((name) => ({ name, partitions: this.#partitions })),
        { ifNotExists: true },
      ),
    )
    this.#startClients()
    const untilMs = clock.nowMs() + 3_000 + random.below(7_000)
    const faults = { simulation: this.#simulation, server: this.#server, history: this.#history }
    await letThingsGoWrong({ ...faults, killClient: () => this.#clients.killOne() }, untilMs)
    await this.#clients.comeToRest(() => this.#server.check())
    await this.#cutOffWriters()
    await this.#check()
    await this.#checkFiles()
  }

  #startClients(): void {
    const random = this.#simulation.random.fork('members')
    const member = (): ClientProgram => (random.chance(0.5) ? consumerMember : groupMember)
    const programs: [string, ClientProgram][] = [
      ['producer-1', numberProducer()],
      ['producer-2', numberProducer()],
      ['ledger-1', ledgerProducer()],
      ['ledger-2', ledgerProducer()],
      ['copier', copier(0)],
      ['member-1', member()],
      ['member-2', member()],
      ['reader', reader(TOPICS)],
    ]
    for (const [name, program] of programs) this.#clients.start(name, program)
  }

  /** The power goes in the middle of writes, and nobody writes afterwards: what was torn is there to be seen. */
  async #cutOffWriters(): Promise<void> {
    const { clock, random } = this.#simulation
    for (const name of ['late-1', 'late-2', 'late-3']) this.#clients.start(name, numberProducer())
    await sleep(clock, random.below(400))
    this.#clients.killAll()
    this.#server.stop('power', 100)
  }

  async #check(): Promise<void> {
    await observe({ simulation: this.#simulation, server: this.#server }, async (client) => {
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

  /** What readers of committed records were given is on the disk as they got it, to the byte. */
  async #checkFiles(): Promise<void> {
    await this.#server.close()
    const { disk } = this.#server.machine.world
    const stored = checkStoredFiles(disk, LOG_PATH, { mayHaveGaps: () => false })
    for (const [place, batches] of this.#history.seenBatches) {
      for (const [offset, batch] of batches) {
        if (stored.get(place)?.get(offset)?.equals(batch) !== true)
          throw new BrokenPromise(
            `${place}@${offset}: the batch that a reader got is not what is on the disk`,
          )
      }
    }
  }

  async #offsetsOf(client: LogClient, groupId: string): Promise<Map<string, number>> {
    const offsets = await offsetFetch(client, groupId, { stable: true })
    return new Map(offsets.map(({ topic, partition, offset }) => [placeOf(topic, partition), offset]))
  }
}
