/**
 * Reads partitions: one long-polling fetch per leader is under way all the time, for every partition of that leader
 * that has room, so that the next records come while the last ones are being worked on.
 *
 * Bounds: a partition is asked for while less than `partitionMaxBytes` of it wait for the reader, and all together
 * while less than `maxBufferedBytes` do; what is under way may come on top.
 *
 * A failure of one partition delays that partition only; one that will not pass is thrown by the next `poll`.
 */
import { MillraceError } from '../../base/millrace-error.ts'
import { fetchApi, type FetchRequestInput, type FetchResponse } from '../protocol/apis/fetch.ts'
import { ErrorCode, isRetriable } from '../protocol/error-code.ts'
import { ZERO_UUID } from '../protocol/field.ts'
import { listOffsets } from './admin.ts'
import { backoffMs } from './backoff.ts'
import { FetchedPartition, type FetchedPart } from './fetched-partition.ts'
import type { FetchedRecords } from './fetched-records.ts'
import { isWorthRetrying, KafkaError, type Needs } from './kafka-error.ts'
import type { LogClient } from './log-client.ts'

export {
  decodeRecords,
  type FetchedRecords,
  forEachFetchedRecord,
  type RecordColumns,
} from './fetched-records.ts'

export interface FetcherOptions {
  /** Default `read_committed`. */
  readonly isolation?: 'read_committed' | 'read_uncommitted'
  /** How long the broker may wait for `minBytes`, ms; default 500. */
  readonly maxWaitMs?: number
  /** Default 1. */
  readonly minBytes?: number
  /** Default 1 MiB; a larger single batch still comes. */
  readonly partitionMaxBytes?: number
  /** Of one answer; default 16 MiB. */
  readonly maxBytes?: number
  /** Default 64 MiB. */
  readonly maxBufferedBytes?: number
  /** What to do where the offset does not exist (any more); default `fail` with `MR_OFFSET_OUT_OF_RANGE`. */
  readonly outOfRange?: 'fail' | 'earliest' | 'latest'
  /** How long a partition may fail in a way that could pass, ms; default: the client's request timeout. */
  readonly failAfterMs?: number
}

export interface FetchPosition {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

/** The last Fetch version that names topics by name. */
const FETCH_BY_NAME = 12
const WAIT_WHILE_OTHERS_ARE_FULL_MS = 25

let nextFetcher = 0

export class Fetcher {
  readonly #client: LogClient
  readonly #options: Required<FetcherOptions>
  readonly #channel = `fetch-${nextFetcher++}`
  readonly #partitions = new Map<string, FetchedPartition>()
  /** In the order in which `poll` serves them. */
  #order: FetchedPartition[] = []
  readonly #askedNodes = new Set<number>()
  #bufferedBytes = 0
  #waiter: (() => void) | undefined
  #failure: Error | undefined
  #refreshing = false
  #wakeUpAtMs = Infinity
  #closed = false

  constructor(client: LogClient, options: FetcherOptions = {}) {
    this.#client = client
    this.#options = {
      isolation: options.isolation ?? 'read_committed',
      maxWaitMs: options.maxWaitMs ?? 500,
      minBytes: options.minBytes ?? 1,
      partitionMaxBytes: options.partitionMaxBytes ?? 1024 * 1024,
      maxBytes: options.maxBytes ?? 16 * 1024 * 1024,
      maxBufferedBytes: options.maxBufferedBytes ?? 64 * 1024 * 1024,
      outOfRange: options.outOfRange ?? 'fail',
      failAfterMs: options.failAfterMs ?? client.requestTimeoutMs,
    }
  }

  /** Reads these too, or, if they are being read, from here on. */
  assign(positions: readonly FetchPosition[]): void {
    for (const position of positions) {
      this.#remove(position)
      const partition = new FetchedPartition(position)
      this.#partitions.set(keyOf(position), partition)
      this.#order.push(partition)
    }
    this.#fetch()
  }

  /** Stops reading these. */
  unassign(partitions: readonly Omit<FetchPosition, 'offset'>[]): void {
    for (const partition of partitions) this.#remove(partition)
  }

