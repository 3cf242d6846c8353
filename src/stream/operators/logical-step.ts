/**
 * How each operator is made from a plain description; what the graph builder and every driver use.
 *
 *   stateless   a fused chain of map / filter / flatMap / event time, at its end perhaps the key of each event; emits
 *               batches (`Output.emitBatch`), with `keys` when `keyBy` is set
 *   process     keyed state and timers (needs `batch.keys`)
 *   window      keyed windows (needs `batch.keys`); late events go to the side output `late`
 *   map-async   calls that take time, several in flight
 *
 * Union, exchange, split by side output and the source's watermarks (`time/watermarks.ts`) are the driver's.
 * Functions are typed by the builder; here they are opaque.
 */
import type { StateShape } from '../state/handles.ts'
import type { AsyncMapOptions, AsyncFunction } from './map-async.ts'
import type { KeyedProcess } from './keyed-process.ts'
import type { Operator } from './operator.ts'
import type { StatelessOperation, KeySelector } from './fuse.ts'
import type { WindowAssigner, WindowLogic, WindowOptions } from './windows/window-spec.ts'
import { StatelessOperator } from './stateless.ts'
import { KeyedProcessOperator } from './keyed-process.ts'
import { MapAsyncOperator } from './map-async.ts'
import { createWindowOperator } from './windows/create-window-operator.ts'

/* eslint-disable @typescript-eslint/no-explicit-any -- the builder has checked the types. */
export type StepDescription =
  | {
      readonly kind: 'stateless'
      readonly operations: readonly StatelessOperation[]
      /** When set, each emitted batch carries the keys; `step` names it in errors. */
      readonly keyBy?: { readonly step: string; readonly key: KeySelector }
    }
  | { readonly kind: 'process'; readonly process: KeyedProcess<any, any, StateShape> }
  | {
      readonly kind: 'window'
      readonly assigner: WindowAssigner
      readonly options: WindowOptions
      readonly logic: WindowLogic
    }
  | { readonly kind: 'map-async'; readonly apply: AsyncFunction<any, any>; readonly options: AsyncMapOptions }

/** A new instance for one subtask. Throws `MR_WINDOW` and the like when the description cannot be. */
export function createOperator(description: StepDescription): Operator<any, any> {
  switch (description.kind) {
    case 'stateless':
      return new StatelessOperator(description)
    case 'process':
      return new KeyedProcessOperator(description.process)
    case 'window':
      return createWindowOperator(description)
    case 'map-async':
      return new MapAsyncOperator(description.apply, description.options)
  }
}
