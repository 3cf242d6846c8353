/**
 * Writes to one sink in one subtask. What was prepared at a barrier and not committed yet is kept and is part of every
 * later checkpoint, so a restart knows all that may still have to be made visible.
 */
import { MillraceError, messageOf } from '../../base/millrace-error.ts'
import type { Committable, Sink, SinkWriter } from '../connector/sink.ts'
import type { EventBatch, JsonValue } from '../operators/operator.ts'
import type { StepSnapshot } from '../checkpoint/snapshot.ts'
import type { Receiver } from './receiver.ts'
import { StepCounters, type StepMetricsSnapshot } from './step-metrics.ts'
import { connectorContext, type TaskContext } from './task-context.ts'

/* eslint-disable @typescript-eslint/no-explicit-any -- the builder has checked the types. */
export class SinkNode implements Receiver {
  readonly name: string
  readonly metrics: StepCounters
  readonly #task: TaskContext
  readonly #sink: Sink<any>
  readonly #inputs: number
  #endedInputs = 0
  #writer: SinkWriter<any> | undefined
  #prepared: { checkpointId: number; data: JsonValue }[] = []

  constructor(task: TaskContext, name: string, sink: Sink<any>, inputs = 1) {
    this.#task = task
    this.name = name
    this.#sink = sink
    this.#inputs = inputs
    this.metrics = new StepCounters(name, 'sink')
  }

  /** Whether all its input has come. */
  get ended(): boolean {
    return this.#endedInputs >= this.#inputs
  }

  async open(restored: readonly Committable[]): Promise<void> {
    const context = connectorContext(this.#task, this.name)
    this.#writer = this.#sink.createWriter({ ...context, output: this.#task.output(this.name) })
    await this.#writer.recover(restored)
  }

  batch(batch: EventBatch<any>): void {
    const count = batch.values.length
    this.metrics.eventsIn += count
    try {
      this.#writer!.write(batch)
    } catch (cause) {
      // Named here: the steps in front, in whose calls this happens, must not be taken for the ones that failed.
      throw sinkError(this.#task.job, this.name, cause)
    }
    this.metrics.eventsOut += count
  }

  watermark(): void {}

  idle(): void {}

  end(): void {
    this.#endedInputs++
  }

  blocked(): Promise<void> | undefined {
    return this.#writer!.blocked()
  }

  /** Cuts now; resolves with this step's part of the checkpoint once all before the cut is durable. */
  prepareCommit(checkpointId: number): Promise<StepSnapshot> {
    const cut = this.#writer!.prepareCommit(checkpointId)
    return cut.then((data) => {
      if (data !== undefined) this.#prepared.push({ checkpointId, data })
      return { committables: this.#prepared.filter((prepared) => prepared.checkpointId <= checkpointId) }
    })
  }

  async commit(checkpointId: number): Promise<void> {
    await this.#writer!.commit(checkpointId)
    this.#prepared = this.#prepared.filter((prepared) => prepared.checkpointId > checkpointId)
  }

  async close(): Promise<void> {
    await this.#writer?.close()
  }

  report(): StepMetricsSnapshot {
    return this.metrics.snapshot()
  }
}

function sinkError(job: string, step: string, cause: unknown): MillraceError {
  if (cause instanceof MillraceError) return cause
  return new MillraceError({
    code: 'MR_SINK_WRITE',
    job,
    step,
    message: `an event cannot be written: ${messageOf(cause)}.`,
    fix: 'Give the sink events that its format can encode, or filter the others out before it.',
    cause,
  })
}
