/** What a mirror is told, and what it tells. */
import type { Report } from '../base/report.ts'
import type { ClientSecurity } from '../log/client/security.ts'
import type { World } from '../world/world.ts'

export interface MirrorCluster {
  /** `host:port`, several separated by commas. */
  readonly bootstrap: string
  readonly security?: ClientSecurity
}

export interface MirrorOptions {
  /** The source. A text is its address. */
  readonly from: string | MirrorCluster
  readonly to: string | MirrorCluster
  /** Names, with `*` for anything and `?` for one character; or `/regular expression/`. */
  readonly topics: readonly string[]
  /** Patterns of topics to leave out. Default: none. */
  readonly exclude?: readonly string[]
  /** Patterns of the consumer groups whose offsets are carried over. Default: none. */
  readonly groups?: readonly string[]
  /** Put before a topic's name at the target. Default: nothing. */
  readonly prefix?: string
  /** Under which the target keeps the progress; one instance runs under a name. Default: the source's cluster id. */
  readonly name?: string
  /**
   * `auto`: the offsets of a partition are kept where the target's is empty, else translated. `identical` fails where
   * they cannot be kept; `translated` keeps none. What was begun with stays. Default: `auto`.
   */
  readonly offsets?: 'auto' | 'identical' | 'translated'
  /** Ends when all is copied that was there at the start; fails with `MR_MIRROR_NO_TOPIC` if no topic fits. Default: goes on. */
  readonly once?: boolean
  /** With `once`: ends with `MR_MIRROR_AWAY` when copying could not begin, or go on, for so long, ms. Default: 60,000. */
  readonly giveUpAfterMs?: number
  /** What to do when the source has deleted what was not yet copied. Default: `stop`. */
  readonly onLost?: 'stop' | 'skip'
  /** How long a transaction of translated partitions may gather records, ms. Default: 500. */
  readonly commitIntervalMs?: number
  /** How often new topics and partitions, and the offsets of groups, are looked for, ms. Default: 30,000. */
  readonly refreshIntervalMs?: number
  /** Default: the real one. */
  readonly world?: World
  /** Hears what happens; default: nobody. */
  readonly report?: Report
}

export interface MirrorStatus {
  readonly name: string
  /** `waiting`: one side is away, or something failed that may pass; `problem` says what. */
  readonly state: 'starting' | 'copying' | 'waiting' | 'ended' | 'failed'
  readonly problem?: string
  /** How often copying was interrupted since this start, and by what it was last, also when it goes on. */
  readonly failures: number
  readonly lastFailure?: { readonly timeMs: number; readonly reason: string }
  /** Since this start. */
  readonly records: number
  readonly bytes: number
  /** Records (offsets, to be exact) at the source that are not at the target yet. */
  readonly lag: number
  readonly partitions: readonly PartitionStatus[]
}

export interface PartitionStatus {
  readonly topic: string
  /** Its name at the target. */
  readonly target: string
  readonly partition: number
  readonly offsets: 'identical' | 'translated'
  /** The next offset of the source that is to be copied: all before it is durable at the target. */
  readonly position: number
  /** Of the source, as last seen. */
  readonly start: number
  readonly end: number
  readonly lag: number
  /** Since this start. */
  readonly records: number
  /** Offsets without a record, written so that those behind them are kept. */
  readonly filled: number
  /** Deleted at the source before they were copied. */
  readonly lost: number
}

export interface Mirror extends AsyncDisposable {
  readonly name: string
  status(): MirrorStatus
  /** Resolves when it was stopped, or `once` is done; rejects with the error that it cannot pass. */
  readonly ended: Promise<void>
  /** Finishes what is under way and ends. What is not copied yet is copied after the next start. */
  stop(): Promise<void>
}

export function clusterOf(cluster: string | MirrorCluster): MirrorCluster {
  return typeof cluster === 'string' ? { bootstrap: cluster } : cluster
}
