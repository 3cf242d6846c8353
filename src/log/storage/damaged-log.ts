import { MillraceError } from '../../base/millrace-error.ts'

/** A segment does not hold whole batches where it should: not what a crash leaves, which recovery cuts off. */
export function damagedLog(at: {
  readonly path: string
  readonly offset: number
  readonly problem: string
}): MillraceError {
  const { path, offset, problem } = at
  return new MillraceError({
    code: 'MR_LOG_DAMAGED',
    message: `the log cannot be read here: ${problem}.`,
    fix: 'Restore the file, or go on behind the damage.',
    path,
    offset,
  })
}
