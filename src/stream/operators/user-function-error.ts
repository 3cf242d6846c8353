import { MillraceError, messageOf } from '../../base/millrace-error.ts'
import { thrownAt } from '../../base/thrown-at.ts'

/** How much of an event an error message shows. */
const EXCERPT_CHARACTERS = 300

/** What a throwing function of the user becomes: `MR_USER_FUNCTION` with job, step, event and line, the cause attached. */
export function userFunctionError(place: {
  readonly job: string
  readonly step: string
  /** Which of the step's functions: `map`, `onEvent`, `key selector` … */
  readonly role: string
  readonly event: unknown
  readonly cause: unknown
}): MillraceError {
  const { job, step, role, event, cause } = place
  if (cause instanceof MillraceError) return cause
  const at = thrownAt(cause)
  return new MillraceError({
    code: 'MR_USER_FUNCTION',
    job,
    step,
    message: `The ${role} function threw "${messageOf(cause)}" for ${excerpt(event)}.${at === undefined ? '' : ` It was thrown at ${at}.`}`,
    fix: 'Make the function handle this input, or filter such events out before this step.',
    cause,
  })
}

/** The event as JSON, cut short; never throws. */
export function excerpt(event: unknown): string {
  let text: string
  try {
    text = JSON.stringify(event) ?? String(event)
  } catch {
    text = String(event)
  }
  return text.length <= EXCERPT_CHARACTERS
    ? text
    : `${text.slice(0, EXCERPT_CHARACTERS)}… (${text.length} characters)`
}
