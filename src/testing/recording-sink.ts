import type { Committable, Sink, SinkContext, SinkWriter } from '../stream/connector/sink.ts'
import type { EventBatch, JsonValue } from '../stream/operators/operator.ts'

/**
 * A sink that remembers what was written and what of it was committed. It outlives crashes of the job, as a real
 * target would: what was prepared and is never committed, or never prepared, is not part of its output.
 */
export class RecordingSink implements Sink<unknown> {
  readonly kind = 'recording'
  readonly guarantee = 'exactly-once'
  readonly committed: unknown[] = []
  readonly #prepared = new Map<string, readonly unknown[]>()
  #writers: RecordingWriter[] = []
  #cuts = 0

  createWriter(context: SinkContext): SinkWriter<unknown> {
    const writer = new RecordingWriter(this, context.subtask)
    this.#writers.push(writer)
    return writer
  }

  /** All that the output would be if the job ended well now: committed, prepared and written. */
  get output(): readonly unknown[] {
    const open = this.#writers.flatMap((writer) => writer.uncommitted)
    return [...this.committed, ...[...this.#prepared.values()].flat(), ...open]
  }

  /** The job crashed: its writers are gone with what they held. Prepared output stays until `recover` decides. */
  crash(): void {
    this.#writers = []
  }

  /** The job begins again: what is not in its checkpoint will never be committed. */
  keepOnly(transactions: ReadonlySet<string>): void {
    for (const id of this.#prepared.keys()) if (!transactions.has(id)) this.#prepared.delete(id)
  }

  prepare(subtask: number, values: readonly unknown[]): string {
    const id = `${subtask}-${this.#cuts++}`
    this.#prepared.set(id, values)
    return id
  }

  /** Idempotent. */
  commit(id: string): void {
    const values = this.#prepared.get(id)
    this.#prepared.delete(id)
    if (values !== undefined) for (const value of values) this.committed.push(value)
  }
}

class RecordingWriter implements SinkWriter<unknown> {
  readonly #sink: RecordingSink
  readonly #subtask: number
  readonly #prepared: { readonly checkpointId: number; readonly id: string }[] = []
  uncommitted: unknown[] = []

  constructor(sink: RecordingSink, subtask: number) {
    this.#sink = sink
    this.#subtask = subtask
  }

  recover(restored: readonly Committable[]): Promise<void> {
    for (const { data } of restored) this.#sink.commit(data as string)
    return Promise.resolve()
  }

  write(batch: EventBatch<unknown>): void {
    for (const value of batch.values) this.uncommitted.push(value)
  }

  blocked(): undefined {
    return undefined
  }

  prepareCommit(checkpointId: number): Promise<JsonValue | undefined> {
    if (this.uncommitted.length === 0) return Promise.resolve(undefined)
    const id = this.#sink.prepare(this.#subtask, this.uncommitted)
    this.uncommitted = []
    this.#prepared.push({ checkpointId, id })
    return Promise.resolve(id)
  }

  commit(checkpointId: number): Promise<void> {
    for (const { checkpointId: prepared, id } of this.#prepared)
      if (prepared <= checkpointId) this.#sink.commit(id)
    return Promise.resolve()
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}
