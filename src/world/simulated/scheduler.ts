/**
 * The one thread of a simulation: a queue of events ordered by virtual time (then by the order in which they were
 * scheduled). Between two events it waits for one real turn of the event loop, in which all promise chains that the
 * last event set off run to their end; only then does virtual time move. Code that waits for something real (a
 * module being imported) must be announced with `hold`; anything else would make a run depend on the machine.
 *
 * Every event belongs to a `Life` (a process, a worker); when it ends, its events never run, so that promises which
 * waited for them stay pending and nothing of the dead continues.
 */
export class Scheduler {
  /** Virtual milliseconds since the simulation began. */
  nowMs = 0
  readonly #heap: ScheduledEvent[] = []
  #sequence = 0
  #held = 0
  #running = false

  schedule(life: Life, delayMs: number, action: () => void): ScheduledEvent {
    const event: ScheduledEvent = {
      atMs: this.nowMs + Math.max(0, delayMs),
      sequence: this.#sequence++,
      life,
      action,
    }
    push(this.#heap, event)
    return event
  }

  /** Virtual time stands still until the promise has settled. */
  hold<T>(promise: Promise<T>): Promise<T> {
    this.#held++
    const release = (): void => {
      this.#held--
    }
    promise.then(release, release)
    return promise
  }

  /** Lets virtual time pass until the promise has settled. Throws what an event's action throws. */
  async runUntil<T>(promise: Promise<T>): Promise<T> {
    if (this.#running) throw new Error('the simulation runs already')
    this.#running = true
    let settled = false
    const settle = (): void => {
      settled = true
    }
    promise.then(settle, settle)
    try {
      await this.#pump(() => settled)
    } finally {
      this.#running = false
    }
    return promise
  }

  async #pump(finished: () => boolean): Promise<void> {
    let idleTurns = 0
    for (;;) {
      await turn()
      if (finished()) return
      if (this.#held > 0) continue
      const event = pop(this.#heap)
      if (event === undefined) {
        if (idleTurns++ > MAX_IDLE_TURNS) {
          throw new Error('the simulation is stuck: nothing is scheduled, and what it runs for has not ended')
        }
        continue
      }
      idleTurns = 0
      if (event.cancelled === true || !event.life.alive) continue
      if (event.atMs > this.nowMs) this.nowMs = event.atMs
      event.action()
    }
  }
}

/** Turns of the real event loop without any event before a simulation is called stuck. */
const MAX_IDLE_TURNS = 1000

export interface ScheduledEvent {
  readonly atMs: number
  readonly sequence: number
  readonly life: Life
  readonly action: () => void
  cancelled?: boolean
}

/** Something that runs and can be killed: a process, or a worker in it. */
export class Life {
  readonly name: string
  /** It ends because the power goes: nobody is told. */
  silentEnd = false
  #alive = true
  #atEnd: (() => void)[] = []

  constructor(name: string) {
    this.name = name
  }

  get alive(): boolean {
    return this.#alive
  }

  /** `action` runs when this life ends, before `end` returns. Returns a function that takes it back. */
  atEnd(action: () => void): () => void {
    this.#atEnd.push(action)
    return () => {
      const index = this.#atEnd.indexOf(action)
      if (index >= 0) this.#atEnd.splice(index, 1)
    }
  }

  end(): void {
    if (!this.#alive) return
    this.#alive = false
    const actions = this.#atEnd
    this.#atEnd = []
    for (const action of actions) action()
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function before(a: ScheduledEvent, b: ScheduledEvent): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence)
}

function push(heap: ScheduledEvent[], event: ScheduledEvent): void {
  let index = heap.length
  heap.push(event)
  while (index > 0) {
    const parent = (index - 1) >> 1
    if (before(heap[parent]!, event)) break
    heap[index] = heap[parent]!
    index = parent
  }
  heap[index] = event
}

function pop(heap: ScheduledEvent[]): ScheduledEvent | undefined {
  const first = heap[0]
  const last = heap.pop()
  if (first === undefined || last === undefined || heap.length === 0) return first
  let index = 0
  for (;;) {
    let child = 2 * index + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
    if (before(last, heap[child]!)) break
    heap[index] = heap[child]!
    index = child
  }
  heap[index] = last
  return first
}
