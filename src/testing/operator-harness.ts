/**
 * Drives one operator on scripted input under virtual time, as a task would: the way to test an operator alone.
 *
 *   const harness = new OperatorHarness({ operator: () => createOperator(description) })
 *   await harness.run([event({ user: 'a' }, { key: 'a', at: 5 }), watermark(10)])
 *   harness.results()   // [{ value: …, timestampMs: … }]
 *
 * Each subtask owns its share of the key groups; events go to the subtask of their key (without a key, in turn),
 * watermarks and time to all. `restart` takes a snapshot and goes on with new operators, at any parallelism.
 */
import { MillraceError } from '../base/millrace-error.ts'
import type { Key, Operator } from '../stream/operators/operator.ts'
import { WATERMARK_END } from '../stream/operators/operator.ts'
import { keyGroupOf, subtaskOfKeyGroup } from '../stream/state/key-group.ts'
import { DEFAULT_KEY_GROUPS } from '../stream/state/keyed-state-backend.ts'
import { HarnessSubtask, type HarnessSnapshot, type Recorded } from './harness-subtask.ts'

/** One thing that happens. */
export type ScriptStep<In> =
  | {
      readonly kind: 'event'
      readonly value: In
      readonly key?: Key | undefined
      readonly timestampMs: number
    }
  | { readonly kind: 'watermark'; readonly watermarkMs: number }
  | { readonly kind: 'advance-time'; readonly ms: number }

/** An event with its key and, in `at`, its event time in ms (0 by default). */
export function event<In>(
  value: In,
  options: { readonly key?: Key; readonly at?: number } = {},
): ScriptStep<In> {
  return { kind: 'event', value, key: options.key, timestampMs: options.at ?? 0 }
}

/** Event time has come to `watermarkMs`. */
export function watermark(watermarkMs: number): ScriptStep<never> {
  return { kind: 'watermark', watermarkMs }
}

/** Processing time goes on by `ms`. */
export function advanceTime(ms: number): ScriptStep<never> {
  return { kind: 'advance-time', ms }
}

export interface OperatorHarnessOptions<In, Out> {
  /** Makes a new operator; called for every subtask and after every restart. */
  readonly operator: () => Operator<In, Out>
  /** 1 by default. */
  readonly parallelism?: number
  /** 128 by default. */
  readonly maxParallelism?: number
  /** Processing time at the start, in ms; 0 by default. */
  readonly nowMs?: number
  /** How events that follow each other are given: together (default), or each in a batch of its own. */
  readonly batches?: 'together' | 'single'
}

/** A chain that restores: a full snapshot and the changes after it, of every subtask. */
export interface HarnessCheckpoint {
  readonly chain: readonly (readonly HarnessSnapshot[])[]
}

export class OperatorHarness<In, Out> {
  readonly #options: OperatorHarnessOptions<In, Out>
  readonly #maxParallelism: number
  readonly #recorded: Recorded[] = []
  readonly #counters = new Map<string, number>()
  #subtasks: HarnessSubtask<In, Out>[]
  #nowMs: number
  #turn = 0
  #chain: (readonly HarnessSnapshot[])[] = []

  constructor(options: OperatorHarnessOptions<In, Out>) {
    this.#options = options
    this.#maxParallelism = options.maxParallelism ?? DEFAULT_KEY_GROUPS
    this.#nowMs = options.nowMs ?? 0
    this.#subtasks = this.#startSubtasks(options.parallelism ?? 1)
  }

