interface Part {
  readonly values: readonly unknown[]
  readonly onConsumed: ((count: number) => void) | undefined
}

/**
 * What one sink of a job hands to the application: a bounded queue with one reader. Values are visible at once, or when
 * the checkpoint they were staged for is complete. The queue outlives restarts of the job, so it shows each once.
 */
export class OutputQueue implements AsyncIterable<unknown> {
  readonly #capacity: number
  readonly #visible: Part[] = []
  #staged: (Part & { readonly checkpointId: number })[] = []
  #unread = 0
  #room: PromiseWithResolvers<void> | undefined
  #arrival: PromiseWithResolvers<void> | undefined
  #ended = false
  #error: Error | undefined

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  /** `onConsumed` is told how many of the values the reader has taken, as it takes them. */
  push(values: readonly unknown[], onConsumed?: (count: number) => void): void {
    this.#show({ values, onConsumed })
  }

  stage(checkpointId: number, values: readonly unknown[], onConsumed?: (count: number) => void): void {
    this.#staged.push({ checkpointId, values, onConsumed })
  }

  /** The checkpoint is complete: what was staged for it, or before, becomes visible. */
  commit(checkpointId: number): void {
    const staged = this.#staged
    this.#staged = staged.filter((part) => part.checkpointId > checkpointId)
    for (const part of staged) if (part.checkpointId <= checkpointId) this.#show(part)
  }

  /** The job goes on from a checkpoint: what was staged for later ones will come again. */
  restored(checkpointId: number): void {
    this.commit(checkpointId)
    this.#staged = []
  }

  blocked(): Promise<void> | undefined {
    if (this.#unread < this.#capacity) return undefined
    this.#room ??= Promise.withResolvers()
    return this.#room.promise
  }

  /** Nothing follows; readers get what is visible, then the error if there is one. */
  end(error?: Error): void {
    this.#ended = true
    this.#error = error
    this.#announce()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<unknown, void, undefined> {
    for (;;) {
      const part = this.#visible[0]
      if (part === undefined) {
        if (this.#error !== undefined) throw this.#error
        if (this.#ended) return
        this.#arrival ??= Promise.withResolvers()
        await this.#arrival.promise
        continue
      }
      let next = 0
      try {
        while (next < part.values.length) yield part.values[next++]
      } finally {
        // A reader that leaves in the middle leaves the rest for the next one.
        this.#consumed(part, next)
      }
    }
  }

  /** All that is visible now, taken out. */
  take(): unknown[] {
    const parts = [...this.#visible]
    for (const part of parts) this.#consumed(part, part.values.length)
    return parts.flatMap((part) => part.values)
  }

  #consumed(part: Part, count: number): void {
    this.#visible.shift()
    if (count < part.values.length) this.#visible.unshift({ ...part, values: part.values.slice(count) })
    this.#unread -= count
    part.onConsumed?.(count)
    this.#makeRoom()
  }

  #makeRoom(): void {
    if (this.#unread >= this.#capacity) return
    this.#room?.resolve()
    this.#room = undefined
  }

  #show(part: Part): void {
    this.#visible.push(part)
    this.#unread += part.values.length
    this.#announce()
  }

  #announce(): void {
    this.#arrival?.resolve()
    this.#arrival = undefined
  }
}
