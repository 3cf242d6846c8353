/**
 * Calls that take time (a lookup over the network), several in flight, each event's result in place of the event.
 *
 * Inputs and watermarks stand in one queue. Ordered: results leave at the head only. Unordered: a result leaves as soon
 * as it is there, but never past a watermark, so that no event becomes late by waiting here. A batch may bring more
 * than `capacity`; the rest waits in the queue, uncalled, and `blocked()` holds further batches back.
 *
 * A snapshot holds the inputs whose results have not left; after a restore they are called again. So a call may happen
 * twice: what it does elsewhere should bear that.
 */
import { MillraceError } from '../../base/millrace-error.ts'
import { decodeJson, encodeJson } from '../state/json-codec.ts'
import type { EventBatch, JsonValue, Operator, OperatorContext, ScheduledTask } from './operator.ts'
import { excerpt, userFunctionError } from './user-function-error.ts'

export interface AsyncMapOptions {
  /** Results in the order of their inputs (default), or as they come. */
  readonly order?: 'ordered' | 'unordered'
  /** Calls in flight at most; 100 by default. */
  readonly capacity?: number
  /** How long one attempt may take, in ms; 60,000 by default. */
  readonly timeoutMs?: number
  readonly retry?: AsyncRetry
}

export interface AsyncRetry {
  /** Attempts in all, the first included; 1 (no retry) by default. */
  readonly attempts: number
  /** The pause before the second attempt, doubled for each further one; 100 ms by default. */
  readonly backoffMs?: number
  /** The longest pause; 10,000 ms by default. */
  readonly backoffMsMax?: number
}

export type AsyncFunction<In, Out> = (value: In, call: AsyncCall) => Promise<Out>

export interface AsyncCall {
  /** 1 for the first. */
  readonly attempt: number
  /** Aborts when the attempt has timed out or the job stops. */
  readonly signal: AbortSignal
}

interface Entry {
  readonly kind: 'event'
  readonly value: unknown
  readonly timestampMs: number
  state: 'waiting' | 'called' | 'done'
  result: unknown
  attempt: number
  abort: AbortController | undefined
  timer: ScheduledTask | undefined
}

type Queued = Entry | { readonly kind: 'watermark'; readonly watermarkMs: number }

const FORMAT = 'map-async/1'

/* eslint-disable @typescript-eslint/no-explicit-any -- the builder has checked the types. */
export class MapAsyncOperator implements Operator<any, any> {
  readonly #apply: AsyncFunction<any, any>
  readonly #ordered: boolean
  readonly #capacity: number
  readonly #timeoutMs: number
  readonly #retry: Required<AsyncRetry>
  #context!: OperatorContext<any>
  /** In the order they came; a `Set`, so that an unordered result leaves from the middle. */
  readonly #queue = new Set<Queued>()
  readonly #waiting: Entry[] = []
  #called = 0
  #held = 0
  #completed: Entry[] = []
  #room: PromiseWithResolvers<void> | undefined
  #empty: PromiseWithResolvers<void> | undefined
  #closed = false

