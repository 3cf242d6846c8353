import { assert } from '../../base/assert.ts'
import type { JobOutput, Sink, SinkWriter } from '../../stream/connector/sink.ts'
import type { EventBatch, JsonValue } from '../../stream/operators/operator.ts'

export interface CollectOptions {
  /**
   * `'commit'` (default): events become visible when the checkpoint that contains them is complete, each exactly once
   * even if the job restarts. `'at-once'`: as they come; after a restart some come again.
   */
  readonly visible?: 'commit' | 'at-once'
}

/**
 * Hands events to the program that started the job: read them with `run.output(stepName)`. The queue is bounded
 * (`outputCapacity` of `runJob`): a job whose output nobody reads comes to a halt rather than filling the memory. What
 * is not committed yet, the output of one checkpoint interval, is held beside it.
 */
export function collect<T>(options: CollectOptions = {}): Sink<T> {
  const atOnce = options.visible === 'at-once'
  return {
    kind: 'collect',
    guarantee: atOnce ? 'at-least-once' : 'exactly-once',
    createWriter({ output }) {
      assert(output !== undefined, 'the runtime gives collect() sinks an output')
      return new CollectWriter<T>(output, atOnce || !output.commits)
    },
  }
}

class CollectWriter<T> implements SinkWriter<T> {
  readonly #output: JobOutput
  readonly #atOnce: boolean
  #held: T[] = []

  constructor(output: JobOutput, atOnce: boolean) {
    this.#output = output
    this.#atOnce = atOnce
  }

  /** The output itself survives restarts: it shows what the restored checkpoint held and drops the rest. */
  recover(): Promise<void> {
    return Promise.resolve()
  }

  write(batch: EventBatch<T>): void {
    if (this.#atOnce) this.#output.push(batch.values.slice())
    else for (const value of batch.values) this.#held.push(value)
  }

  blocked(): Promise<void> | undefined {
    return this.#output.blocked()
  }

  prepareCommit(checkpointId: number): Promise<JsonValue | undefined> {
    if (this.#held.length > 0) {
      this.#output.stage(checkpointId, this.#held)
      this.#held = []
    }
    return Promise.resolve(undefined)
  }

  commit(checkpointId: number): Promise<void> {
    this.#output.committed(checkpointId)
    return Promise.resolve()
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}
