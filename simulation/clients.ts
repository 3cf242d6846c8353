/** The clients of a scenario. Each loops until it is told to stop, notes what it was told, and may die at any moment. */
import { messageOf, MillraceError } from '../src/base/millrace-error.ts'
import { connectClient } from '../src/log/client/client.ts'
import { decodeRecords, Fetcher } from '../src/log/client/fetcher.ts'
import type { FetchedRecords } from '../src/log/client/fetcher.ts'
import { offsetFetch } from '../src/log/client/group-admin.ts'
import type { LogClient } from '../src/log/client/log-client.ts'
import { createProducer } from '../src/log/client/producer.ts'
import { createTransactionalProducer } from '../src/log/client/transaction.ts'
import type { TransactionalProducer } from '../src/log/client/transaction.ts'
import type { SeededRandom } from '../src/world/simulated/seeded-random.ts'
import type { World } from '../src/world/world.ts'
import { sleep } from '../src/world/world.ts'
import { placeOf } from './history.ts'
import type { History, StoredRecord, TransactionHistory } from './history.ts'

export interface ClientSetting {
  readonly name: string
  readonly world: World
  /** `host:port` of the log. */
  readonly bootstrap: string
  readonly random: SeededRandom
  readonly history: History
  readonly partitions: number
  /** True when no more work is to be begun. */
  readonly stopping: () => boolean
}

/** A client program: resolves after it was asked to stop. */
export type ClientProgram = (setting: ClientSetting) => Promise<void>

const REQUEST_TIMEOUT_MS = 3_000

/** Connects, tries until it works, and runs `session` again and again until it ends without an error. */
export async function persist(
  setting: ClientSetting,
  session: (client: LogClient) => Promise<void>,
): Promise<void> {
  const { world, name, bootstrap, history } = setting
  for (;;) {
    let client: LogClient | undefined
    try {
      client = await connectClient({
        world,
        bootstrap,
        clientId: name,
        requestTimeoutMs: REQUEST_TIMEOUT_MS,
      })
      await session(client)
      return
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error
      history.trouble(`${name}: ${messageOf(error)}`)
    } finally {
      await client?.close()
    }
    await sleep(world.clock, 50 + setting.random.below(400))
  }
}

/** Writes numbered records, idempotently. */
export function numberProducer(): ClientProgram {
  let session = 0
  return (setting) =>
    persist(setting, async (client) => {
      const { random, history, partitions, world, stopping } = setting
      // Requests of the session before may still be under way and arrive after this one's.
      const name = `${setting.name}/${session++}`
      let number = 0
      await client.topic('numbers')
      const producer = await createProducer(client, {
        lingerMs: random.pick([0, 5, 50]),
        batchSizeBytes: random.pick([200, 1_000, 16_384]),
        compression: random.pick(['none', 'none', 'gzip']),
      })
      try {
        while (!stopping()) {
          // Some batches are larger than a sector of the device, which may keep a part of them.
          for (let count = 1 + random.below(random.pick([8, 8, 8, 80])); count > 0; count--) {
            const value = `${name}.${number++}`
            const partition = random.below(partitions)
            producer.send(
              { topic: 'numbers', partition, key: null, value: Buffer.from(value) },
              (error, place) => {
                if (error === undefined) {
                  const at = { place: placeOf('numbers', place.partition), offset: place.offset }
                  history.acknowledged.set(value, at)
                }
              },
            )
          }
          await producer.blocked()
          if (random.chance(0.3)) await producer.flush()
          await sleep(world.clock, random.below(120))
        }
        await producer.flush()
      } finally {
        await producer.close({ discard: true })
      }
    })
}

/** Writes transactions to all partitions of `ledger`; commits most, aborts some. */
export function ledgerProducer(): ClientProgram {
  let number = 0
  return (setting) => {
    const { name, random, history, partitions, world, stopping } = setting
    return persist(setting, async (client) => {
      await client.topic('ledger')
      const producer = await createTransactionalProducer(client, {
        transactionalId: name,
        transactionTimeoutMs: 10_000,
        lingerMs: random.pick([0, 5]),
      })
      while (!stopping()) {
        const transaction: TransactionHistory = { name: `${name}/${number}`, values: [], outcome: 'open' }
        history.transactions.push(transaction)
        transaction.outcome = 'unknown'
        const outcome = await inTransaction(producer, async () => {
          for (let count = 1 + random.below(12); count > 0; count--) {
            const value = `${name}.${number++}`
            transaction.values.push(value)
            producer.send({
              topic: 'ledger',
              partition: random.below(partitions),
              key: null,
              value: Buffer.from(value),
            })
            if (random.chance(0.2)) await sleep(world.clock, random.below(30))
          }
          return random.chance(0.8) ? 'commit' : 'abort'
        })
        transaction.outcome = outcome === 'commit' ? 'committed' : 'aborted'
        await sleep(world.clock, random.below(200))
      }
    })
  }
}

