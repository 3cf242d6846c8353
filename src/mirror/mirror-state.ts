/**
 * What a mirror remembers at the target: a compacted topic of one partition, `millrace-mirror.NAME`, written in the
 * mirror's own transactions, so that it says neither more nor less than what those have written.
 *
 *   mirror                   whose turn it is, and under which producer id offsets are kept
 *   topic/TOPIC              which clusters the topic's records have come through: a mirror back to one would be a loop
 *   partition/TOPIC/N        how the partition is copied; when translated, the next offset of the source
 *   run/TOPIC/N/OFFSET       records from that offset of the source lie at the target from …: the exact translation
 */
import { createTopics, listOffsets } from '../log/client/admin.ts'
import { Fetcher, forEachFetchedRecord } from '../log/client/fetcher.ts'
import type { LogClient } from '../log/client/log-client.ts'
import type { ProducerIdentity, ProducerRecord } from '../log/client/producer.ts'

const STATE_TOPIC_PREFIX = 'millrace-mirror.'

export interface MirrorRecord {
  /** Drawn by each start. */
  readonly instance: string
  readonly sourceClusterId: string
  readonly producer: ProducerIdentity
}

export interface PartitionRecord {
  readonly offsets: 'identical' | 'translated'
  readonly source: string
  readonly sourceTopicId: string
  readonly targetTopicId: string
  /** Where copying began at the source. */
  readonly first: number
  /** Translated: the next offset of the source. */
  readonly next: number
}

/** `count` records of the source from `source` on are at the target from `target` on. */
export interface Run {
  readonly source: number
  readonly target: number
  readonly count: number
}

/** Newest runs of a partition that are kept in memory. */
const RUNS_MAX = 50_000

export class MirrorState {
  mirror: MirrorRecord | undefined
  readonly origins = new Map<string, readonly string[]>()
  readonly partitions = new Map<string, PartitionRecord>()
  /** In the order of their offsets. */
  readonly runs = new Map<string, Run[]>()
  /** Partitions of whose runs the oldest were left out. */
  readonly incomplete = new Set<string>()

  /** Takes a record of the topic. */
  apply(key: string, value: string | null): void {
    const [kind, topic = '', partition = '', offset = ''] = key.split('/')
    const place = `${topic}/${partition}`
    switch (kind) {
      case 'mirror':
        this.mirror = parsed<MirrorRecord>(value)
        return
      case 'topic':
        setOrDelete(this.origins, topic, parsed<readonly string[]>(value))
        return
      case 'partition':
        setOrDelete(this.partitions, place, parsed<PartitionRecord>(value))
        return
      case 'run':
        this.#applyRun(place, Number(offset), parsed<readonly [target: number, count: number]>(value))
        return
      default: // of a later version
    }
  }

  #applyRun(place: string, source: number, run: readonly [target: number, count: number] | undefined): void {
    const runs = this.runs.get(place) ?? []
    this.runs.set(place, runs)
    const kept = runs.findIndex((one) => one.source >= source)
    if (kept >= 0) runs.splice(kept, runs[kept]!.source === source ? 1 : 0)
    if (run === undefined) return
    const added = { source, target: run[0], count: run[1] }
    if (kept >= 0) runs.splice(kept, 0, added)
    else runs.push(added)
    if (runs.length <= RUNS_MAX) return
    runs.splice(0, RUNS_MAX / 10)
    this.incomplete.add(place)
  }
}

export function stateTopicOf(name: string): string {
  return STATE_TOPIC_PREFIX + name
}

export function isStateTopic(topic: string): boolean {
  return topic.startsWith(STATE_TOPIC_PREFIX)
}

export const stateRecords = {
  mirror: (topic: string, value: MirrorRecord): ProducerRecord => record(topic, 'mirror', value),
  origins: (topic: string, of: string, value: readonly string[]): ProducerRecord =>
    record(topic, `topic/${of}`, value),
  partition: (topic: string, of: Place, value: PartitionRecord | null): ProducerRecord =>
    record(topic, `partition/${of.topic}/${of.partition}`, value),
  run: (topic: string, of: Place, { source, target, count }: Run): ProducerRecord =>
    record(topic, `run/${of.topic}/${of.partition}/${source}`, [target, count]),
  forgetRun: (topic: string, of: Place, { source }: Run): ProducerRecord =>
    record(topic, `run/${of.topic}/${of.partition}/${source}`, null),
}

interface Place {
  readonly topic: string
  readonly partition: number
}

function record(topic: string, key: string, value: unknown): ProducerRecord {
  return { topic, partition: 0, key, value: value === null ? null : JSON.stringify(value) }
}

export async function ensureStateTopic(client: LogClient, topic: string): Promise<void> {
  const config = { 'cleanup.policy': 'compact' }
  await createTopics(client, [{ name: topic, partitions: 1, config }], { ifNotExists: true })
  await client.topic(topic)
}

/** Reads what is committed. The caller has seen to it that no transaction of this mirror is open. */
export async function readState(client: LogClient, topic: string): Promise<MirrorState> {
  const state = new MirrorState()
  const at = { topic, partition: 0 }
  const [start, end] = await listOffsets(
    client,
    [
      { ...at, at: 'earliest' },
      { ...at, at: 'latest' },
    ],
    { isolation: 'read_committed' },
  )
  if (start!.offset >= end!.offset) return state
  const fetcher = new Fetcher(client, { isolation: 'read_committed', maxWaitMs: 50 })
  try {
    fetcher.assign([{ ...at, offset: start!.offset }])
    for (let next = start!.offset; next < end!.offset;) {
      const fetched = await fetcher.poll()
      if (fetched === undefined) break
      forEachFetchedRecord(fetched, (cursor) =>
        state.apply(cursor.key()?.toString() ?? '', cursor.value()?.toString() ?? null),
      )
      next = fetched.nextOffset
    }
  } finally {
    fetcher.close()
  }
  return state
}

function parsed<T>(value: string | null): T | undefined {
  return value === null ? undefined : (JSON.parse(value) as T)
}

function setOrDelete<T>(map: Map<string, T>, key: string, value: T | undefined): void {
  if (value === undefined) map.delete(key)
  else map.set(key, value)
}
