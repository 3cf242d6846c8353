/**
 * Where events go, committed in two phases. What was written before a barrier belongs to that checkpoint:
 *
 *   write* → prepareCommit(n): cut here, make durable but not visible → checkpoint n complete → commit(n): visible
 *
 * After a crash `recover` gets what `prepareCommit` had put into the restored checkpoint and must make exactly that
 * visible (again: commit is idempotent), and make sure that everything written after it never will be.
 */
import type { EventBatch, JsonValue } from '../operators/operator.ts'
import type { ConnectorContext } from './connector-context.ts'

export interface Sink<T> {
  readonly kind: string
  /** What a reader of the output may rely on when the job crashes. */
  readonly guarantee: 'exactly-once' | 'effectively-once' | 'at-least-once'
  createWriter(context: SinkContext): SinkWriter<T>
}

export interface SinkContext extends ConnectorContext {
  /** The way to the reader of `run.output(step)`; every runtime that runs `collect()` sinks gives one. */
  readonly output?: JobOutput
}

/** A bounded queue between one sink subtask and whoever reads the job's output in the application. */
export interface JobOutput {
  /** False when the job takes no checkpoints: nothing would ever commit, so hand over with `push`. */
  readonly commits: boolean
  /** Hands over values that are visible at once. */
  push(values: readonly unknown[]): void
  /** Hands over values that become visible when the checkpoint is complete, and vanish when it never is. */
  stage(checkpointId: number, values: readonly unknown[]): void
  /** The checkpoint is complete: what was staged for it, or before, is visible. */
  committed(checkpointId: number): void
  /** A promise while too much that is visible has not been read, `undefined` when there is room. */
  blocked(): Promise<void> | undefined
}

export interface SinkWriter<T> {
  /**
   * Called once, before the first `write`. `restored` holds the committables of the checkpoint the job resumes from
   * (all subtasks' when `parallelism` changed, dealt out so that each lands on one); empty on a fresh start.
   */
  recover(restored: readonly Committable[]): Promise<void>
  /** Takes the events into a buffer; never waits. */
  write(batch: EventBatch<T>): void
  /**
   * A promise while the buffer is full, `undefined` when there is room. It must not wait for a commit: where the job
   * runs in parallel, the barrier that leads to it may be behind the very events that wait.
   */
  blocked(): Promise<void> | undefined
  /**
   * Cuts at a barrier, synchronously: later writes belong to the next checkpoint. The promise resolves once all before
   * the cut is durable; its value goes into the checkpoint.
   */
  prepareCommit(checkpointId: number): Promise<JsonValue | undefined>
  /** Checkpoint `checkpointId` is complete. Checkpoints that were not completed are committed with the next that is. */
  commit(checkpointId: number): Promise<void>
  close(): Promise<void>
}

export interface Committable {
  readonly checkpointId: number
  readonly data: JsonValue
}
