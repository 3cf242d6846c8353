/**
 * Where events come from. A `Source` is a description (it is part of the job's graph); splits are its units of
 * parallelism (a topic partition, a file), dealt out to subtasks; a reader reads the splits of one subtask.
 *
 * Exactly-once rests on one rule: after `poll` returned a batch, `snapshot` gives positions that continue right after
 * that batch, and reading again from a position gives the same events in the same order within a split.
 */
import type { JsonValue } from '../operators/operator.ts'
import type { ConnectorContext } from './connector-context.ts'
import type { Sink } from './sink.ts'

export interface Source<T> {
  readonly kind: string
  /** All splits there are now, in a stable order. Called once a start, before readers, in the job's coordinator. */
  discoverSplits(context: DiscoveryContext): Promise<readonly Split[]>
  createReader(context: SourceContext): SourceReader<T>
  /** False for a source that cannot be read again (a callback): after a crash its unread events are the caller's. */
  readonly replayable: boolean
  /** Where the records go that `SourceBatch.rejected` holds, when the policy is a dead-letter topic. */
  readonly deadLetter?: Sink<RejectedRecord>
}

export type SourceContext = ConnectorContext

export interface DiscoveryContext extends SourceContext {
  /**
   * The splits of the checkpoint from which the job goes on; they keep their positions. Others came since then: a
   * source that begins at the end must read those from their beginning. Undefined where the source begins afresh.
   */
  readonly knownSplits: readonly string[] | undefined
}

export interface Split {
  /** Unique within the source: `readings-3`. */
  readonly id: string
  /** Where to start, in the source's own terms; the initial position, or one that `snapshot` gave. */
  readonly position: JsonValue
}

export interface SourceReader<T> {
  /** Called once, before the first `poll`. */
  open(splits: readonly Split[]): Promise<void>
  /**
   * The next events of one split, in order, as soon as there is at least one; `end` when every split has ended. Only one call is
   * under way at a time.
   */
  poll(): Promise<SourceBatch<T> | 'end'>
  /** The position of every split after the last batch that `poll` returned. */
  snapshot(): readonly Split[]
  /** The checkpoint that contains `positions` is complete; a Kafka source commits group offsets here, for people. */
  onCheckpointComplete(positions: readonly Split[]): Promise<void>
  close(): Promise<void>
}

export interface SourceBatch<T> {
  readonly splitId: string
  readonly values: readonly T[]
  /** The source's own time of each event (a Kafka record's timestamp) in ms, or `NO_TIMESTAMP`. */
  readonly timestamps: readonly number[]
  /** Records that could not be decoded, when the source's policy is to go on: skipped and counted, or dead-lettered. */
  readonly rejected: readonly RejectedRecord[]
  /** True when the split has nothing more for now: an idle split is told from one that is merely read slowly. */
  readonly caughtUp: boolean
  /** True when nothing of this split follows, ever: it no longer holds the watermark back. */
  readonly splitEnded?: boolean
  /** How far behind the split's end the reader is, in the source's units; for metrics. */
  readonly lag?: number
}

/** What is done with a record that cannot be decoded. */
export type ErrorPolicy = 'fail' | 'skip' | { readonly deadLetter: string }

export interface RejectedRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly reason: string
}
