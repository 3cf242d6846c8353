/**
 * Chooses a partition for each record: the one it names, the one of its key, or, without a key, one that stays the same
 * until its batch is closed (so that batches fill) and is then drawn anew. Records of a topic whose partitions are not
 * known yet wait for the answer, in order.
 */
import { MillraceError } from '../../base/millrace-error.ts'
import type { RecordInput } from '../protocol/record-batch.ts'
import type { BatchSender } from './batch-sender.ts'
import type { LogClient } from './log-client.ts'
import { partitionOfKey } from './partitioner.ts'
import type { Delivered } from './pending-batch.ts'

export interface ProducerRecord extends Omit<RecordInput, 'timestampMs'> {
  readonly topic: string
  /** Default: by key, or any. */
  readonly partition?: number
  /** Milliseconds since the Unix epoch; default: now. */
  readonly timestampMs?: number
}

interface Held {
  readonly record: ProducerRecord
  readonly delivered: Delivered | undefined
}

/** Room that a record without known partition counts for, besides key and value. */
const HELD_RECORD_BYTES = 100

export class TopicRouter {
  readonly #client: LogClient
  readonly #sender: BatchSender
  readonly #maxHeldBytes: number
  readonly #sticky = new Map<string, number>()
  readonly #held = new Map<string, Held[]>()
  readonly #lookups = new Set<Promise<void>>()
  #heldBytes = 0

  constructor(client: LogClient, sender: BatchSender, options: { readonly maxHeldBytes: number }) {
    this.#client = client
    this.#sender = sender
    this.#maxHeldBytes = options.maxHeldBytes
  }

  /** Takes a record; false when it would be better to wait for `blocked` before the next one. */
  send(record: ProducerRecord, delivered?: Delivered): boolean {
    if (this.#sender.fatal !== undefined) throw this.#sender.fatal
    const held = this.#held.get(record.topic)
    const known = held === undefined ? this.#client.knownTopic(record.topic) : undefined
    if (known !== undefined) return this.#append(record, known.partitions.length, delivered)
    this.#heldBytes += heldBytesOf(record)
    if (held !== undefined) held.push({ record, delivered })
    else {
      this.#held.set(record.topic, [{ record, delivered }])
      const lookup = this.#lookUp(record.topic).finally(() => this.#lookups.delete(lookup))
      this.#lookups.add(lookup)
    }
    return this.#heldBytes < this.#maxHeldBytes
  }

  blocked(): Promise<unknown> | undefined {
    if (this.#heldBytes >= this.#maxHeldBytes) return Promise.race(this.#lookups)
    return this.#sender.blocked()
  }

  /** Waits until all records have found their partition or failed. */
  async settled(): Promise<void> {
    while (this.#lookups.size > 0) await Promise.all(this.#lookups)
  }

  async #lookUp(topic: string): Promise<void> {
    let failure: Error | undefined
    let partitions = 0
    try {
      partitions = (await this.#client.topic(topic, { autoCreate: true })).partitions.length
    } catch (error) {
      failure = error as Error
    }
    const held = this.#held.get(topic) ?? []
    this.#held.delete(topic)
    for (const { record, delivered } of held) {
      this.#heldBytes -= heldBytesOf(record)
      try {
        if (failure !== undefined) throw failure
        this.#append(record, partitions, delivered)
      } catch (error) {
        delivered?.(error as Error, { partition: -1, offset: -1 })
        this.#sender.noteFailure(error as Error)
      }
    }
  }

  #append(record: ProducerRecord, partitions: number, delivered: Delivered | undefined): boolean {
    const { topic, key } = record
    let partition = record.partition
    if (partition === undefined) {
      partition =
        key === undefined || key === null
          ? this.#stickyPartition(topic, partitions)
          : partitionOfKey(key, partitions)
    } else if (!Number.isInteger(partition) || partition < 0 || partition >= partitions) {
      throw new MillraceError({
        code: 'MR_TOPIC_NOT_FOUND',
        message: `the topic has ${partitions} partitions, numbered from 0.`,
        fix: 'Write to one of them, or add partitions.',
        topic,
        partition,
      })
    }
    const timestampMs = record.timestampMs ?? this.#client.world.clock.nowMs()
    const { value, headers } = record
    const full: RecordInput =
      headers === undefined
        ? { timestampMs, key: key ?? null, value: value ?? null }
        : { timestampMs, key: key ?? null, value: value ?? null, headers }
    return this.#sender.append(topic, partition, full, delivered)
  }

  #stickyPartition(topic: string, partitions: number): number {
    const current = this.#sticky.get(topic)
    if (current !== undefined && current < partitions && !this.#sender.isBetweenBatches(topic, current))
      return current
    const drawn = this.#client.world.random.uint32() % partitions
    this.#sticky.set(topic, drawn)
    return drawn
  }
}

function heldBytesOf({ key, value }: ProducerRecord): number {
  return HELD_RECORD_BYTES + (key?.length ?? 0) + (value?.length ?? 0)
}
