import type { StepDescription } from '../logical-step.ts'
import { NO_TIMESTAMP } from '../operator.ts'
import { userFunctionError } from '../user-function-error.ts'
import { compileAddToColumns, isNumeric, planOf, type AddToColumns } from './numeric-plan.ts'
import { SliceTimes } from './slice-times.ts'

/**
 * Combines events of a key before they are sent to the step that aggregates them. It takes events only that are early
 * enough to be like any other in their slice, whoever adds them: what is late must arrive as it is.
 */
export interface Combiner {
  /** What the columns of a key begin with. */
  readonly initial: readonly number[]
  readonly sliceMs: number
  /** Start of the slice of an event; undefined when a window that it is in may have fired at that watermark. */
  sliceOf(timeMs: number, watermarkMs: number): number | undefined
  readonly add: AddToColumns
}

/**
 * The combiner of a step that has one: event-time windows made of slices, of aggregates that are numbers, which answer
 * at their ends.
 */
export function createCombiner(
  description: StepDescription,
  place: { readonly job: string; readonly step: string },
): Combiner | undefined {
  if (description.kind !== 'window') return undefined
  const { assigner, options, logic } = description
  if (assigner.kind === 'session' || assigner.clock !== 'event') return undefined
  if (options.trigger?.kind === 'early' || logic.kind !== 'aggregate' || !isNumeric(logic.aggregators))
    return undefined
  const slideMs = assigner.kind === 'sliding' ? assigner.slideMs : assigner.sizeMs
  const times = new SliceTimes({ sizeMs: assigner.sizeMs, slideMs, offsetMs: assigner.offsetMs })
  const plan = planOf(logic.aggregators)
  const wrapError = (cause: unknown, event: unknown): Error =>
    userFunctionError({ ...place, role: 'aggregate', event, cause })
  return {
    initial: plan.columns.map(({ start }) => start),
    sliceMs: times.sliceMs,
    sliceOf(timeMs, watermarkMs) {
      if (timeMs === NO_TIMESTAMP) return undefined
      const slice = times.sliceOf(timeMs)
      const first = times.firstWindow(slice)
      const mayHaveFired = first + times.sizeMs - 1 <= watermarkMs
      return mayHaveFired || first > times.lastWindow(slice) ? undefined : slice
    },
    add: compileAddToColumns(plan, wrapError),
  }
}
