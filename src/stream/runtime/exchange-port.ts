/**
 * The shared memory between the subtasks of a job, and how they wake each other.
 *
 * One ring for each exchange and ordered pair of subtasks. A subtask that goes to sleep sets its flag in `signals`,
 * looks once more at its rings, and waits; who writes to it or makes room for it looks at the flag and wakes it. How:
 * in threads of their own, subtasks wait on `signals` without blocking (`Atomics.waitAsync`); in one thread (a job given
 * as an object, tests, simulation) they call each other.
 */
import { createRing, RingReader, RingWriter } from './ring.ts'

/** What all subtasks of a job get; shared between threads by posting it. */
export interface ExchangeMemory {
  readonly parallelism: number
  /** [exchange][from × parallelism + to]; nothing where from = to. */
  readonly rings: readonly (readonly (SharedArrayBuffer | undefined)[])[]
  /** Two words a subtask: asleep, and a counter to wait on. */
  readonly signals: SharedArrayBuffer
}

export function createExchangeMemory(options: {
  readonly exchanges: number
  readonly parallelism: number
  readonly ringBytes?: number
}): ExchangeMemory {
  const { exchanges, parallelism, ringBytes } = options
  const rings = Array.from({ length: exchanges }, () =>
    Array.from({ length: parallelism * parallelism }, (_, pair) =>
      Math.floor(pair / parallelism) === pair % parallelism ? undefined : createRing(ringBytes),
    ),
  )
  return { parallelism, rings, signals: new SharedArrayBuffer(8 * parallelism) }
}

/** Wakes a subtask that sleeps, and waits to be woken. */
export interface Bell {
  ring(subtask: number): void
  /** Calls `wake` when the subtask's bell rings; at most one wait at a time is answered. */
  wait(wake: () => void): void
}

export class ExchangePort {
  readonly subtask: number
  readonly parallelism: number
  readonly #memory: ExchangeMemory
  readonly #asleep: Int32Array
  readonly #bell: Bell
  readonly #readers: RingReader[] = []

  constructor(memory: ExchangeMemory, subtask: number, bell: Bell) {
    this.#memory = memory
    this.subtask = subtask
    this.parallelism = memory.parallelism
    this.#asleep = new Int32Array(memory.signals)
    this.#bell = bell
  }

  writer(exchange: number, to: number): RingWriter {
    return new RingWriter(this.#memory.rings[exchange]![this.subtask * this.parallelism + to]!)
  }

  reader(exchange: number, from: number): RingReader {
    const reader = new RingReader(this.#memory.rings[exchange]![from * this.parallelism + this.subtask]!)
    this.#readers.push(reader)
    return reader
  }

  /** Something was written for `subtask`, or room was made for it. */
  notify(subtask: number): void {
    if (Atomics.load(this.#asleep, subtask * 2) === 0) return
    // One ring a sleep is enough, and a ring is a call into the operating system.
    if (Atomics.compareExchange(this.#asleep, subtask * 2, 1, 0) === 1) this.#bell.ring(subtask)
  }

  /** Calls `wake` once there may be something to do; perhaps at once. */
  sleep(wake: () => void, isReady: () => boolean): void {
    Atomics.store(this.#asleep, this.subtask * 2, 1)
    this.#bell.wait(wake)
    if (isReady()) wake()
  }

  awake(): void {
    Atomics.store(this.#asleep, this.subtask * 2, 0)
  }
}

/** For subtasks in one thread. */
export class LocalBells {
  readonly #wakes: (() => void)[] = []

  of(subtask: number): Bell {
    return {
      ring: (other) => this.#wakes[other]?.(),
      wait: (wake) => {
        this.#wakes[subtask] = wake
      },
    }
  }
}

/** For subtasks in threads of their own. The thread must be kept alive by something else: a wait here does not. */
export class SharedBell implements Bell {
  readonly #words: Int32Array
  readonly #mine: number
  #waiting = false
  #wake: () => void = () => {}

  constructor(memory: ExchangeMemory, subtask: number) {
    this.#words = new Int32Array(memory.signals)
    this.#mine = subtask * 2 + 1
  }

  ring(subtask: number): void {
    Atomics.add(this.#words, subtask * 2 + 1, 1)
    Atomics.notify(this.#words, subtask * 2 + 1)
  }

  wait(wake: () => void): void {
    this.#wake = wake
    if (this.#waiting) return
    const result = Atomics.waitAsync(this.#words, this.#mine, Atomics.load(this.#words, this.#mine))
    if (!result.async) return wake()
    this.#waiting = true
    void result.value.then(() => {
      this.#waiting = false
      this.#wake()
    })
  }
}
