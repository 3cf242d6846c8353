/** A client that writes numbered events to `numbers`, on and on, whatever happens to the server. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { LogClient } from '../src/log/client/log-client.ts'
import { createProducer, type Producer } from '../src/log/client/producer.ts'
import type { SeededRandom } from '../src/world/simulated/seeded-random.ts'

export class EventProducer {
  /** Events whose acknowledgement (acks=all) came. */
  readonly acknowledged = new Set<string>()
  /** Errors of sessions that were not given up: the server was down, but the producer may not lose anything by that. */
  readonly failures: Error[] = []
  readonly #client: LogClient
  readonly #name: string
  readonly #partitions: number
  readonly #random: SeededRandom
  #sessions = 0
  #giveUp = false
  #stopping = false
  #running: Promise<void> | undefined

  constructor(
    client: LogClient,
    options: { readonly name: string; readonly partitions: number; readonly random: SeededRandom },
  ) {
    this.#client = client
    this.#name = options.name
    this.#partitions = options.partitions
    this.#random = options.random
  }

  start(): void {
    this.#running = this.#run()
  }

  /** What is on its way now gets lost or not, nobody will tell; a new producer with new events takes over. */
  giveUp(): void {
    this.#giveUp = true
  }

  /** Resolves once everything that was sent has been acknowledged. */
  async stop(): Promise<void> {
    this.#stopping = true
    await this.#running
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      const producer = await createProducer(this.#client, {
        lingerMs: this.#random.pick([0, 5, 20]),
        deliveryTimeoutMs: 3_600_000,
      })
      const session = { name: `${this.#name}/${this.#sessions++}`, number: 0, givenUp: false }
      this.#giveUp = false
      while (!this.#stopping && !this.#giveUp) {
        for (let count = 1 + this.#random.below(6); count > 0; count--) this.#send(producer, session)
        await producer.blocked()
        await sleep(this.#random.below(20))
      }
      session.givenUp = this.#giveUp
      await producer.close({ discard: session.givenUp })
    }
  }

  #send(
    producer: Producer,
    session: { readonly name: string; number: number; readonly givenUp: boolean },
  ): void {
    const event = `${session.name}.${session.number++}`
    const partition = this.#random.below(this.#partitions)
    producer.send({ topic: 'numbers', partition, key: null, value: event }, (error) => {
      if (error === undefined) this.acknowledged.add(event)
      else if (!session.givenUp) this.failures.push(error)
    })
  }
}
