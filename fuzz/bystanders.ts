/**
 * Clients that do honest work on the log while it is attacked: those of the simulation, on a real network. In the end
 * what the log holds is compared with what it told them.
 */
import { createTopics, deleteTopics, listOffsets } from '../src/log/client/admin.ts'
import { connectClient } from '../src/log/client/client.ts'
import { offsetFetch } from '../src/log/client/group-admin.ts'
import type { LogClient } from '../src/log/client/log-client.ts'
import { nodeWorld } from '../src/world/node.ts'
import { SeededRandom } from '../src/world/simulated/seeded-random.ts'
import { checkPromises } from '../simulation/checks.ts'
import {
  copier,
  copierGroup,
  ledgerProducer,
  numberProducer,
  reader,
  type ClientProgram,
} from '../simulation/clients.ts'
import { groupMember } from '../simulation/group-member.ts'
import { History, placeOf, type StoredRecord } from '../simulation/history.ts'
import { readAll } from '../simulation/read-all.ts'

const TOPICS = ['numbers', 'ledger', 'answers'] as const
const PARTITIONS = 2
/** Whatever the attackers may set for the whole broker, these topics keep their records. */
const CONFIG = {
  'retention.ms': '-1',
  'retention.bytes': '-1',
  'cleanup.policy': 'delete',
  'max.message.bytes': '1000000',
}
const PROGRAMS: readonly (readonly [string, () => ClientProgram])[] = [
  ['producer-1', numberProducer],
  ['producer-2', numberProducer],
  ['ledger-1', ledgerProducer],
  ['copier', () => copier(0)],
  ['member-1', () => groupMember],
  ['reader', () => reader(TOPICS)],
]

export class Bystanders {
  readonly #bootstrap: string
  readonly #client: LogClient
  readonly #history: History
  readonly #work: Promise<void>[] = []
  #stopping = false

  static async start(options: { readonly bootstrap: string; readonly seed: number }): Promise<Bystanders> {
    const client = await connectClient({
      world: nodeWorld(),
      bootstrap: options.bootstrap,
      clientId: 'observer',
    })
    await createTopics(
      client,
      TOPICS.map((name) => ({ name, partitions: PARTITIONS, config: CONFIG })),
    )
    return new Bystanders(client, options)
  }

  private constructor(client: LogClient, options: { readonly bootstrap: string; readonly seed: number }) {
    this.#client = client
    this.#bootstrap = options.bootstrap
    const beganMs = performance.now()
    this.#history = new History(() => performance.now() - beganMs)
    for (const [name, program] of PROGRAMS)
      this.#begin(name, program(), new SeededRandom(`${options.seed}/${name}`))
  }

  /** Records that were acknowledged so far. */
  get acknowledged(): number {
    return this.#history.acknowledged.size
  }

  /** How long the log takes to answer the smallest of questions, ms. */
  async pingMs(): Promise<number> {
    const beganMs = performance.now()
    await listOffsets(this.#client, [{ topic: 'numbers', partition: 0, at: 'latest' }])
    return performance.now() - beganMs
  }

  /** Deletes what attackers made, so that what is left is what leaked. */
  async deleteOtherTopics(): Promise<void> {
    const { topics } = await this.#client.metadata()
    const strange = [...topics.values()].filter(
      ({ name, internal }) => !internal && !(TOPICS as readonly string[]).includes(name),
    )
    if (strange.length > 0)
      await deleteTopics(
        this.#client,
        strange.map(({ name }) => name),
      )
  }

  /** Lets them finish, and throws `BrokenPromise` when the log does not hold what it acknowledged. */
  async finish(): Promise<{
    readonly acknowledged: number
    readonly transactions: number
    readonly troubles: readonly string[]
  }> {
    this.#stopping = true
    await Promise.all(this.#work)
    const readUncommitted = new Map<string, StoredRecord[]>()
    const readCommitted = new Map<string, StoredRecord[]>()
    for (const topic of TOPICS) {
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const at = { topic, partition }
        readUncommitted.set(placeOf(topic, partition), await readAll(this.#client, at, 'read_uncommitted'))
        readCommitted.set(placeOf(topic, partition), await readAll(this.#client, at, 'read_committed'))
      }
    }
    const committedOffsets = await this.#offsetsOf('workers')
    const copiedTo = await this.#offsetsOf(copierGroup(0))
    checkPromises(this.#history, { readUncommitted, readCommitted, committedOffsets, copiedTo })
    const transactions = this.#history.transactions.filter(({ outcome }) => outcome === 'committed').length
    const result = { acknowledged: this.acknowledged, transactions, troubles: this.#history.troubles }
    await this.close()
    return result
  }

  async close(): Promise<void> {
    this.#stopping = true
    await this.#client.close()
  }

  #begin(name: string, program: ClientProgram, random: SeededRandom): void {
    const work = program({
      name,
      world: nodeWorld(),
      bootstrap: this.#bootstrap,
      random,
      history: this.#history,
      partitions: PARTITIONS,
      stopping: () => this.#stopping,
    })
    work.catch(() => undefined)
    this.#work.push(work)
  }

  async #offsetsOf(groupId: string): Promise<Map<string, number>> {
    const offsets = await offsetFetch(this.#client, groupId, { stable: true })
    return new Map(offsets.map(({ topic, partition, offset }) => [placeOf(topic, partition), offset]))
  }
}
