/**
 * One seeded run of the whole: producers, the log, and the counting job that reads from it and writes to it exactly
 * once, in one process or in two, while machines, disks, clocks and the network fail. Then everything comes to rest, the
 * job ends in order, the power goes once more, and what is left is compared with the model.
 */
import { MillraceError } from '../src/base/millrace-error.ts'
import type { BrokerOptions } from '../src/log/broker/broker.ts'
import { startLog } from '../src/log/broker/start-log.ts'
import { createTopics } from '../src/log/client/admin.ts'
import type { LogClient } from '../src/log/client/client.ts'
import { createProducer } from '../src/log/client/producer.ts'
import { runJob } from '../src/stream/runtime/run-job.ts'
import type { SeededRandom } from '../src/world/simulated/seeded-random.ts'
import type { Simulation } from '../src/world/simulated/simulation.ts'
import { sleep } from '../src/world/world.ts'
import { checkAnswers } from '../survival/check-answers.ts'
import { PARTITIONS, TOPICS } from '../survival/counting-job.ts'
import { whatWasSeenStays } from './checks.ts'
import { numberProducer, reader } from './clients.ts'
import { cutFirstStartsShort, letThingsGoWrong } from './faults.ts'
import { BrokenPromise, placeOf } from './history.ts'
import type { History, StoredRecord } from './history.ts'
import { observe } from './observe.ts'
import { readAll } from './read-all.ts'
import { REST_WITHIN_MS, RunningClients } from './running-clients.ts'
import { runScenario } from './scenario.ts'
import type { ScenarioResult } from './scenario.ts'
import { logProgram, SERVER_PORT, ServerProcess } from './server-process.ts'
import type { StartProgram } from './server-process.ts'

const JOB = new URL('../survival/counting-job.ts', import.meta.url)
const BOOTSTRAP = `127.0.0.1:${SERVER_PORT}`
/** Errors of whom the log, or the way to it, is at fault; a job that cannot be started for them is started again. */
const UNREACHABLE: ReadonlySet<string> = new Set([
  'MR_CONNECT_FAILED',
  'MR_CONNECTION_LOST',
  'MR_NOT_KAFKA',
  'MR_REQUEST_TIMEOUT',
])

export function runJobScenario(seed: number): Promise<ScenarioResult> {
  return runScenario(seed, (simulation, history) => new JobScenario(simulation, history).run())
}

class JobScenario {
  readonly #simulation: Simulation
  readonly #history: History
  readonly #log: ServerProcess
  /** The same process as the log, or one on another machine. */
  readonly #job: ServerProcess
  readonly #logOnly: StartProgram
  readonly #clients: RunningClients

