import { connectClient, type LogClient } from '../../log/client/client.ts'
import {
  createProducer,
  type Producer,
  type SenderOptions,
  type ProducerRecord,
} from '../../log/client/producer.ts'
import type { SinkContext, SinkWriter } from '../../stream/connector/sink.ts'
import type { EventBatch } from '../../stream/operators/operator.ts'
import { clusterFor, type ClusterOptions } from './kafka-options.ts'
import { ensureTopic } from './ensure-topic.ts'

export interface IdempotentWriterOptions<T> extends ClusterOptions {
  readonly topic: string
  readonly partitions?: number
  readonly producer?: SenderOptions
  /** Called once, before the first event. */
  readonly openRecord: () => Promise<RecordOf<T>>
}

export type RecordOf<T> = (event: T, timestampMs: number) => ProducerRecord

/** Visible at once, in order, without duplicates but after a crash of the job, when events since the checkpoint come again. */
export class IdempotentWriter<T> implements SinkWriter<T> {
  readonly #options: IdempotentWriterOptions<T>
  readonly #context: SinkContext
  #client: LogClient | undefined
  #producer: Producer | undefined
  #record!: RecordOf<T>

  constructor(options: IdempotentWriterOptions<T>, context: SinkContext) {
    this.#options = options
    this.#context = context
  }

  async recover(): Promise<void> {
    const { producer, openRecord } = this.#options
    this.#record = await openRecord()
    this.#client = await connectSink(this.#options, this.#context)
    await ensureTopic(this.#client, this.#options)
    this.#producer = await createProducer(this.#client, producer)
  }

  write({ values, timestamps }: EventBatch<T>): void {
    for (let i = 0; i < values.length; i++)
      this.#producer?.send(this.#record(values[i] as T, timestamps[i] as number))
  }

  blocked(): Promise<void> | undefined {
    return this.#producer?.blocked() as Promise<void> | undefined
  }

  async prepareCommit(): Promise<undefined> {
    await this.#producer?.flush()
    return undefined
  }

  commit(): Promise<void> {
    return Promise.resolve()
  }

  async close(): Promise<void> {
    await this.#producer?.close({ discard: true })
    await this.#client?.close()
  }
}

export function connectSink(
  options: ClusterOptions & { readonly topic: string },
  context: SinkContext,
): Promise<LogClient> {
  const { world, job, step, subtask } = context
  return connectClient({
    world,
    ...clusterFor(options, context),
    clientId: `millrace.${job}.${step}.${subtask}`,
  })
}
