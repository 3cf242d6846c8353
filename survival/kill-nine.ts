/**
 * The whole product in one process (`millrace run`: log and job), killed with SIGKILL again and again while clients in
 * this process write to it. A moment is drawn for each kill: while the process starts, some time after it is ready, or
 * when the clients have got so and so far.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { BrokenPromise } from '../simulation/history.ts'
import { freePort } from '../conformance/tools/free-port.ts'
import { createTopics } from '../src/log/client/admin.ts'
import { connectClient, type LogClient } from '../src/log/client/client.ts'
import { createProducer } from '../src/log/client/producer.ts'
import { SeededRandom } from '../src/world/simulated/seeded-random.ts'
import { nodeWorld } from '../src/world/node.ts'
import { checkAnswers } from './check-answers.ts'
import { PARTITIONS, TOPICS } from './counting-job.ts'
import { EventProducer } from './event-producer.ts'
import { KafkajsEvents } from './kafkajs-events.ts'
import { MillraceProcess } from './millrace-process.ts'
import { TopicFollower } from './topic-follower.ts'

/** The longest pause of a healthy run is the backoff of a restarting job. */
const STANDSTILL_MS = 45_000
const JOB = join(import.meta.dirname, 'counting-job.ts')

export interface SurvivalOptions {
  readonly seed: number
  readonly kills: number
  /** Subtasks of the job at each start. */
  readonly parallelism: (random: SeededRandom) => number
  readonly say: (text: string) => void
}

/** How many events were acknowledged: to our own producer, and to a foreign one. */
interface Acknowledged {
  readonly ours: number
  readonly theirs: number
}

