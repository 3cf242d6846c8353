/**
 * Looks at the source while a mirror copies or waits: how far it is ahead, and whether it is about to delete what was not
 * copied yet. It needs no target, so it goes on while that one is away.
 */
import { messageOf } from '../base/millrace-error.ts'
import type { Report } from '../base/report.ts'
import { listOffsets } from '../log/client/admin.ts'
import type { LogClient } from '../log/client/log-client.ts'
import { type Clock, sleep } from '../world/world.ts'
import type { PartitionProgress } from './partition-copy.ts'
import { retentionDangers } from './retention-danger.ts'

const LOOK_EVERY_MS = 5_000
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
      for (const { progress, limit } of await retentionDangers(source, all)) {
        const { topic, partition } = progress.place
        const key = `${topic}/${partition}`
        const nowMs = clock.monotonicMs()
        if (nowMs < (warned.get(key) ?? -Infinity) + WARN_AGAIN_MS) continue
        warned.set(key, nowMs)
        const { position, lag } = progress
        report('warn', 'mirror: the source is about to delete what was not copied', {
          topic,
          partition,
          position,
          lag,
          ...limit,
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