  constructor(apply: AsyncFunction<any, any>, options: AsyncMapOptions = {}) {
    this.#apply = apply
    this.#ordered = (options.order ?? 'ordered') === 'ordered'
    this.#capacity = options.capacity ?? 100
    this.#timeoutMs = options.timeoutMs ?? 60_000
    this.#retry = { attempts: 1, backoffMs: 100, backoffMsMax: 10_000, ...options.retry }
    if (this.#capacity >= 1 && this.#timeoutMs > 0 && this.#retry.attempts >= 1) return
    throw new MillraceError({
      code: 'MR_CONFIG_INVALID',
      message: 'mapAsync needs a capacity and attempts of at least 1, and a timeout above 0 ms.',
    })
  }

  open(context: OperatorContext<any>): void {
    this.#context = context
  }

  processBatch(batch: EventBatch<any>): void {
    const { values, timestamps } = batch
    for (let i = 0; i < values.length; i++) this.#add(values[i], timestamps[i]!)
  }

  onWatermark(watermarkMs: number): void {
    if (this.#queue.size === 0) this.#context.output.watermark(watermarkMs)
    else this.#queue.add({ kind: 'watermark', watermarkMs })
  }

  snapshot(): JsonValue | undefined {
    const inputs: [unknown, number][] = []
    for (const queued of this.#queue) {
      if (queued.kind === 'event') inputs.push([queued.value, queued.timestampMs])
    }
    return inputs.length === 0 ? undefined : { format: FORMAT, inputs: encodeJson(inputs) }
  }

  restore(parts: readonly JsonValue[]): void {
    for (const part of parts) {
      const { format, inputs } = part as { format: string; inputs: string }
      if (format !== FORMAT) {
        throw new MillraceError({
          code: 'MR_STATE_FORMAT',
          job: this.#context.job,
          step: this.#context.step,
          message: `The step's inputs in flight were written as "${format}"; this job reads "${FORMAT}".`,
          fix: 'Restore with the version of Millrace that wrote it, or a newer one.',
        })
      }
      for (const [value, timestampMs] of decodeJson(inputs) as [unknown, number][])
        this.#add(value, timestampMs)
    }
  }

  blocked(): Promise<void> | undefined {
    if (this.#held < this.#capacity) return undefined
    return (this.#room ??= Promise.withResolvers()).promise
  }

  endOfInput(): Promise<void> | undefined {
    if (this.#queue.size === 0) return undefined
    return (this.#empty ??= Promise.withResolvers()).promise
  }

  close(): void {
    this.#closed = true
    for (const queued of this.#queue) {
      if (queued.kind === 'event') this.#endAttempt(queued)
    }
    this.#queue.clear()
  }

  #add(value: unknown, timestampMs: number): void {
    const entry: Entry = {
      kind: 'event',
      value,
      timestampMs,
      state: 'waiting',
      result: undefined,
      attempt: 0,
      abort: undefined,
      timer: undefined,
    }
    this.#queue.add(entry)
    this.#held++
    if (this.#called < this.#capacity) this.#call(entry)
    else this.#waiting.push(entry)
  }

  #call(entry: Entry): void {
    entry.state = 'called'
    this.#called++
    this.#attempt(entry, 1)
  }

  #attempt(entry: Entry, attempt: number): void {
    entry.attempt = attempt
    const abort = new AbortController()
    entry.abort = abort
    entry.timer = this.#context.schedule(this.#timeoutMs, () => {
      const error = new MillraceError({
        code: 'MR_ASYNC_TIMEOUT',
        job: this.#context.job,
        step: this.#context.step,
        message: `The call for ${excerpt(entry.value)} took longer than ${this.#timeoutMs} ms (attempt ${attempt}).`,
        fix: 'Raise timeoutMs, allow more attempts, or find out why the other side is slow.',
      })
      this.#failed(entry, attempt, error)
      abort.abort(error)
    })
    const isCurrent = (): boolean => !this.#closed && entry.state === 'called' && entry.attempt === attempt
    const succeed = (result: unknown): void => {
      if (isCurrent()) this.#succeeded(entry, result)
    }
    const fail = (error: unknown): void => {
      if (isCurrent()) this.#context.enqueue(() => isCurrent() && this.#failed(entry, attempt, error))
    }
    try {
      this.#apply(entry.value, { attempt, signal: abort.signal }).then(succeed, fail)
    } catch (error) {
      fail(error)
    }
  }

  /** Completions of one turn of the event loop are handled together. */
  #succeeded(entry: Entry, result: unknown): void {
    this.#endAttempt(entry)
    entry.state = 'done'
    entry.result = result
    if (this.#completed.push(entry) === 1) this.#context.enqueue(() => this.#handleCompleted())
  }

  #failed(entry: Entry, attempt: number, error: unknown): void {
    if (entry.state !== 'called' || entry.attempt !== attempt || this.#closed) return
    this.#endAttempt(entry)
    const { attempts, backoffMs, backoffMsMax } = this.#retry
    if (attempt < attempts) {
      this.#context.metrics.count('retried', 1)
      // Nothing of this attempt counts any more, also while the next one is waiting.
      entry.attempt = attempt + 1
      const delayMs = Math.min(backoffMs * 2 ** (attempt - 1), backoffMsMax)
      entry.timer = this.#context.schedule(delayMs, () => this.#attempt(entry, attempt + 1))
      return
    }
    const { job, step } = this.#context
    this.#context.fail(userFunctionError({ job, step, role: 'mapAsync', event: entry.value, cause: error }))
  }

  #endAttempt(entry: Entry): void {
    entry.timer?.cancel()
    entry.timer = undefined
    if (this.#closed) entry.abort?.abort()
    entry.abort = undefined
  }

  #handleCompleted(): void {
    if (this.#closed) return
    const completed = this.#completed
    this.#completed = []
    this.#called -= completed.length
    while (this.#called < this.#capacity && this.#waiting.length > 0) this.#call(this.#waiting.shift()!)
    if (!this.#ordered) this.#emitUnordered(completed)
    this.#emitHead()
    if (this.#held < this.#capacity) {
      this.#room?.resolve()
      this.#room = undefined
    }
    if (this.#queue.size === 0) {
      this.#empty?.resolve()
      this.#empty = undefined
    }
  }

  /** Emits, in the order of completion, what came before the first watermark that is held. */
  #emitUnordered(completed: readonly Entry[]): void {
    const free = new Set<Queued>()
    for (const queued of this.#queue) {
      if (queued.kind === 'watermark') break
      free.add(queued)
    }
    for (const entry of completed) {
      if (free.has(entry)) this.#emit(entry)
    }
  }

  /** Emits from the head of the queue what is done, with the watermarks between; unordered, also what a watermark held. */
  #emitHead(): void {
    for (const queued of this.#queue) {
      if (queued.kind === 'event') {
        if (queued.state === 'done') this.#emit(queued)
        else if (this.#ordered) return
        continue
      }
      if (this.#queue.values().next().value !== queued) return
      this.#queue.delete(queued)
      this.#context.output.watermark(queued.watermarkMs)
    }
  }

  #emit(entry: Entry): void {
    this.#queue.delete(entry)
    this.#held--
    this.#context.output.emit(entry.result, entry.timestampMs)
  }
}