/** Copies one partition of `numbers` to `answers`, exactly once: its output and its offset are one transaction. */
export function copier(partition: number): ClientProgram {
  const groupId = copierGroup(partition)
  return (setting) => {
    const { name, random, history, world, stopping } = setting
    return persist(setting, async (client) => {
      await client.topic('answers')
      const transactional = { transactionalId: name, transactionTimeoutMs: 10_000, lingerMs: 0 }
      const producer = await createTransactionalProducer(client, transactional)
      const committed = await offsetFetch(client, groupId, { stable: true })
      const fetcher = new Fetcher(client, { maxWaitMs: 200, partitionMaxBytes: random.pick([500, 5_000]) })
      const position = { next: committed[0]?.offset ?? 0 }
      fetcher.assign([{ topic: 'numbers', partition, offset: position.next }])
      try {
        while (!stopping()) {
          const fetched = await pollUntil(fetcher, world, 500)
          if (fetched === undefined) continue
          const records = recordsOf(fetched)
          history.saw(placeOf('numbers', partition), records, position)
          const outcome = await inTransaction(producer, async () => {
            for (const { value } of records) {
              producer.send({
                topic: 'answers',
                partition,
                key: null,
                value: Buffer.from(`answer to ${value}`),
              })
            }
            await producer.sendOffsets({
              groupId,
              offsets: [{ topic: 'numbers', partition, offset: fetched.nextOffset }],
            })
            return random.chance(0.9) ? 'commit' : 'abort'
          })
          // What was taken back has to be read again.
          if (outcome === 'abort') {
            position.next = fetched.offset
            fetcher.assign([{ topic: 'numbers', partition, offset: fetched.offset }])
          }
        }
      } finally {
        fetcher.close()
      }
    })
  }
}

export const copierGroup = (partition: number): string => `copier-${partition}`

/** Follows all partitions of all topics from the beginning, as `read_committed`. */
export function reader(topics: readonly string[]): ClientProgram {
  return (setting) =>
    persist(setting, async (client) => {
      const { history, partitions, world, stopping } = setting
      for (const topic of topics) await client.topic(topic)
      const fetcher = new Fetcher(client, { maxWaitMs: 100 })
      const positions = new Map<string, { next: number }>()
      for (const topic of topics) {
        for (let partition = 0; partition < partitions; partition++) {
          positions.set(placeOf(topic, partition), { next: 0 })
          fetcher.assign([{ topic, partition, offset: 0 }])
        }
      }
      try {
        while (!stopping()) {
          const fetched = await pollUntil(fetcher, world, 500)
          if (fetched === undefined) continue
          const place = placeOf(fetched.topic, fetched.partition)
          history.saw(place, recordsOf(fetched), positions.get(place)!)
          history.sawBatches(place, fetched.batches)
        }
      } finally {
        fetcher.close()
      }
    })
}

async function inTransaction(
  producer: TransactionalProducer,
  body: () => Promise<'commit' | 'abort'>,
): Promise<'commit' | 'abort'> {
  producer.begin()
  let outcome: 'commit' | 'abort'
  try {
    outcome = await body()
    if (outcome === 'commit') await producer.commit()
  } catch (error) {
    producer.close()
    throw error
  }
  if (outcome === 'abort') await producer.abort()
  return outcome
}

/** Polls that nobody has taken the result of yet. */
const polls = new WeakMap<Fetcher, Promise<FetchedRecords | undefined>>()

/** As `poll`, but gives up after a while, so that a client which shall stop does; the next call gets what comes later. */
export async function pollUntil(
  fetcher: Fetcher,
  world: World,
  timeoutMs: number,
): Promise<FetchedRecords | undefined> {
  const polled = polls.get(fetcher) ?? fetcher.poll()
  polls.set(fetcher, polled)
  const late = Promise.withResolvers<'late'>()
  const timer = world.clock.schedule(timeoutMs, () => late.resolve('late'))
  let outcome: FetchedRecords | undefined | 'late' = undefined
  try {
    outcome = await Promise.race([polled, late.promise])
  } finally {
    timer.cancel()
    if (outcome !== 'late') polls.delete(fetcher)
  }
  return outcome === 'late' ? undefined : outcome
}

export function recordsOf(fetched: FetchedRecords): StoredRecord[] {
  const { offsets, values } = decodeRecords(fetched)
  return offsets.map((offset, i) => ({ offset, value: values[i]?.toString() ?? 'null' }))
}
