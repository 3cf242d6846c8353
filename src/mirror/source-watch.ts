/**
 * Looks at the source while a mirror copies or waits: how far it is ahead, and whether it is about to delete what was not
 * copied yet. It needs no target, so it goes on while that one is away.
 */
import { messageOf } from '../base/millrace-error.ts'
import type { Report } from '../base/report.ts'
import { listOffsets } from '../log/client/admin.ts'
import { describeConfigs } from '../log/client/config-admin.ts'
import type { LogClient } from '../log/client/log-client.ts'
import { type Clock, sleep } from '../world/world.ts'
import type { PartitionProgress } from './partition-copy.ts'

const LOOK_EVERY_MS = 5_000
/** A warning comes when this part of the time is over after which the source deletes what is next to be copied. */
const WARNED_PART = 0.8
const WARN_AGAIN_MS = 600_000

export interface SourceWatchOptions {
  readonly clock: Clock
  /** Undefined while there was no connection yet. */
  readonly client: () => LogClient | undefined
  readonly partitions: ReadonlyMap<string, PartitionProgress>
  readonly signal: AbortSignal
  readonly report: Report
}

/** Resolves when the signal has aborted. */
export async function watchSource(options: SourceWatchOptions): Promise<void> {
  const { clock, client, partitions, signal, report } = options
  const warned = new Map<string, number>()
  while (!signal.aborted) {
    await sleep(clock, LOOK_EVERY_MS, signal)
    const source = client()
    if (signal.aborted || source === undefined || partitions.size === 0) continue
    try {
      const all = [...partitions.values()]
      await lookAtEnds(source, all)
      for (const endangered of await endangeredOf(source, all)) {
        const { topic, partition } = endangered.progress.place
        const key = `${topic}/${partition}`
        const nowMs = clock.monotonicMs()
        if (nowMs < (warned.get(key) ?? -Infinity) + WARN_AGAIN_MS) continue
        warned.set(key, nowMs)
        report('warn', 'mirror: the source is about to delete what was not copied', {
          topic,
          partition,
          position: endangered.progress.position,
          lag: endangered.progress.lag,
          retentionMs: endangered.retentionMs,
        })
      }
    } catch (error) {
      report('debug', 'mirror: the source was not looked at', { reason: messageOf(error) })
    }
  }
}

async function lookAtEnds(source: LogClient, all: readonly PartitionProgress[]): Promise<void> {
  const query = (at: 'earliest' | 'latest') =>
    all.map(({ place }) => ({ topic: place.topic, partition: place.partition, at }))
  const [starts, ends] = await Promise.all([
    listOffsets(source, query('earliest'), { isolation: 'read_committed' }),
    listOffsets(source, query('latest'), { isolation: 'read_committed' }),
  ])
  for (const [index, progress] of all.entries()) {
    progress.start = starts[index]!.offset
    progress.end = Math.max(progress.position, ends[index]!.offset)
  }
}

/** Partitions whose next record is old enough to be deleted soon. */
async function endangeredOf(
  source: LogClient,
  all: readonly PartitionProgress[],
): Promise<readonly { readonly progress: PartitionProgress; readonly retentionMs: number }[]> {
  const behind = all.filter(({ lag }) => lag > 0)
  const topics = [...new Set(behind.map(({ place }) => place.topic))]
  const configs = await describeConfigs(
    source,
    topics.map((name) => ({ type: 'topic' as const, name })),
  )
  const retention = new Map(
    topics.map((topic, index) => {
      const value = (name: string): string => configs[index]!.find((one) => one.name === name)?.value ?? ''
      const deletes = value('cleanup.policy').includes('delete')
      return [topic, deletes ? Number(value('retention.ms')) : -1]
    }),
  )
  const nowMs = source.world.clock.nowMs()
  const queries = behind.flatMap((progress) => {
    const { topic, partition } = progress.place
    const retentionMs = retention.get(topic) ?? -1
    if (!(retentionMs > 0)) return []
    return [
      {
        progress,
        retentionMs,
        query: { topic, partition, at: Math.max(0, Math.floor(nowMs - retentionMs * WARNED_PART)) },
      },
    ]
  })
  if (queries.length === 0) return []
  const youngest = await listOffsets(
    source,
    queries.map(({ query }) => query),
  )
  // Everything before the first record that is young enough is older than that.
  return queries.filter(({ progress }, index) => {
    const { offset } = youngest[index]!
    return progress.position < (offset < 0 ? progress.end : offset)
  })
}