  /**
   * The next records of some partition, taking turns; undefined once the fetcher is closed. Call it again when it has
   * resolved. Throws a `KafkaError` or `MillraceError` with topic, partition and offset when one cannot be read on.
   */
  async poll(): Promise<FetchedRecords | undefined> {
    for (;;) {
      if (this.#closed) return undefined
      if (this.#failure !== undefined) {
        const failure = this.#failure
        this.#failure = undefined
        throw failure
      }
      const records = this.#next()
      if (records !== undefined) {
        this.#fetch()
        return records
      }
      await new Promise<void>((resolve) => {
        this.#waiter = resolve
      })
    }
  }

  /** Whether all that there was to read of the partition has been fetched and taken. */
  isCaughtUp(topic: string, partition: number): boolean {
    const found = this.#partitions.get(keyOf({ topic, partition }))
    return found !== undefined && found.caughtUp && found.ready.length === 0
  }

  close(): void {
    this.#closed = true
    this.#partitions.clear()
    this.#order = []
    this.#client.closeChannel(this.#channel)
    this.#wake()
  }

  #remove(position: Omit<FetchPosition, 'offset'>): void {
    const partition = this.#partitions.get(keyOf(position))
    if (partition === undefined) return
    this.#partitions.delete(keyOf(position))
    this.#order = this.#order.filter((one) => one !== partition)
    this.#bufferedBytes -= partition.bufferedBytes
  }

