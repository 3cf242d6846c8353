/**
 * Sources for a job that runs inside an application: events are pushed by the program, or pulled out of an async
 * iterable. Neither can be read again. A failure inside the process loses the events since the last checkpoint that
 * the job had taken; the ones that wait in the queue stay.
 */
import { MillraceError } from '../../base/millrace-error.ts'
import type { Source, SourceBatch, SourceReader, Split } from '../../stream/connector/source.ts'
import { NO_TIMESTAMP } from '../../stream/operators/operator.ts'

const BATCH_SIZE = 1024

/** A source that the program feeds. */
export interface PushSource<T> extends Source<T> {
  /**
   * Queues an event. Resolves once the queue has room again: await it, and the job's pace becomes the caller's.
   * Throws `MR_SOURCE_ENDED` after `end()`.
   */
  push(event: T): Promise<void>
  /** No more events: a job all of whose sources have ended finishes. */
  end(): void
  /** Ends the source with an error, which fails the job. */
  fail(error: unknown): void
  /** Events that wait in the queue. */
  readonly waiting: number
}

/** Makes a source to push events into; `capacity` is the queue's bound in events (default 10,000). */
export function pushSource<T>(options: { readonly capacity?: number } = {}): PushSource<T> {
  const queue = new EventQueue<T>(options.capacity ?? 10_000)
  return {
    ...queueSource('push', queue),
    push: (event) => queue.push(event),
    end: () => queue.end(),
    fail: (error) => queue.fail(error),
    get waiting() {
      return queue.size
    },
  }
}

/**
 * Reads an async (or plain) iterable: a generator function, a Node stream, anything with `for await`. It is pulled
 * ahead of the job by at most `capacity` events (default 1,024). A function is
 * called when the job begins. Like what is pushed, events are given once: restarts go on where they were, and a job that is run
 * a second time gets none, so make a new one of it.
 */
export function fromAsyncIterable<T>(
  events: AsyncIterable<T> | Iterable<T> | (() => AsyncIterable<T> | Iterable<T>),
  options: { readonly capacity?: number } = {},
): Source<T> {
  const queue = new EventQueue<T>(options.capacity ?? 1024)
  let pulling = false
  const pull = async (): Promise<void> => {
    try {
      for await (const event of typeof events === 'function' ? events() : events) await queue.push(event)
      queue.end()
    } catch (error) {
      queue.fail(error)
    }
  }
  return queueSource('async-iterable', queue, () => {
    if (pulling) return
    pulling = true
    void pull()
  })
}

function queueSource<T>(kind: string, queue: EventQueue<T>, onOpen: () => void = () => {}): Source<T> {
  return {
    kind,
    replayable: false,
    discoverSplits: () => Promise.resolve([{ id: 'queue', position: null }]),
    createReader: () => new QueueReader(queue, onOpen),
  }
}

/** A bounded queue with one reader at a time. A push into a full queue is taken, and its promise waits for room. */
class EventQueue<T> {
  readonly #capacity: number
  #events: T[] = []
  #ended = false
  #failure: { readonly error: unknown } | undefined
  #room: PromiseWithResolvers<void> | undefined
  #arrival: PromiseWithResolvers<void> | undefined

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  get size(): number {
    return this.#events.length
  }

  push(event: T): Promise<void> {
    if (this.#ended || this.#failure !== undefined) {
      return Promise.reject(
        new MillraceError({
          code: 'MR_SOURCE_ENDED',
          message: 'an event was pushed into a source that had ended.',
        }),
      )
    }
    this.#events.push(event)
    this.#signalArrival()
    if (this.#events.length < this.#capacity) return Promise.resolve()
    this.#room ??= Promise.withResolvers()
    return this.#room.promise
  }

  end(): void {
    this.#ended = true
    this.#signalArrival()
  }

  fail(error: unknown): void {
    this.#failure ??= { error }
    this.#signalArrival()
  }

  /** Takes up to a batch, or says that there is nothing now or nothing any more. */
  take(): T[] | 'wait' | 'end' {
    if (this.#events.length > 0) {
      const taken = this.#events.length <= BATCH_SIZE ? this.#events : this.#events.slice(0, BATCH_SIZE)
      this.#events = taken === this.#events ? [] : this.#events.slice(BATCH_SIZE)
      if (this.#events.length < this.#capacity) {
        this.#room?.resolve()
        this.#room = undefined
      }
      return taken
    }
    if (this.#failure !== undefined) throw this.#failure.error
    return this.#ended ? 'end' : 'wait'
  }

  /** Resolves when something has arrived, or when `close` is called by the reader that waits. */
  arrival(): Promise<void> {
    this.#arrival ??= Promise.withResolvers()
    return this.#arrival.promise
  }

  wake(): void {
    this.#signalArrival()
  }

  #signalArrival(): void {
    this.#arrival?.resolve()
    this.#arrival = undefined
  }
}

class QueueReader<T> implements SourceReader<T> {
  readonly #queue: EventQueue<T>
  readonly #onOpen: () => void
  #splits: readonly Split[] = []
  #closed = false

  constructor(queue: EventQueue<T>, onOpen: () => void) {
    this.#queue = queue
    this.#onOpen = onOpen
  }

  open(splits: readonly Split[]): Promise<void> {
    this.#splits = splits
    if (splits.length > 0) this.#onOpen()
    return Promise.resolve()
  }

  async poll(): Promise<SourceBatch<T> | 'end'> {
    const split = this.#splits[0]
    if (split === undefined) return 'end'
    for (;;) {
      const values = this.#closed ? 'end' : this.#queue.take()
      if (values === 'end') return 'end'
      if (values !== 'wait') {
        const timestamps = values.map(() => NO_TIMESTAMP)
        const waiting = this.#queue.size
        return { splitId: split.id, values, timestamps, rejected: [], caughtUp: waiting === 0, lag: waiting }
      }
      await this.#queue.arrival()
    }
  }

  snapshot(): readonly Split[] {
    return this.#splits
  }

  onCheckpointComplete(): Promise<void> {
    return Promise.resolve()
  }

  close(): Promise<void> {
    this.#closed = true
    this.#queue.wake()
    return Promise.resolve()
  }
}
