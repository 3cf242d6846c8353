/** What a test of a framework does on the target itself: topics made, records fed, and results read as they come. */
import { setTimeout as sleep } from 'node:timers/promises'
import { createTopics } from '../../src/log/client/admin.ts'
import { connectClient } from '../../src/log/client/client.ts'
import { describeConfigs } from '../../src/log/client/config-admin.ts'
import { decodeRecords, Fetcher } from '../../src/log/client/fetcher.ts'
import type { LogClient } from '../../src/log/client/log-client.ts'
import { createProducer } from '../../src/log/client/producer.ts'
import { nodeWorld } from '../../src/world/node.ts'

export interface ReadRecord {
  readonly partition: number
  readonly offset: number
  readonly key: string
  readonly value: string
}

/** Longer than anything takes here, on a machine that is busy with something else. */
const PATIENCE_MS = 180_000

export function connectTo(address: string): Promise<LogClient> {
  return connectClient({ world: nodeWorld(), bootstrap: address, requestTimeoutMs: PATIENCE_MS })
}

/** Makes topics of so many partitions each. */
export async function makeTopics(
  client: LogClient,
  partitionsByName: Readonly<Record<string, number>>,
): Promise<void> {
  const topics = Object.entries(partitionsByName).map(([name, partitions]) => ({ name, partitions }))
  await createTopics(client, topics)
  for (const { name } of topics) await client.topic(name)
}

/** One setting of a topic, whether it was set or is the default. */
export async function topicSetting(
  client: LogClient,
  topic: string,
  setting: string,
): Promise<string | undefined> {
  const [configs = []] = await describeConfigs(client, [{ type: 'topic', name: topic }])
  return configs.find(({ name }) => name === setting)?.value ?? undefined
}

export interface FedRecord {
  readonly key?: string
  readonly value: string
  /** Default: by key, or any. */
  readonly partition?: number
  /** Default: now. */
  readonly timestampMs?: number
}

/** Sends records and waits until they are stored. */
export async function send(client: LogClient, topic: string, records: readonly FedRecord[]): Promise<void> {
  await feed(client, topic, records, { pauseMs: 0 })
}

/** Sends records bit by bit, so that whatever is killed is killed in the middle of them. */
export function feed(
  client: LogClient,
  topic: string,
  records: readonly FedRecord[],
  options: { readonly pauseMs?: number } = {},
): Promise<void> {
  const fed = feedAll(client, topic, records, options)
  fed.catch(() => undefined) // A test that fails before it waits for this has its own reason to tell.
  return fed
}

async function feedAll(
  client: LogClient,
  topic: string,
  records: readonly FedRecord[],
  options: { readonly pauseMs?: number },
): Promise<void> {
  const producer = await createProducer(client, { compression: 'lz4', deliveryTimeoutMs: PATIENCE_MS })
  const CHUNK = 100
  for (let start = 0; start < records.length; start += CHUNK) {
    for (const { key, value, ...rest } of records.slice(start, start + CHUNK)) {
      const bytes = { key: key === undefined ? null : Buffer.from(key), value: Buffer.from(value) }
      producer.send({ topic, ...bytes, ...rest })
    }
    await producer.flush()
    await sleep(options.pauseMs ?? 50)
  }
  await producer.close()
}

/** Follows a topic from its beginning, `read_committed`, over restarts of the target. */
export class TopicReader implements AsyncDisposable {
  readonly records: ReadRecord[] = []
  readonly #topic: string
  readonly #fetcher: Fetcher
  readonly #reading: Promise<void>
  #error: Error | undefined

  static async start(client: LogClient, topic: string): Promise<TopicReader> {
    const { partitions } = await client.topic(topic)
    const fetcher = new Fetcher(client, { maxWaitMs: 100, failAfterMs: PATIENCE_MS })
    fetcher.assign(partitions.map(({ partition }) => ({ topic, partition, offset: 0 })))
    return new TopicReader(topic, fetcher)
  }

  private constructor(topic: string, fetcher: Fetcher) {
    this.#topic = topic
    this.#fetcher = fetcher
    this.#reading = this.#read()
  }

  /**
   * Resolves once so many records have been read, or the condition holds.
   * @param options.while is asked meanwhile and throws when there is no use in waiting on.
   */
  async until(what: number | (() => boolean), options: { while?(): void } = {}): Promise<void> {
    const deadlineMs = performance.now() + PATIENCE_MS
    const holds = typeof what === 'number' ? () => this.records.length >= what : what
    while (!holds()) {
      if (this.#error !== undefined) throw this.#error
      options.while?.()
      if (performance.now() > deadlineMs) {
        const wanted = typeof what === 'number' ? `${what} were` : 'more was'
        throw new Error(`${this.#topic} has ${this.records.length} records, and ${wanted} waited for`)
      }
      await sleep(10)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#fetcher.close()
    await this.#reading
  }

  async #read(): Promise<void> {
    try {
      for (;;) {
        const fetched = await this.#fetcher.poll()
        if (fetched === undefined) return
        const { partition } = fetched
        const { offsets, keys, values } = decodeRecords(fetched)
        for (const [index, offset] of offsets.entries()) {
          const key = keys[index]?.toString() ?? ''
          this.records.push({ partition, offset, key, value: values[index]?.toString() ?? '' })
        }
      }
    } catch (error) {
      this.#error = error instanceof Error ? error : new Error(String(error))
    }
  }
}