  async run(script: readonly ScriptStep<In>[]): Promise<void> {
    for (let i = 0; i < script.length;) {
      const step = script[i]!
      if (step.kind === 'event') {
        let end = i + 1
        if (this.#options.batches !== 'single') while (script[end]?.kind === 'event') end++
        await this.#give(script.slice(i, end) as EventStep<In>[])
        i = end
        continue
      }
      if (step.kind === 'watermark') await this.#each((subtask) => subtask.watermark(step.watermarkMs))
      else await this.advanceTime(step.ms)
      i++
    }
  }

  async advanceTime(ms: number): Promise<void> {
    this.#nowMs += ms
    await this.#each((subtask) => subtask.advanceTo(this.#nowMs))
  }

  /** All input has come: the last watermark, then the operator's end of input; waits for what is in flight. */
  async end(): Promise<void> {
    await this.#each((subtask) => subtask.watermark(WATERMARK_END))
    await Promise.all(this.#subtasks.map((subtask) => subtask.end()))
  }

  /** Snapshots into the harness's own chain: `full` begins a new one, `changes` adds to it. */
  snapshot(mode: 'full' | 'changes'): HarnessCheckpoint {
    if (mode === 'full') this.#chain = []
    if (mode === 'changes' && this.#chain.length === 0) {
      throw new MillraceError({
        code: 'MR_HARNESS',
        message: 'There is no full snapshot yet to which changes could be added.',
      })
    }
    this.#chain.push(this.#subtasks.map((subtask) => subtask.snapshot(mode)))
    return { chain: this.#chain.slice() }
  }

  /** Throws all operators away and goes on with new ones from `checkpoint` (by default a full one, taken now). */
  async restart(
    options: { readonly from?: HarnessCheckpoint; readonly parallelism?: number } = {},
  ): Promise<void> {
    const { chain } = options.from ?? this.snapshot('full')
    this.close()
    const before = this.#subtasks.length
    this.#subtasks = this.#startSubtasks(options.parallelism ?? before)
    for (const snapshots of chain) {
      for (const { entries } of snapshots) {
        for (const entry of entries) this.#subtaskOf(entry.keyGroup).restoreKeyed(entry)
      }
    }
    const parts = (chain.at(-1) ?? []).flatMap(({ operator }) => (operator === undefined ? [] : [operator]))
    this.#subtasks.forEach((subtask, n) => {
      const mine = parts.filter((_, i) => i % this.#subtasks.length === n)
      if (mine.length > 0) subtask.restoreOperator(mine)
    })
    // The chain goes on only if every part of it lies where it lay before.
    this.#chain = this.#subtasks.length === before ? chain.slice() : []
    await this.#each(() => undefined)
  }

  /** What was emitted so far, restarts included, in order. */
  results(): { readonly value: Out; readonly timestampMs: number }[] {
    return this.#outputOf(undefined) as { value: Out; timestampMs: number }[]
  }

  /** What was emitted to a side output. */
  side<T>(name: string): { readonly value: T; readonly timestampMs: number }[] {
    return this.#outputOf(name) as { value: T; timestampMs: number }[]
  }

  /** Everything that came out, watermarks too. */
  recorded(): readonly Recorded[] {
    return this.#recorded
  }

  /** A counter that the operator kept, restarts included; 0 when it never counted. */
  counter(name: string): number {
    return this.#counters.get(name) ?? 0
  }

  /** Entries of keyed state held by all subtasks, timers included. */
  stateSize(): number {
    return this.#subtasks.reduce((total, subtask) => total + subtask.stateSize(), 0)
  }

  get parallelism(): number {
    return this.#subtasks.length
  }

  close(): void {
    for (const subtask of this.#subtasks) subtask.close()
  }

  #outputOf(side: string | undefined): { value: unknown; timestampMs: number }[] {
    return this.#recorded.flatMap((each) =>
      each.kind === 'event' && each.side === side
        ? [{ value: each.value, timestampMs: each.timestampMs }]
        : [],
    )
  }

  async #give(events: readonly EventStep<In>[]): Promise<void> {
    const bySubtask = this.#subtasks.map((): EventStep<In>[] => [])
    for (const each of events) {
      const place =
        each.key === undefined
          ? this.#turn++ % this.#subtasks.length
          : this.#subtasks.indexOf(this.#subtaskOf(keyGroupOf(each.key, this.#maxParallelism)))
      bySubtask[place]!.push(each)
    }
    for (const [n, share] of bySubtask.entries()) {
      if (share.length > 0) await this.#subtasks[n]!.process(share)
    }
    await this.#each(() => undefined)
  }

  async #each(act: (subtask: HarnessSubtask<In, Out>) => void): Promise<void> {
    for (const subtask of this.#subtasks) {
      await subtask.settle()
      act(subtask)
      await subtask.settle()
    }
  }

  #subtaskOf(keyGroup: number): HarnessSubtask<In, Out> {
    const parallelism = this.#subtasks.length
    return this.#subtasks[subtaskOfKeyGroup({ keyGroup, parallelism, maxParallelism: this.#maxParallelism })]!
  }

  #startSubtasks(parallelism: number): HarnessSubtask<In, Out>[] {
    return Array.from(
      { length: parallelism },
      (_, subtask) =>
        new HarnessSubtask<In, Out>({
          operator: this.#options.operator(),
          subtask,
          parallelism,
          maxParallelism: this.#maxParallelism,
          nowMs: this.#nowMs,
          recorded: this.#recorded,
          counters: this.#counters,
        }),
    )
  }
}

type EventStep<In> = Extract<ScriptStep<In>, { kind: 'event' }>
