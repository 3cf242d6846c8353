/** Reads topics from the beginning as they grow, `read_committed`, and checks what every reader relies on. */
import { connectClient } from '../src/log/client/client.ts'
import { decodeRecords, Fetcher } from '../src/log/client/fetcher.ts'
import type { LogClient } from '../src/log/client/log-client.ts'
import { nodeWorld } from '../src/world/node.ts'
import { BrokenPromise, placeOf } from '../simulation/history.ts'
import type { StoredRecord } from '../simulation/history.ts'

export class TopicFollower {
  readonly content = new Map<string, StoredRecord[]>()
  readonly #client: LogClient
  readonly #fetcher: Fetcher
  readonly #waiting = new Set<() => void>()
  #reading: Promise<void> = Promise.resolve()
  #error: Error | undefined
  /** Records read so far. */
  count = 0

  /** The topics must exist. */
  static async start(bootstrap: string, topics: readonly string[]): Promise<TopicFollower> {
    const client = await connectClient({ world: nodeWorld(), bootstrap, clientId: 'follower' })
    const follower = new TopicFollower(client)
    for (const topic of topics) {
      for (const { partition } of (await client.topic(topic)).partitions) {
        follower.content.set(placeOf(topic, partition), [])
        follower.#fetcher.assign([{ topic, partition, offset: 0 }])
      }
    }
    follower.#reading = follower.#read()
    return follower
  }

  private constructor(client: LogClient) {
    this.#client = client
    this.#fetcher = new Fetcher(client, { maxWaitMs: 100 })
  }

  /** Resolves once `condition` holds, which is asked after each batch; rejects when reading fails. */
  async until(condition: () => boolean): Promise<void> {
    for (;;) {
      if (this.#error !== undefined) throw this.#error
      if (condition()) return
      await new Promise<void>((resolve) => this.#waiting.add(resolve))
    }
  }

  async close(): Promise<void> {
    this.#fetcher.close()
    await this.#reading
    await this.#client.close()
  }

  async #read(): Promise<void> {
    try {
      for (;;) {
        const fetched = await this.#fetcher.poll()
        if (fetched === undefined) return
        const place = placeOf(fetched.topic, fetched.partition)
        const records = this.content.get(place) ?? []
        const { offsets, values } = decodeRecords(fetched)
        for (const [index, offset] of offsets.entries()) {
          const last = records.at(-1)?.offset ?? -1
          if (offset <= last) throw new BrokenPromise(`${place}: offset ${offset} came after ${last}`)
          records.push({ offset, value: values[index]?.toString() ?? '' })
          this.count++
        }
        this.#tell()
      }
    } catch (error) {
      this.#error = error instanceof Error ? error : new Error(String(error))
      this.#tell()
    }
  }

  #tell(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const resolve of waiting) resolve()
  }
}
