/** The same events from a client that is not ours: kafkajs, idempotent, acks=all, one request at a time. */
import { Kafka, logLevel } from 'kafkajs'

export class KafkajsEvents {
  readonly acknowledged = new Set<string>()
  readonly #kafka: Kafka
  #stopping = false
  #running: Promise<void> | undefined

  constructor(bootstrap: string) {
    this.#kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING, connectionTimeout: 1_000 })
  }

  start(): void {
    this.#running = this.#run()
  }

  async stop(): Promise<void> {
    this.#stopping = true
    await this.#running
  }

  async #run(): Promise<void> {
    for (let session = 0; !this.#stopping; session++) {
      const producer = this.#kafka.producer({
        idempotent: true,
        maxInFlightRequests: 1,
        retry: { initialRetryTime: 20, maxRetryTime: 200, retries: 1_000 },
      })
      try {
        await producer.connect()
        for (let number = 0; !this.#stopping; number++) {
          const event = `kafkajs/${session}.${number}`
          await producer.send({ topic: 'numbers', acks: -1, messages: [{ key: event, value: event }] })
          this.acknowledged.add(event)
        }
      } catch {
        // It gave up: whether the last event arrived is unknown. The next session goes on with others.
      } finally {
        await producer.disconnect()
      }
    }
  }
}
