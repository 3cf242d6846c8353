/** Which records a source is about to delete, by time or by size, that are not copied yet. */
import { listOffsets } from '../log/client/admin.ts'
import { describeConfigs } from '../log/client/config-admin.ts'
import { throwIfError } from '../log/client/kafka-error.ts'
import type { LogClient } from '../log/client/log-client.ts'
import { describeLogDirsApi } from '../log/protocol/apis/describe-log-dirs.ts'
import type { PartitionProgress } from './partition-copy.ts'

/** What part of a limit has to be reached. */
const DANGER = 0.8

export interface Danger {
  readonly progress: PartitionProgress
  /** The limit that is nearly reached. */
  readonly limit: { readonly retentionMs: number } | { readonly retentionBytes: number }
}

interface Retention {
  /** 0 or less: no limit. */
  readonly ms: number
  readonly bytes: number
}

export async function retentionDangers(
  source: LogClient,
  all: readonly PartitionProgress[],
): Promise<readonly Danger[]> {
  const behind = all.filter(({ lag }) => lag > 0)
  if (behind.length === 0) return []
  const retention = await retentionOf(source, [...new Set(behind.map(({ place }) => place.topic))])
  const limited = behind.map((progress) => ({ progress, ...retention.get(progress.place.topic)! }))
  return [
    ...(await tooOld(
      source,
      limited.filter(({ ms }) => ms > 0),
    )),
    ...(await tooLarge(
      source,
      limited.filter(({ bytes }) => bytes > 0),
    )),
  ]
}

async function retentionOf(
  source: LogClient,
  topics: readonly string[],
): Promise<ReadonlyMap<string, Retention>> {
  const configs = await describeConfigs(
    source,
    topics.map((name) => ({ type: 'topic' as const, name })),
  )
  return new Map(
    topics.map((topic, index) => {
      const value = (name: string): string => configs[index]!.find((one) => one.name === name)?.value ?? ''
      if (!value('cleanup.policy').includes('delete')) return [topic, { ms: -1, bytes: -1 }]
      return [topic, { ms: Number(value('retention.ms')), bytes: Number(value('retention.bytes')) }]
    }),
  )
}

type Limited = Retention & { readonly progress: PartitionProgress }

/** Whose next record is older than most of the time that it is kept. */
async function tooOld(source: LogClient, limited: readonly Limited[]): Promise<Danger[]> {
  if (limited.length === 0) return []
  const nowMs = source.world.clock.nowMs()
  const young = await listOffsets(
    source,
    limited.map(({ progress: { place }, ms }) => ({
      topic: place.topic,
      partition: place.partition,
      at: Math.max(0, Math.floor(nowMs - ms * DANGER)),
    })),
  )
  // Everything before the first record that is young enough is older than that.
  return limited
    .filter(({ progress }, index) => {
      const { offset } = young[index]!
      return progress.position < (offset < 0 ? progress.end : offset)
    })
    .map(({ progress, ms }) => ({ progress, limit: { retentionMs: ms } }))
}

/** Of whom more is not copied than most of what is kept; sizes are told by partition, so that is in proportion to offsets. */
async function tooLarge(source: LogClient, limited: readonly Limited[]): Promise<Danger[]> {
  if (limited.length === 0) return []
  const sizes = await sizesOf(source, limited)
  return limited
    .filter(({ progress: { place, position, start, end }, bytes }) => {
      const size = sizes.get(`${place.topic}/${place.partition}`) ?? 0
      const part = (end - Math.max(position, start)) / Math.max(1, end - start)
      return size * part >= bytes * DANGER
    })
    .map(({ progress, bytes }) => ({ progress, limit: { retentionBytes: bytes } }))
}

async function sizesOf(source: LogClient, limited: readonly Limited[]): Promise<ReadonlyMap<string, number>> {
  const topics = [...Map.groupBy(limited, ({ progress }) => progress.place.topic)].map(([topic, group]) => ({
    topic,
    partitions: group.map(({ progress }) => progress.place.partition),
  }))
  const { brokers } = await source.metadata([])
  const sizes = new Map<string, number>()
  for (const node of brokers.keys()) {
    const answer = await source.request(describeLogDirsApi, { topics }, { node })
    throwIfError(answer.errorCode, { doing: 'asking for the sizes of partitions' })
    for (const { name, partitions } of answer.results.flatMap((one) => one.topics)) {
      for (const { partitionIndex, partitionSize } of partitions) {
        const key = `${name}/${partitionIndex}`
        sizes.set(key, Math.max(partitionSize, sizes.get(key) ?? 0))
      }
    }
  }
  return sizes
}
