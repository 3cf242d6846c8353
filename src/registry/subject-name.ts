/**
 * Names of subjects. A subject may be in a context, a registry within the registry with ids of its own:
 *
 *   orders-value            in the default context, `.`
 *   :.staging:orders-value  in the context `.staging`
 *   :.staging:              the context itself, for its configuration and mode
 */
import { ErrorCodes, RegistryError } from './registry-error.ts'

export const DEFAULT_CONTEXT = '.'

export interface SubjectName {
  /** Begins with a dot. */
  readonly context: string
  readonly subject: string
}

const QUALIFIED = /^:(\.[^:]*):(.*)$/s

export function parseSubject(qualified: string): SubjectName {
  const [, context, subject] = QUALIFIED.exec(qualified) ?? []
  return context === undefined
    ? { context: DEFAULT_CONTEXT, subject: qualified }
    : { context, subject: subject! }
}

export function qualify({ context, subject }: SubjectName): string {
  return context === DEFAULT_CONTEXT ? subject : `:${context}:${subject}`
}

/** The context that a qualified name is in. */
export function contextOf(qualified: string): string {
  return parseSubject(qualified).context
}

/** The one form of the name of a subject to write to. Throws 42208 for names that are none. */
export function checkedSubject(name: string): string {
  const parsed = parseSubject(name)
  // oxlint-disable-next-line no-control-regex -- these are the characters that must not be there
  const isBad = parsed.subject === '' || /[\u0000-\u001f]/.test(name) || isReserved(parsed.subject)
  if (isBad)
    throw new RegistryError(ErrorCodes.INVALID_SUBJECT, `The specified subject '${name}' is not a valid.`)
  return qualify(parsed)
}

/** These names stand for settings of all subjects. */
function isReserved(subject: string): boolean {
  return subject === '__GLOBAL' || subject === '__EMPTY'
}
