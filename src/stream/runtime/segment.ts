/**
 * The part of a subtask between two exchanges: nodes joined by direct calls, the unit in which barriers align. Its
 * inputs are sources and the gates of exchanges; its snapshot is taken, in one go, when the barrier has come on all:
 * on sources when the coordinator's command arrives, on a gate with the last channel's barrier. Until then the inputs
 * that have seen it give nothing. With no gates (parallelism 1) the snapshot is taken at once.
 */
import { assert } from '../../base/assert.ts'
import type { Clock } from '../../world/world.ts'
import type { CheckpointMode } from '../checkpoint/coordinator.ts'
import type { StepSnapshot } from '../checkpoint/snapshot.ts'
import type { StateFileBuilder } from '../checkpoint/state-file.ts'
import type { EventTimeNode } from './event-time-node.ts'
import type { ExchangeWriter } from './exchange-writer.ts'
import type { Gate } from './gate.ts'
import type { SinkNode } from './sink-node.ts'
import type { SourceNode } from './source-node.ts'
import type { StepNode } from './step-node.ts'

/** A checkpoint while a subtask takes its part. */
export interface CheckpointInProgress {
  readonly checkpointId: number
  readonly mode: CheckpointMode
  /** The job ends with this checkpoint: sources give nothing after it. */
  readonly stop: boolean
  readonly directory: string | undefined
  readonly startedMs: number
  readonly file: StateFileBuilder
  readonly steps: Record<string, StepSnapshot>
  /** Parts that are not there yet: what sinks make durable. */
  readonly pending: Promise<void>[]
  segmentsLeft: number
  pauseMs: number
  alignmentMs: number
}

export class Segment {
  readonly sources: SourceNode[] = []
  readonly gates: Gate[] = []
  readonly eventTimes: EventTimeNode[] = []
  readonly steps: StepNode[] = []
  readonly sinks: SinkNode[] = []
  readonly exchanges: ExchangeWriter[] = []
  readonly #clock: Clock
  readonly #wake: () => void
  readonly #fail: (error: unknown) => void
  readonly #onSnapshot: (checkpoint: CheckpointInProgress) => void
  #checkpoint: CheckpointInProgress | undefined
  #waiting: Promise<void> | undefined
  #blockedSinceMs = 0
  #blockedMs = 0

  constructor(options: {
    readonly clock: Clock
    /** Something may be done now. */
    readonly wake: () => void
    /** A step has failed while nobody was calling it. */
    readonly fail: (error: unknown) => void
    readonly onSnapshot: (checkpoint: CheckpointInProgress) => void
  }) {
    this.#clock = options.clock
    this.#wake = options.wake
    this.#fail = options.fail
    this.#onSnapshot = options.onSnapshot
  }

  /** Gives each input that is ready one batch; false when there was nothing to do or no way to. */
  step(): boolean {
    let worked = false
    for (const gate of this.gates) {
      if (this.isBlocked()) return worked
      if (gate.step()) worked = true
    }
    if (this.#checkpoint !== undefined) return worked
    for (const source of this.sources) {
      if (!source.ready) continue
      if (this.isBlocked()) return worked
      source.process()
      worked = true
    }
    return worked
  }

  /** Whether a gate could give something. */
  hasGateInput(): boolean {
    return this.#waiting === undefined && this.gates.some((gate) => gate.hasInput())
  }

  /** Whether something in it takes no further batch now; the task is woken when that changes. */
  isBlocked(): boolean {
    if (this.#waiting !== undefined) return true
    const reason = this.#reasonToWait()
    if (reason === undefined) return false
    this.#blockedSinceMs = this.#clock.monotonicMs()
    this.#waiting = reason
    const resume = (): void => {
      this.#waiting = undefined
      this.#blockedMs += this.#clock.monotonicMs() - this.#blockedSinceMs
      this.#wake()
    }
    reason.then(resume, this.#fail)
    return true
  }

  /** Time for which it was held up by its outputs, in ms. */
  blockedMs(): number {
    return (
      this.#blockedMs + (this.#waiting === undefined ? 0 : this.#clock.monotonicMs() - this.#blockedSinceMs)
    )
  }

  /** The coordinator's command: the barrier comes on all sources. */
  begin(checkpoint: CheckpointInProgress): void {
    assert(this.#checkpoint === undefined, 'one checkpoint at a time')
    this.#checkpoint = checkpoint
    if (checkpoint.stop) for (const source of this.sources) source.stop()
    this.alignmentChanged()
  }

  /** A gate has the barrier on all its channels. */
  alignmentChanged(): void {
    const checkpoint = this.#checkpoint
    if (checkpoint === undefined || !this.gates.every((gate) => gate.isAligned(checkpoint.checkpointId)))
      return
    this.#checkpoint = undefined
    this.#snapshot(checkpoint)
    for (const gate of this.gates) gate.release()
    this.#wake()
  }

  #snapshot(checkpoint: CheckpointInProgress): void {
    const startedMs = this.#clock.monotonicMs()
    checkpoint.alignmentMs = Math.max(checkpoint.alignmentMs, startedMs - checkpoint.startedMs)
    const { checkpointId, mode, steps, file } = checkpoint
    for (const source of this.sources) steps[source.name] = source.snapshot()
    for (const node of this.eventTimes) steps[node.name] = node.snapshot()
    for (const node of this.steps) if (node.stateful) steps[node.name] = node.snapshot(mode, file)
    for (const sink of this.sinks) {
      const part = sink.prepareCommit(checkpointId).then((snapshot) => {
        steps[sink.name] = snapshot
      })
      // Other segments may still be aligning, so nobody waits for it yet.
      part.catch(this.#fail)
      checkpoint.pending.push(part)
    }
    for (const exchange of this.exchanges) exchange.barrier(checkpointId)
    checkpoint.segmentsLeft--
    checkpoint.pauseMs += this.#clock.monotonicMs() - startedMs
    this.#onSnapshot(checkpoint)
  }

  #reasonToWait(): Promise<void> | undefined {
    for (const sink of this.sinks) {
      const blocked = sink.blocked()
      if (blocked !== undefined) return blocked
    }
    for (const exchange of this.exchanges) {
      const blocked = exchange.blocked()
      if (blocked !== undefined) return blocked
    }
    for (const { operator } of this.steps) {
      const blocked = operator.blocked?.()
      if (blocked !== undefined) return blocked
    }
    return undefined
  }
}
