/**
 * One seeded run of the log's upkeep: compaction, retention, DeleteRecords, segments that roll, topics that are deleted
 * and made again, while machines, disk and clock fail. In the end what is left is compared with what was promised.
 */
import { messageOf, MillraceError } from '../src/base/millrace-error.ts'
import { createTopics, listOffsets } from '../src/log/client/admin.ts'
import { decodeRecords, Fetcher } from '../src/log/client/fetcher.ts'
import type { LogClient } from '../src/log/client/log-client.ts'
import type { Simulation } from '../src/world/simulated/simulation.ts'
import { sleep } from '../src/world/world.ts'
import { cutFirstStartsShort, letThingsGoWrong } from './faults.ts'
import { BrokenPromise, placeOf, type History } from './history.ts'
import { observe } from './observe.ts'
import { RunningClients } from './running-clients.ts'
import { runScenario, type ScenarioResult } from './scenario.ts'
import { LOG_PATH, logProgram, ServerProcess } from './server-process.ts'
import { checkSettings, SETTLED_TOPIC, settingsClient, type SettingsHistory } from './settings-client.ts'
import { checkStoredFiles } from './stored-files.ts'
import { checkUpkeep, type KeptPartition, type KeptRecord } from './upkeep-checks.ts'
import { fleetingTopic, keyedProducer, placedProducer, trimmer, UpkeepHistory } from './upkeep-clients.ts'

const TOPICS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  latest: { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0.01', 'delete.retention.ms': '1000' },
  trimmed: {},
  short: { 'retention.bytes': '3000' },
  [SETTLED_TOPIC]: {},
}

export function runUpkeepScenario(seed: number): Promise<ScenarioResult> {
  return runScenario(seed, (simulation, history) => new Scenario(simulation, history).run())
}

class Scenario {
  readonly #simulation: Simulation
  readonly #history: History
  readonly #upkeep = new UpkeepHistory()
  readonly #settings: SettingsHistory = new Map()
  readonly #server: ServerProcess
  readonly #partitions: number
  readonly #clients: RunningClients

  constructor(simulation: Simulation, history: History) {
    this.#simulation = simulation
    this.#history = history
    const random = simulation.random.fork('settings')
    this.#partitions = 1 + random.below(2)
    this.#clients = new RunningClients({ simulation, history, partitions: this.#partitions })
    this.#server = new ServerProcess({
      simulation,
      history,
      name: 'server',
      program: logProgram({
        'auto.create.topics.enable': false,
        'log.segment.bytes': random.pick([600, 2_000, 8_000]),
        'log.flush.offset.checkpoint.interval.ms': random.pick([100, 1_000, 10_000]),
        'log.index.interval.bytes': random.pick([0, 300]),
        'log.cleaner.backoff.ms': random.pick([50, 400]),
        'log.retention.check.interval.ms': random.pick([100, 600]),
        'log.segment.delete.delay.ms': random.pick([0, 500]),
      }),
    })
  }

  async run(): Promise<void> {
    const { clock, random } = this.#simulation
    // On a slow device much is written and not yet synced at any moment.
    this.#server.machine.disk.conditions.syncDelayMs = random.pick([
      [0.1, 2],
      [5, 100],
    ])
    this.#server.start()
    await cutFirstStartsShort({ simulation: this.#simulation, server: this.#server, history: this.#history })
    await observe({ simulation: this.#simulation, server: this.#server }, (client) =>
      createTopics(
        client,
        Object.entries(TOPICS).map(([name, config]) => ({ name, partitions: this.#partitions, config })),
        { ifNotExists: true },
      ),
    )
    this.#clients.start('keyed-1', keyedProducer(this.#upkeep))
    this.#clients.start('keyed-2', keyedProducer(this.#upkeep))
    this.#clients.start('trimmed-1', placedProducer(this.#upkeep, 'trimmed'))
    this.#clients.start('short-1', placedProducer(this.#upkeep, 'short'))
    this.#clients.start('trimmer', trimmer(this.#upkeep))
    this.#clients.start('fleeting-1', fleetingTopic(this.#upkeep))
    this.#clients.start('settings', settingsClient(this.#settings))
    const untilMs = clock.nowMs() + 2_000 + random.below(5_000)
    const faults = { simulation: this.#simulation, server: this.#server, history: this.#history }
    await letThingsGoWrong({ ...faults, killClient: () => this.#clients.killOne() }, untilMs)
    // In the middle of writes, whatever faults the seed drew: what is torn then has to be found by its checksum.
    for (let cuts = random.below(6); cuts > 0; cuts--) {
      await sleep(clock, random.below(400))
      await this.#server.up()
      this.#server.stop('power', 20)
    }
    await this.#clients.comeToRest(() => this.#server.check())
    this.#server.stop('power', 100)
    await observe({ simulation: this.#simulation, server: this.#server }, (client) => this.#check(client))
    this.#server.check()
    await this.#server.close()
    const { disk } = this.#server.machine.world
    checkStoredFiles(disk, LOG_PATH, { mayHaveGaps: (place) => place.startsWith('latest-') })
  }

  async #check(client: LogClient): Promise<void> {
    await checkSettings(client, this.#settings)
    const partitions = new Map<string, KeptPartition>()
    for (const topic of Object.keys(TOPICS)) {
      for (let partition = 0; partition < this.#partitions; partition++)
        partitions.set(placeOf(topic, partition), await readKept(client, { topic, partition }))
    }
    const isThere = (await client.metadata()).topics.has('fleeting')
    const fleeting = isThere ? await readKept(client, { topic: 'fleeting', partition: 0 }) : undefined
    checkUpkeep(this.#upkeep, { partitions, fleeting })
    const kept = [...partitions.values()].reduce((sum, { records }) => sum + records.length, 0)
    this.#history.note(`${kept} records kept, ${this.#upkeep.fleeting.incarnation} incarnations`)
  }
}

/** Everything of a partition, as a read_uncommitted reader gets it; each batch's checksum is verified by the fetcher. */
async function readKept(
  client: LogClient,
  at: { readonly topic: string; readonly partition: number },
): Promise<KeptPartition> {
  const [earliest, latest] = await listOffsets(client, [
    { ...at, at: 'earliest' as const },
    { ...at, at: 'latest' as const },
  ])
  const fetcher = new Fetcher(client, { isolation: 'read_uncommitted', maxWaitMs: 50 })
  const records: KeptRecord[] = []
  const late = client.world.clock.schedule(60_000, () => fetcher.close())
  let next = earliest!.offset
  fetcher.assign([{ ...at, offset: next }])
  try {
    while (next < latest!.offset) {
      const fetched = await fetcher.poll()
      if (fetched === undefined)
        throw new BrokenPromise(`${placeOf(at.topic, at.partition)} ends at ${next} of ${latest!.offset}`)
      const { offsets, keys, values } = decodeRecords(fetched)
      for (const [index, offset] of offsets.entries())
        records.push({
          offset,
          key: keys[index]?.toString() ?? null,
          value: values[index]?.toString() ?? null,
        })
      next = fetched.nextOffset
    }
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'MR_OFFSET_OUT_OF_RANGE')
      return await readKept(client, at)
    if (error instanceof MillraceError) throw new BrokenPromise(messageOf(error), { cause: error })
    throw error
  } finally {
    late.cancel()
    fetcher.close()
  }
  return { logStartOffset: earliest!.offset, records }
}
