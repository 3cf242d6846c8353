/**
 * Decides when checkpoints are taken and what becomes of them; a pure state machine: events in, effects out, no clock
 * and no I/O of its own.
 *
 *   trigger ─▶ every subtask acknowledges ─▶ store (manifest durable) ─▶ stored ─▶ commit
 *      └ one declines, or the store fails ─▶ abort; the next one is full, because changes were lost
 *
 * Invariants
 *  - One checkpoint is under way at a time: barriers of two never meet.
 *  - `commit` follows `stored` only: nothing becomes visible that a restart would not know of.
 *  - Barriers cannot be called back, so an aborted checkpoint ends when every subtask has answered; until then no other
 *    begins. One that takes longer than `timeoutMs` is reported and goes on.
 *  - After failures periodic checkpoints wait longer each time, so that those that may fail in a row span minutes.
 *  - Requests (savepoints, the last checkpoint of a job) wait for the one under way and come before periodic ones.
 */
import { assert } from '../../base/assert.ts'

export interface CoordinatorOptions {
  readonly subtasks: number
  /** Time from one trigger to the next, in ms; Infinity for none but requested ones. */
  readonly intervalMs: number
  /** Least time between the end of one and the trigger of the next, in ms. */
  readonly minPauseMs: number
  /** After this long a checkpoint is reported as overdue, in ms. */
  readonly timeoutMs: number
  readonly firstCheckpointId: number
  /** How many incremental checkpoints may follow a full one. */
  readonly incrementsMax: number
  /** The chain is also cut when the changes since the last full snapshot outgrow it. */
  readonly nowMs: number
}

/** After a failed checkpoint, until the next periodic one begins: whoever makes room on a disk needs some time for it. */
const FIRST_BACKOFF_MS = 100
const BACKOFF_MS_MAX = 30_000

export type CheckpointMode = 'full' | 'changes'

/** Why a checkpoint is taken; `final` and `stop` are the last one of the job. */
export type CheckpointReason = 'periodic' | 'savepoint' | 'final' | 'stop'

export type CoordinatorEffect<Ack> =
  | {
      readonly kind: 'trigger'
      readonly checkpointId: number
      readonly mode: CheckpointMode
      readonly reason: CheckpointReason
    }
  | {
      readonly kind: 'store'
      readonly checkpointId: number
      readonly mode: CheckpointMode
      readonly reason: CheckpointReason
      readonly acks: readonly Ack[]
    }
  | {
      readonly kind: 'commit'
      readonly checkpointId: number
      readonly reason: CheckpointReason
      readonly durationMs: number
    }
  | {
      readonly kind: 'aborted'
      readonly checkpointId: number
      readonly reason: CheckpointReason
      readonly cause: string
      readonly failures: number
    }
  | { readonly kind: 'overdue'; readonly checkpointId: number; readonly missing: readonly number[] }

interface Pending<Ack> {
  readonly checkpointId: number
  readonly mode: CheckpointMode
  readonly reason: CheckpointReason
  readonly startedMs: number
  readonly acks: (Ack | undefined)[]
  answered: number
  /** Why it will be aborted once all have answered. */
  failure: string | undefined
  storing: boolean
  overdue: boolean
}

export class CheckpointCoordinator<Ack> {
  readonly #options: CoordinatorOptions
  readonly #requests: CheckpointReason[] = []
  #nextId: number
  #nextPeriodicMs: number
  #earliestMs = -Infinity
  #pending: Pending<Ack> | undefined
  #increments = Infinity
  #baseBytes = 0
  #changeBytes = 0
  #failures = 0
  #ended = false

  constructor(options: CoordinatorOptions) {
    this.#options = options
    this.#nextId = options.firstCheckpointId
    this.#nextPeriodicMs = options.nowMs + options.intervalMs
  }

  /** Asks for a checkpoint as soon as may be. */
  request(reason: Exclude<CheckpointReason, 'periodic'>, nowMs: number): CoordinatorEffect<Ack>[] {
    this.#requests.push(reason)
    return this.tick(nowMs)
  }