export async function surviveKills(options: SurvivalOptions): Promise<Acknowledged> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-survival-'))
  try {
    await using survival = new Survival(options, { folder, port: await freePort() })
    return await survival.run()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

class Survival implements AsyncDisposable {
  readonly #options: SurvivalOptions
  readonly #random: SeededRandom
  readonly #folder: string
  readonly #address: string
  readonly #closing = new AsyncDisposableStack()
  #process: MillraceProcess | undefined
  /** How long the first start took, which is where starts are interrupted. */
  #startMs = 0

  constructor(options: SurvivalOptions, place: { readonly folder: string; readonly port: number }) {
    this.#options = options
    this.#random = new SeededRandom(options.seed)
    this.#folder = place.folder
    this.#address = `127.0.0.1:${place.port}`
    this.#closing.defer(() => this.#process?.[Symbol.asyncDispose]())
  }

  async run(): Promise<Acknowledged> {
    const { kills, say } = this.#options
    await this.#prepare()
    const client = await this.#client()
    const { ours, theirs, follower } = await this.#startClients(client)
    const moments = new Map<string, number>()
    for (let kill = 1; kill <= kills; kill++) {
      const moment = await this.#waitForMoment(ours, follower)
      moments.set(moment, (moments.get(moment) ?? 0) + 1)
      await this.#running.kill()
      if (this.#random.chance(0.2)) ours.giveUp()
      this.#run()
    }
    await this.#running.ready
    await Promise.all([ours.stop(), theirs.stop()])
    const acknowledged = new Set([...ours.acknowledged, ...theirs.acknowledged])
    assert.deepEqual(ours.failures, [], 'an idempotent producer rides out every crash')
    for (const event of await this.#endWindows(client)) acknowledged.add(event)
    await this.#answered(follower, acknowledged)
    await this.#running.stop()
    const kinds = [...moments].map(([moment, count]) => `${count} ${moment}`).join(', ')
    const events = { ours: ours.acknowledged.size, theirs: theirs.acknowledged.size }
    say(`${kills} kills (${kinds}); ${events.ours} + ${events.theirs} events acknowledged`)
    await this.#checkWhatIsLeft(acknowledged)
    return events
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#closing.disposeAsync()
  }

  /** A first start that ends in order: it makes the topics, and leaves compiled code for the others to start with. */
  async #prepare(): Promise<void> {
    this.#run()
    await this.#running.ready
    const client = await this.#client()
    await createTopics(
      client,
      TOPICS.map((name) => ({ name, partitions: PARTITIONS })),
      { ifNotExists: true },
    )
    await this.#running.stop()
    const beganMs = performance.now()
    this.#run()
    await this.#running.ready
    this.#startMs = performance.now() - beganMs
  }

  async #startClients(
    client: LogClient,
  ): Promise<{ ours: EventProducer; theirs: KafkajsEvents; follower: TopicFollower }> {
    const follower = await TopicFollower.start(this.#address, TOPICS)
    this.#closing.defer(() => follower.close())
    const random = this.#random.fork('producer')
    const ours = new EventProducer(client, { name: 'ours', partitions: PARTITIONS, random })
    const theirs = new KafkajsEvents(this.#address)
    ours.start()
    theirs.start()
    return { ours, theirs, follower }
  }

  async #waitForMoment(producer: EventProducer, follower: TopicFollower): Promise<string> {
    const random = this.#random
    const moment = random.pick(['while starting', 'after a time', 'after acknowledgements', 'after answers'])
    if (moment === 'while starting') {
      await sleep(random.below(this.#startMs * 1.1))
      return moment
    }
    await this.#running.ready
    if (moment === 'after a time') await sleep(random.below(400))
    else {
      const count = moment === 'after answers' ? () => follower.count : () => producer.acknowledged.size
      const target = count() + 1 + random.below(300)
      while (count() < target) {
        if (this.#running.hasEnded) throw new Error(`millrace ended by itself:\n${this.#running.said}`)
        await sleep(1)
      }
    }
    return moment
  }

  /** An event of the far future in each partition: every window of the others ends. */
  async #endWindows(client: LogClient): Promise<string[]> {
    const producer = await createProducer(client)
    const ends = Array.from({ length: PARTITIONS }, (_, partition) => `end/${partition}.0`)
    for (const [partition, value] of ends.entries()) {
      producer.send({ topic: 'numbers', partition, key: null, value })
    }
    await producer.close()
    return ends
  }

  async #answered(follower: TopicFollower, acknowledged: ReadonlySet<string>): Promise<void> {
    const watching = new AbortController()
    try {
      await Promise.race([
        follower.until(() => checkAnswers(follower.content, acknowledged) === undefined),
        this.#standsStill(follower, watching.signal).then(() => {
          if (watching.signal.aborted) return
          throw new BrokenPromise(
            `${checkAnswers(follower.content, acknowledged)}; millrace said:\n${this.#running.said}`,
          )
        }),
      ])
    } finally {
      watching.abort()
    }
  }

  /** Resolves when nothing has come for a long time: a test that waits for ever tells nobody why. */
  async #standsStill(follower: TopicFollower, signal: AbortSignal): Promise<void> {
    for (let count = -1; count !== follower.count;) {
      count = follower.count
      await sleep(STANDSTILL_MS, undefined, { signal }).catch(() => undefined)
      if (signal.aborted) return
    }
  }

  /** Everything once more, from the beginning, as a new reader finds it on the log alone. */
  async #checkWhatIsLeft(acknowledged: ReadonlySet<string>): Promise<void> {
    this.#process = new MillraceProcess(['start', ...this.#where()])
    await this.#running.ready
    const follower = await TopicFollower.start(this.#address, TOPICS)
    try {
      await this.#answered(follower, acknowledged)
    } finally {
      await follower.close()
    }
    await this.#running.stop()
  }

  get #running(): MillraceProcess {
    assert.ok(this.#process !== undefined)
    return this.#process
  }

  #run(): void {
    const parallelism = this.#options.parallelism(this.#random)
    const settings = ['--parallelism', String(parallelism), '--checkpoint-interval', '50']
    this.#process = new MillraceProcess(['run', JOB, ...settings, ...this.#where()], {
      NODE_COMPILE_CACHE: join(this.#folder, 'compiled'),
    })
  }

  #where(): string[] {
    return ['--listen', this.#address, '--no-http', '--data', join(this.#folder, 'data')]
  }

  async #client(): Promise<LogClient> {
    const client = await connectClient({ world: nodeWorld(), bootstrap: this.#address, clientId: 'survival' })
    this.#closing.defer(() => client.close())
    return client
  }
}
