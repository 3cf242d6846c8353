import { MillraceError } from '../../../base/millrace-error.ts'
import type { Operator, OperatorContext } from '../operator.ts'
import { userFunctionError } from '../user-function-error.ts'
import { isNumeric } from './numeric-plan.ts'
import { NumericSlices } from './numeric-slices.ts'
import { ObjectSlices, objectLogicOf } from './object-slices.ts'
import { SessionWindowOperator } from './session-windows.ts'
import { SliceTimes } from './slice-times.ts'
import { SlicedWindowOperator } from './sliced-windows.ts'
import type { WindowAssigner, WindowLogic, WindowOptions } from './window-spec.ts'

/* eslint-disable @typescript-eslint/no-explicit-any -- the builder has checked the types. */
export interface WindowDescription {
  readonly assigner: WindowAssigner
  readonly options: WindowOptions
  readonly logic: WindowLogic
}

/** Picks the operator and the state that fit the windows. Throws `MR_WINDOW` for windows that cannot be. */
export function createWindowOperator(description: WindowDescription): Operator<any, any> {
  const { assigner, options, logic } = description
  const allowedLatenessMs = options.allowedLatenessMs ?? 0
  const earlyEveryMs = options.trigger?.kind === 'early' ? options.trigger.everyMs : 0
  check(description, allowedLatenessMs, earlyEveryMs)
  const { clock } = assigner
  switch (assigner.kind) {
    case 'session':
      return new SessionWindowOperator({
        gapMs: assigner.gapMs,
        clock,
        allowedLatenessMs,
        earlyEveryMs,
        logic: objectLogicOf(logic),
      })
    case 'tumbling':
    case 'sliding': {
      const slideMs = assigner.kind === 'sliding' ? assigner.slideMs : assigner.sizeMs
      const times = new SliceTimes({ sizeMs: assigner.sizeMs, slideMs, offsetMs: assigner.offsetMs })
      const common = { times, clock, allowedLatenessMs, earlyEveryMs }
      if (logic.kind === 'aggregate' && isNumeric(logic.aggregators)) {
        const { aggregators } = logic
        return new SlicedWindowOperator({
          ...common,
          createStore: (context) =>
            new NumericSlices(aggregators, (cause, event) => wrap(context, 'aggregate', cause, event)),
        })
      }
      return new SlicedWindowOperator({
        ...common,
        createStore: (context) =>
          new ObjectSlices(objectLogicOf(logic), (role, cause, event) => wrap(context, role, cause, event)),
      })
    }
  }
}

function wrap(context: OperatorContext<unknown>, role: string, cause: unknown, event: unknown): Error {
  return userFunctionError({ job: context.job, step: context.step, role, event, cause })
}

function check(description: WindowDescription, allowedLatenessMs: number, earlyEveryMs: number): void {
  const { assigner, options, logic } = description
  if (!(allowedLatenessMs >= 0) || !Number.isFinite(allowedLatenessMs)) {
    throw impossible('allowedLatenessMs must be a number of milliseconds, 0 or more')
  }
  if (options.trigger?.kind === 'early' && !(earlyEveryMs > 0)) throw impossible('everyMs must be above 0')
  if (assigner.kind === 'session') {
    if (!Number.isSafeInteger(assigner.gapMs) || assigner.gapMs <= 0) {
      throw impossible('gapMs must be a whole number of milliseconds above 0')
    }
    if (logic.kind === 'process' && logic.initialState !== undefined) {
      throw impossible('sessions merge, so a session window cannot have state of its own')
    }
  }
  if (logic.kind !== 'aggregate') return
  const names = Object.keys(logic.aggregators)
  const taken = names.find((name) => name === 'key' || name === 'windowStart' || name === 'windowEnd')
  if (taken !== undefined)
    throw impossible(`an aggregate cannot be called "${taken}": the result has that field already`)
  if (names.length === 0) throw impossible('aggregate needs at least one aggregator')
}

function impossible(reason: string): MillraceError {
  return new MillraceError({ code: 'MR_WINDOW', message: `These windows cannot be: ${reason}.` })
}
