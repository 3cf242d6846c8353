import type { JsonValue, StepMetrics } from '../operators/operator.ts'

/** How many recent examples are kept under a name. */
const SAMPLES_MAX = 8

/** What one step of one subtask counts, as data. */
export interface StepMetricsSnapshot {
  readonly name: string
  readonly kind: string
  readonly eventsIn: number
  readonly eventsOut: number
  /** `late`, `filtered`, `rejected` and what else the step counts. */
  readonly counters: Readonly<Record<string, number>>
  readonly gauges: Readonly<Record<string, number>>
  readonly samples: Readonly<Record<string, readonly JsonValue[]>>
  /** Undefined before there is one. */
  readonly watermarkMs: number | undefined
  /** A source or event-time step: what is known of each split. */
  readonly splits: readonly SplitMetrics[]
}

export interface SplitMetrics {
  readonly split: string
  readonly watermarkMs: number | undefined
  readonly idle: boolean
  /** Whether the step's watermark waits for this split. */
  readonly holdsBack: boolean
  readonly lag: number | undefined
}

/** The counters of one step in one subtask. */
export class StepCounters implements StepMetrics {
  readonly name: string
  readonly kind: string
  eventsIn = 0
  eventsOut = 0
  readonly #counters = new Map<string, number>()
  readonly #gauges = new Map<string, number>()
  readonly #samples = new Map<string, JsonValue[]>()

  constructor(name: string, kind: string) {
    this.name = name
    this.kind = kind
  }

  count(name: string, increment: number): void {
    this.#counters.set(name, (this.#counters.get(name) ?? 0) + increment)
  }

  gauge(name: string, value: number): void {
    this.#gauges.set(name, value)
  }

  sample(name: string, example: JsonValue): void {
    const samples = this.#samples.get(name) ?? []
    if (samples.length === 0) this.#samples.set(name, samples)
    samples.push(example)
    if (samples.length > SAMPLES_MAX) samples.shift()
  }

  snapshot(
    time: { readonly watermarkMs?: number | undefined; readonly splits?: readonly SplitMetrics[] } = {},
  ): StepMetricsSnapshot {
    return {
      name: this.name,
      kind: this.kind,
      eventsIn: this.eventsIn,
      eventsOut: this.eventsOut,
      counters: Object.fromEntries(this.#counters),
      gauges: Object.fromEntries(this.#gauges),
      samples: Object.fromEntries([...this.#samples].map(([name, examples]) => [name, [...examples]])),
      watermarkMs: time.watermarkMs === Number.MIN_SAFE_INTEGER ? undefined : time.watermarkMs,
      splits: time.splits ?? [],
    }
  }
}