  #next(): FetchedRecords | undefined {
    for (let index = 0; index < this.#order.length; index++) {
      const partition = this.#order[index]!
      const records = partition.take()
      if (records === undefined) continue
      this.#bufferedBytes -= records.sizeBytes
      this.#order.splice(index, 1)
      this.#order.push(partition)
      return records
    }
    return undefined
  }

  #wake(): void {
    const waiter = this.#waiter
    this.#waiter = undefined
    waiter?.()
  }

  /** Asks every leader that is not being asked, for what has room. */
  #fetch(): void {
    if (this.#closed || this.#bufferedBytes >= this.#options.maxBufferedBytes) return
    const nowMs = this.#client.world.clock.monotonicMs()
    const wanted = new Map<number, FetchedPartition[]>()
    for (const partition of this.#order) {
      if (partition.askedNode !== undefined || partition.bufferedBytes >= this.#options.partitionMaxBytes)
        continue
      if (partition.notBeforeMs > nowMs) {
        this.#fetchAt(partition.notBeforeMs)
        continue
      }
      const leader = this.#client.knownTopic(partition.topic)?.partitions[partition.partition]?.leader ?? -1
      if (leader < 0)
        this.#later(partition, new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, failing(partition)))
      else if (!this.#askedNodes.has(leader)) {
        const group = wanted.get(leader)
        if (group === undefined) wanted.set(leader, [partition])
        else group.push(partition)
      }
    }
    for (const [leader, partitions] of wanted) void this.#ask(leader, partitions)
  }

  #fetchAt(atMs: number): void {
    if (atMs >= this.#wakeUpAtMs) return
    this.#wakeUpAtMs = atMs
    const { clock } = this.#client.world
    clock.schedule(Math.max(1, atMs - clock.monotonicMs()), () => {
      if (this.#wakeUpAtMs === atMs) this.#wakeUpAtMs = Infinity
      this.#fetch()
    })
  }

  async #ask(node: number, partitions: readonly FetchedPartition[]): Promise<void> {
    this.#askedNodes.add(node)
    for (const partition of partitions) partition.askedNode = node
    const ids = new Map(
      partitions.map(({ topic }) => [this.#client.knownTopic(topic)?.id ?? ZERO_UUID, topic]),
    )
    const maxWaitMs = this.#waitMs(node, partitions)
    try {
      const answer = await this.#client.request(fetchApi, this.#requestOf(partitions, maxWaitMs), {
        node,
        channel: this.#channel,
        timeoutMs: maxWaitMs + this.#client.requestTimeoutMs,
        ...(ids.has(ZERO_UUID) ? { maxVersion: FETCH_BY_NAME } : {}),
      })
      this.#onAnswer(partitions, answer, ids)
    } catch (error) {
      for (const partition of partitions) this.#later(partition, error as Error)
    }
    for (const partition of partitions) partition.askedNode = undefined
    this.#askedNodes.delete(node)
    this.#fetch()
  }

  /** A broker must not wait long for some partitions while others of it, full for now, could soon be asked for. */
  #waitMs(node: number, asked: readonly FetchedPartition[]): number {
    const led = this.#order.filter(
      ({ topic, partition }) => this.#client.knownTopic(topic)?.partitions[partition]?.leader === node,
    )
    const { maxWaitMs } = this.#options
    return led.length > asked.length ? Math.min(maxWaitMs, WAIT_WHILE_OTHERS_ARE_FULL_MS) : maxWaitMs
  }

  #requestOf(partitions: readonly FetchedPartition[], maxWaitMs: number): FetchRequestInput {
    const { isolation, minBytes, maxBytes, partitionMaxBytes } = this.#options
    return {
      maxWaitMs,
      minBytes,
      maxBytes,
      isolationLevel: isolation === 'read_committed' ? 1 : 0,
      topics: [...Map.groupBy(partitions, (one) => one.topic)].map(([topic, group]) => ({
        topic,
        topicId: this.#client.knownTopic(topic)?.id ?? ZERO_UUID,
        partitions: group.map((one) => ({
          partition: one.partition,
          fetchOffset: one.fetchOffset,
          partitionMaxBytes,
        })),
      })),
    }
  }

  #onAnswer(
    partitions: readonly FetchedPartition[],
    answer: FetchResponse,
    ids: ReadonlyMap<string, string>,
  ): void {
    if (answer.errorCode !== ErrorCode.NONE) {
      for (const partition of partitions)
        this.#later(partition, new KafkaError(answer.errorCode, failing(partition)))
      return
    }
    for (const { topic, topicId, partitions: parts } of answer.responses) {
      const name = topic === '' ? ids.get(topicId) : topic
      for (const part of parts) {
        const partition = partitions.find(
          (one) => one.topic === name && one.partition === part.partitionIndex,
        )
        // It may have been unassigned, or assigned elsewhere, while the broker waited.
        if (partition !== undefined && this.#partitions.get(keyOf(partition)) === partition)
          this.#onPart(partition, part)
      }
    }
  }

  #onPart(partition: FetchedPartition, part: FetchedPart): void {
    if (part.errorCode === ErrorCode.OFFSET_OUT_OF_RANGE && this.#options.outOfRange !== 'fail') {
      return this.#reset(partition, this.#options.outOfRange)
    }
    if (part.errorCode !== ErrorCode.NONE) {
      return this.#later(partition, new KafkaError(part.errorCode, failing(partition)))
    }
    try {
      const before = partition.bufferedBytes
      const wasCaughtUp = partition.caughtUp
      partition.accept(part, this.#options.isolation)
      partition.failures = 0
      partition.failingSinceMs = undefined
      this.#bufferedBytes += partition.bufferedBytes - before
      if (partition.bufferedBytes > before || partition.caughtUp !== wasCaughtUp) this.#wake()
    } catch (error) {
      this.#fail(partition, error as Error)
    }
  }

  /** Goes on from an end of the partition, because the offset asked for is not there. */
  #reset(partition: FetchedPartition, at: 'earliest' | 'latest'): void {
    partition.notBeforeMs = Infinity
    const { topic, partition: number } = partition
    const { isolation } = this.#options
    listOffsets(this.#client, [{ topic, partition: number, at }], { isolation }).then(
      ([found]) => {
        partition.fetchOffset = found!.offset
        partition.notBeforeMs = 0
        this.#fetch()
      },
      (error: unknown) => {
        partition.notBeforeMs = 0
        this.#later(partition, error as Error)
      },
    )
  }

  /** Asks again after a pause, looking for the leader meanwhile; fails when that cannot help or went on for too long. */
  #later(partition: FetchedPartition, error: Error): void {
    if (this.#closed) return
    const { clock } = this.#client.world
    const nowMs = clock.monotonicMs()
    partition.failingSinceMs ??= nowMs
    const passing = isWorthRetrying(error) && nowMs - partition.failingSinceMs < this.#options.failAfterMs
    if (!passing) return this.#fail(partition, error)
    partition.notBeforeMs = nowMs + backoffMs(this.#client.world.random, partition.failures++)
    this.#fetchAt(partition.notBeforeMs)
    if (!(error instanceof KafkaError) || isRetriable(error.errorCode)) this.#refresh()
  }

  #fail(partition: FetchedPartition, error: Error): void {
    this.#remove(partition)
    this.#failure ??= error
    this.#wake()
  }

  #refresh(): void {
    if (this.#refreshing) return
    this.#refreshing = true
    this.#client
      .metadata([...new Set(this.#order.map((one) => one.topic))])
      .catch((error: unknown) => {
        if (error instanceof MillraceError && error.code === 'MR_CLIENT_CLOSED') this.close()
      })
      .finally(() => {
        this.#refreshing = false
        this.#fetch()
      })
  }
}

function failing(partition: FetchedPartition): {
  doing: string
  topic: string
  partition: number
  offset: number
  needs: Needs
} {
  const { topic, partition: number, fetchOffset } = partition
  const needs = { topic: `Read on the topic ${topic}` }
  return { doing: 'reading records', topic, partition: number, offset: fetchOffset, needs }
}

function keyOf({ topic, partition }: Omit<FetchPosition, 'offset'>): string {
  return `${topic}/${partition}`
}
