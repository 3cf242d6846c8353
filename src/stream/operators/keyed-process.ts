import { createHandles } from '../state/create-handles.ts'
import type { Handles, StateShape } from '../state/handles.ts'
import type { FiredTimer, TimerService } from '../time/timer-service.ts'
import { assert } from '../../base/assert.ts'
import { NO_TIMESTAMP } from './operator.ts'
import type { EventBatch, Key, Operator, OperatorContext } from './operator.ts'
import { userFunctionError } from './user-function-error.ts'

/** The low-level door: what to do with each event and each timer of a key. */
export interface KeyedProcess<In, Out, S extends StateShape = StateShape, K extends Key = Key> {
  /** The state of a key, by name; the names are part of savepoints. */
  readonly state?: S
  /** What it returns, when it returns an array, is emitted with the event's time; so is what it passes to `emit`. */
  onEvent(event: In, context: ProcessContext<Out, S, K>): readonly Out[] | void
  /** Called at the time that was asked for; results have the timer's time (none, for a timer of processing time). */
  onTimer?(timer: FiredTimer, context: ProcessContext<Out, S, K>): readonly Out[] | void
}

/** Valid during the call it is passed to, and for the key at hand only. */
export interface ProcessContext<Out, S extends StateShape = StateShape, K extends Key = Key> {
  readonly key: K
  /** The event's time or the timer's, in ms; `NO_TIMESTAMP` where there is none. */
  readonly timestampMs: number
  readonly state: Handles<S>
  readonly timers: TimerService
  emit(value: Out, timestampMs?: number): void
  /** Emits to the side output `name`. */
  side(name: string, value: unknown, timestampMs?: number): void
  watermarkMs(): number
  nowMs(): number
}

/* eslint-disable @typescript-eslint/no-explicit-any -- the builder has checked the types. */
export class KeyedProcessOperator implements Operator<any, any> {
  readonly #process: KeyedProcess<any, any>
  #context!: OperatorContext<any>
  #call!: Call

  constructor(process: KeyedProcess<any, any>) {
    this.#process = process
  }

  open(context: OperatorContext<any>): void {
    this.#context = context
    const state = createHandles(this.#process.state ?? {}, {
      backend: context.state,
      nowMs: () => context.nowMs(),
    })
    this.#call = new Call(context, state)
  }

  processBatch(batch: EventBatch<any>): void {
    const { values, timestamps, keys } = batch
    assert(keys !== undefined, 'a keyed step gets keyed batches')
    const call = this.#call
    const process = this.#process
    const backend = this.#context.state
    let i = 0
    try {
      for (; i < values.length; i++) {
        backend.setCurrentKey((call.key = keys[i]!))
        call.timestampMs = timestamps[i]!
        const results = process.onEvent(values[i], call)
        if (results !== undefined) call.emitAll(results)
      }
    } catch (cause) {
      throw this.#error('onEvent', values[i], cause)
    }
  }

  onTimer(timer: FiredTimer): void {
    const call = this.#call
    this.#context.state.setCurrentKey(timer.key)
    call.key = timer.key
    call.timestampMs = timer.domain === 'event' ? timer.timeMs : NO_TIMESTAMP
    try {
      const results = this.#process.onTimer?.(timer, call)
      if (results !== undefined) call.emitAll(results)
    } catch (cause) {
      const { domain, key, name, timeMs } = timer
      throw this.#error('onTimer', { domain, key, name, timeMs }, cause)
    }
  }

  onWatermark(watermarkMs: number): void {
    this.#context.output.watermark(watermarkMs)
  }

  #error(role: string, event: unknown, cause: unknown): Error {
    return userFunctionError({ job: this.#context.job, step: this.#context.step, role, event, cause })
  }
}

/** The one context object of an operator; its fields change from call to call. */
class Call implements ProcessContext<any, any> {
  key: Key = ''
  timestampMs: number = NO_TIMESTAMP
  readonly state: any
  readonly timers: TimerService
  readonly #context: OperatorContext<any>

  constructor(context: OperatorContext<any>, state: unknown) {
    this.#context = context
    this.state = state
    this.timers = context.timers
  }

  // Arrow functions: callbacks take the context apart (`onEvent(event, { emit })`).
  readonly emit = (value: any, timestampMs = this.timestampMs): void => {
    this.#context.output.emit(value, timestampMs)
  }

  readonly side = (name: string, value: unknown, timestampMs = this.timestampMs): void => {
    this.#context.sideOutput(name).emit(value, timestampMs)
  }

  readonly watermarkMs = (): number => this.#context.watermarkMs()

  readonly nowMs = (): number => this.#context.nowMs()

  emitAll(values: readonly any[]): void {
    for (const value of values) this.#context.output.emit(value, this.timestampMs)
  }
}