  /** Begins what is due. Call it at `nextWakeMs`, and after every other event. */
  tick(nowMs: number): CoordinatorEffect<Ack>[] {
    const pending = this.#pending
    if (pending !== undefined) {
      if (pending.overdue || nowMs < pending.startedMs + this.#options.timeoutMs) return []
      pending.overdue = true
      const missing = pending.acks.flatMap((ack, subtask) => (ack === undefined ? [subtask] : []))
      return [{ kind: 'overdue', checkpointId: pending.checkpointId, missing }]
    }
    if (this.#ended) return []
    const requested = this.#requests.shift()
    if (requested === undefined && nowMs < this.#nextTriggerMs()) return []
    return [this.#trigger(requested ?? 'periodic', nowMs)]
  }

  /** When `tick` will have something to do, in the clock of its `nowMs`. */
  nextWakeMs(): number {
    const pending = this.#pending
    if (pending !== undefined) return pending.overdue ? Infinity : pending.startedMs + this.#options.timeoutMs
    if (this.#ended) return Infinity
    return this.#requests.length > 0 ? -Infinity : this.#nextTriggerMs()
  }

  acknowledge(subtask: number, checkpointId: number, ack: Ack): CoordinatorEffect<Ack>[] {
    const pending = this.#pending
    if (pending?.checkpointId !== checkpointId || pending.acks[subtask] !== undefined) return []
    pending.acks[subtask] = ack
    return this.#answered(pending)
  }

  /** A subtask could not write its part. */
  decline(subtask: number, checkpointId: number, cause: string): CoordinatorEffect<Ack>[] {
    const pending = this.#pending
    if (pending?.checkpointId !== checkpointId) return []
    pending.failure ??= `subtask ${subtask}: ${cause}`
    return this.#answered(pending)
  }

  /** The manifest is durable. */
  stored(checkpointId: number, sizeBytes: number, nowMs: number): CoordinatorEffect<Ack>[] {
    const pending = this.#take(checkpointId, nowMs)
    this.#failures = 0
    if (pending.mode === 'full') {
      this.#increments = 0
      this.#baseBytes = sizeBytes
      this.#changeBytes = 0
    } else {
      this.#increments++
      this.#changeBytes += sizeBytes
    }
    const { reason, startedMs } = pending
    if (reason === 'final' || reason === 'stop') this.#ended = true
    return [{ kind: 'commit', checkpointId, reason, durationMs: nowMs - startedMs }, ...this.tick(nowMs)]
  }

  /** The manifest could not be written. */
  storeFailed(checkpointId: number, cause: string, nowMs: number): CoordinatorEffect<Ack>[] {
    return this.#abort(this.#take(checkpointId, nowMs), cause)
  }

  #answered(pending: Pending<Ack>): CoordinatorEffect<Ack>[] {
    pending.answered++
    if (pending.answered < this.#options.subtasks) return []
    const { checkpointId, mode, reason } = pending
    if (pending.failure !== undefined) {
      this.#pending = undefined
      return this.#abort(pending, pending.failure)
    }
    pending.storing = true
    return [{ kind: 'store', checkpointId, mode, reason, acks: pending.acks as Ack[] }]
  }

  #abort(pending: Pending<Ack>, cause: string): CoordinatorEffect<Ack>[] {
    this.#failures++
    this.#increments = Infinity
    const { minPauseMs } = this.#options
    const backoffMs = Math.max(minPauseMs, FIRST_BACKOFF_MS) * 2 ** (this.#failures - 1)
    this.#earliestMs = pending.startedMs + Math.min(BACKOFF_MS_MAX, backoffMs)
    const { checkpointId, reason } = pending
    return [{ kind: 'aborted', checkpointId, reason, cause, failures: this.#failures }]
  }

  #take(checkpointId: number, nowMs: number): Pending<Ack> {
    const pending = this.#pending
    assert(
      pending?.checkpointId === checkpointId && pending.storing,
      `checkpoint ${checkpointId} is not being stored`,
    )
    this.#pending = undefined
    this.#earliestMs = nowMs + this.#options.minPauseMs
    return pending
  }

  #nextTriggerMs(): number {
    return Math.max(this.#nextPeriodicMs, this.#earliestMs)
  }

  #trigger(reason: CheckpointReason, nowMs: number): CoordinatorEffect<Ack> {
    const { subtasks, intervalMs, incrementsMax } = this.#options
    const outgrown = this.#changeBytes > this.#baseBytes
    const mode = reason === 'savepoint' || this.#increments >= incrementsMax || outgrown ? 'full' : 'changes'
    const checkpointId = this.#nextId++
    this.#nextPeriodicMs = nowMs + intervalMs
    this.#pending = {
      checkpointId,
      mode,
      reason,
      startedMs: nowMs,
      acks: Array.from<Ack | undefined>({ length: subtasks }),
      answered: 0,
      failure: undefined,
      storing: false,
      overdue: false,
    }
    return { kind: 'trigger', checkpointId, mode, reason }
  }
}
