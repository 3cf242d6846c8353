import { assert } from '../../base/assert.ts'
import { PendingMessages } from '../pending-messages.ts'
import type { MessagePipe, SpawnOptions, WorkerHandle, WorkerMain, Workers, World } from '../world.ts'
import { Life } from './scheduler.ts'
import type { Scheduler } from './scheduler.ts'
import type { SeededRandom } from './seeded-random.ts'

/** A message between two lives takes this long, from–to, in virtual ms. */
const MESSAGE_DELAY_MS = [0.01, 0.1] as const

/**
 * Workers that run in the simulation's one thread, each as a life of its own. They share their modules' variables, and
 * must not block: `Atomics.wait` would wait for ever.
 */
export class SimulatedWorkers implements Workers {
  readonly sharedMemoryWait = false
  readonly parallelism = 2
  readonly #scheduler: Scheduler
  readonly #random: SeededRandom
  readonly #parent: Life
  readonly #worldOf: (life: Life) => World

  constructor(options: {
    scheduler: Scheduler
    random: SeededRandom
    parent: Life
    worldOf: (life: Life) => World
  }) {
    this.#scheduler = options.scheduler
    this.#random = options.random
    this.#parent = options.parent
    this.#worldOf = options.worldOf
  }

  spawn(options: SpawnOptions): WorkerHandle {
    const data: unknown = structuredClone(options.data)
    const life = new Life(`${this.#parent.name}/${options.name}`)
    const forget = this.#parent.atEnd(() => {
      life.silentEnd = this.#parent.silentEnd
      life.end()
    })
    const toWorker = this.#channel(life)
    const toParent = this.#channel(this.#parent)
    const ended = Promise.withResolvers<Error | undefined>()
    const end = (error: Error | undefined): void => {
      if (!life.alive) return
      forget()
      life.end()
      // After the messages that are still under way.
      this.#scheduler.schedule(this.#parent, MESSAGE_DELAY_MS[1], () => ended.resolve(error))
    }
    this.#scheduler.schedule(life, this.#random.between(...MESSAGE_DELAY_MS), () => {
      const world = this.#worldOf(life)
      const pipe: MessagePipe = { post: toParent.post, onMessage: toWorker.onMessage }
      const loaded = this.#scheduler.hold(
        import(options.entry.href) as Promise<{ readonly main?: WorkerMain }>,
      )
      const run = async (): Promise<void> => {
        const { main } = await loaded
        if (!life.alive) return
        assert(typeof main === 'function', `worker module ${options.entry.href} exports no main`)
        await main({ world, pipe, data })
      }
      run().then(
        () => end(undefined),
        (error: unknown) => end(error instanceof Error ? error : new Error(String(error))),
      )
    })
    return {
      ended: ended.promise,
      post: toWorker.post,
      onMessage: toParent.onMessage,
      terminate: async () => {
        end(undefined)
        await ended.promise
      },
    }
  }

  /** One direction of a pipe, to `receiver`. */
  #channel(receiver: Life): MessagePipe {
    const received = new PendingMessages()
    let newestMs = 0
    return {
      post: (message, transfer) => {
        const copy: unknown = structuredClone(message, { transfer: [...(transfer ?? [])] })
        newestMs = Math.max(newestMs, this.#scheduler.nowMs + this.#random.between(...MESSAGE_DELAY_MS))
        this.#scheduler.schedule(receiver, newestMs - this.#scheduler.nowMs, () => received.deliver(copy))
      },
      onMessage: (callback) =>
        received.receive(callback, (action) => this.#scheduler.schedule(receiver, 0, action)),
    }
  }
}