  constructor(simulation: Simulation, history: History) {
    this.#simulation = simulation
    this.#history = history
    this.#clients = new RunningClients({ simulation, history, partitions: PARTITIONS })
    const random = simulation.random.fork('settings')
    const config = {
      'log.segment.bytes': random.pick([3_000, 20_000, 1_000_000]),
      'offsets.topic.num.partitions': 2,
      'transaction.state.log.num.partitions': 2,
    }
    const job = jobProgram(random)
    const excused = ({ code }: MillraceError): boolean => UNREACHABLE.has(code)
    this.#logOnly = logProgram(config)
    if (random.chance(0.5)) {
      this.#log = new ServerProcess({
        simulation,
        history,
        name: 'server',
        excused,
        program: both(config, job),
      })
      this.#job = this.#log
    } else {
      this.#log = new ServerProcess({ simulation, history, name: 'server', program: this.#logOnly })
      this.#job = new ServerProcess({ simulation, history, name: 'worker', excused, program: job })
    }
  }

  async run(): Promise<void> {
    const { clock, random } = this.#simulation
    const servers = [...new Set([this.#log, this.#job])]
    for (const server of servers) server.start()
    await Promise.all(
      servers.map((server) =>
        cutFirstStartsShort({ simulation: this.#simulation, server, history: this.#history }),
      ),
    )
    await this.#withClient((client) =>
      createTopics(
        client,
        TOPICS.map((name) => ({ name, partitions: PARTITIONS })),
        { ifNotExists: true },
      ),
    )
    this.#clients.start('producer-1', numberProducer())
    this.#clients.start('producer-2', numberProducer())
    this.#clients.start('reader', reader(TOPICS))
    const untilMs = clock.nowMs() + 2_000 + random.below(6_000)
    const shared = {
      simulation: this.#simulation,
      history: this.#history,
      killClient: () => this.#clients.killOne(),
    }
    await Promise.all(servers.map((server) => letThingsGoWrong({ ...shared, server }, untilMs)))
    const acknowledged = await this.#comeToRest(servers)
    await this.#checkWhatIsLeft(acknowledged)
  }

  /** Every event that was acknowledged is answered, by itself; then the job ends in order. */
  async #comeToRest(servers: readonly ServerProcess[]): Promise<ReadonlySet<string>> {
    const { clock } = this.#simulation
    const check = (): void => {
      for (const server of servers) server.check()
    }
    const followed = new Set<string>()
    let missing: string | undefined = 'nothing was read'
    const producers = this.#clients.comeToRest(check, ['reader'])
    await producers
    const ends = await this.#endWindows()
    for (const event of [...this.#history.acknowledged.keys(), ...ends]) followed.add(event)
    const deadlineMs = clock.monotonicMs() + REST_WITHIN_MS
    for (;;) {
      check()
      missing = checkAnswers(this.#seen(), followed)
      if (missing === undefined) break
      if (clock.monotonicMs() > deadlineMs) {
        throw new BrokenPromise(`${missing} ${REST_WITHIN_MS} ms after the last fault`)
      }
      await sleep(clock, 500)
    }
    await this.#clients.comeToRest(check)
    this.#log.program = this.#logOnly
    this.#history.note('the job ends')
    return followed
  }

  async #checkWhatIsLeft(acknowledged: ReadonlySet<string>): Promise<void> {
    if (this.#job !== this.#log) await this.#job.close()
    await this.#log.close()
    this.#log.stop('power', 100)
    await this.#withClient(async (client) => {
      const readCommitted = new Map<string, StoredRecord[]>()
      for (const topic of TOPICS) {
        for (let partition = 0; partition < PARTITIONS; partition++) {
          const records = await readAll(client, { topic, partition }, 'read_committed')
          readCommitted.set(placeOf(topic, partition), records)
        }
      }
      whatWasSeenStays(this.#history, { readCommitted })
      const missing = checkAnswers(readCommitted, acknowledged)
      if (missing !== undefined) throw new BrokenPromise(missing)
      const stored = [...readCommitted.values()].reduce((sum, records) => sum + records.length, 0)
      this.#history.note(`${stored} records stored, ${acknowledged.size} events acknowledged`)
    })
  }

  /** What the reader has seen so far, in the order of offsets. */
  #seen(): Map<string, StoredRecord[]> {
    return new Map(
      [...this.#history.seen].map(([place, values]) => [
        place,
        [...values].map(([offset, value]) => ({ offset, value })).sort((a, b) => a.offset - b.offset),
      ]),
    )
  }

  /** An event of the far future in each partition: every window of the others ends. */
  async #endWindows(): Promise<string[]> {
    let ends: string[] = []
    let attempt = 0
    await this.#withClient(async (client) => {
      ends = Array.from({ length: PARTITIONS }, (_, partition) => `end/${attempt}.${partition}`)
      attempt++
      const producer = await createProducer(client)
      for (const [partition, value] of ends.entries()) {
        producer.send({ topic: 'numbers', partition, key: null, value })
      }
      await producer.close()
    })
    return ends
  }

  /** A client of the scenario itself, which tries again while it cannot reach the log. */
  async #withClient(work: (client: LogClient) => Promise<void>): Promise<void> {
    for (;;) {
      try {
        return await observe({ simulation: this.#simulation, server: this.#log }, work)
      } catch (error) {
        if (!(error instanceof MillraceError) || !UNREACHABLE.has(error.code)) throw error
        this.#history.note(`observer: ${error.message}`)
      }
      await sleep(this.#simulation.clock, 100)
    }
  }
}

/** The job alone, on a log that is elsewhere. */
function jobProgram(random: SeededRandom): StartProgram {
  const checkpoint = { path: '/checkpoints', intervalMs: random.pick([20, 100, 500]) }
  const parallelisms = random.pick([[1], [2], [1, 2, 3]])
  return async (world, report) => {
    const parallelism = random.pick(parallelisms)
    const run = await runJob(JOB, { world, report, log: BOOTSTRAP, parallelism, checkpoint })
    return { close: () => run.stop(), ended: run.ended }
  }
}

/** Log and job in one process, as `millrace run` has them. */
function both(config: NonNullable<BrokerOptions['config']>, job: StartProgram): StartProgram {
  return async (world, report) => {
    const listen = { host: '127.0.0.1', port: SERVER_PORT }
    const log = await startLog({ world, dataPath: '/log', listen, config, report })
    const { close, ended } = await job(world, report)
    return {
      close: async () => {
        await close()
        await log.close()
      },
      ended: Promise.race([
        ended,
        log.ended.then((error) => Promise.reject(error ?? new Error('the log ended'))),
      ]),
    }
  }
}
