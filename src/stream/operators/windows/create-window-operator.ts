import { MillraceError } from '../../../base/millrace-error.ts'
import type { Operator } from '../operator.ts'
import type { WindowAssigner, WindowLogic, WindowOptions } from './window-spec.ts'

/* eslint-disable @typescript-eslint/no-explicit-any -- the builder has checked the types. */
export interface WindowDescription {
  readonly assigner: WindowAssigner
  readonly options: WindowOptions
  readonly logic: WindowLogic
}

export function createWindowOperator(description: WindowDescription): Operator<any, any> {
  throw new MillraceError({ code: 'MR_WINDOW', message: `no ${description.assigner.kind} windows yet` })
}
