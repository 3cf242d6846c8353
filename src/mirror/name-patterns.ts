import { messageOf, MillraceError } from '../base/millrace-error.ts'

/** Tells names that fit any of the patterns: `*`, `?`, or `/regular expression/`. Throws `MR_MIRROR_OPTIONS`. */
export function matcher(patterns: readonly string[]): (name: string) => boolean {
  const expressions = patterns.map(expressionOf)
  return (name) => expressions.some((expression) => expression.test(name))
}

function expressionOf(pattern: string): RegExp {
  const expression = /^\/(.*)\/$/.exec(pattern)?.[1]
  if (expression === undefined) {
    const parts = pattern.split(/([*?])/).map((part) => {
      if (part === '*') return '.*'
      return part === '?' ? '.' : RegExp.escape(part)
    })
    return new RegExp(`^(?:${parts.join('')})$`)
  }
  try {
    return new RegExp(`^(?:${expression})$`)
  } catch (error) {
    throw new MillraceError({
      code: 'MR_MIRROR_OPTIONS',
      message: `${pattern} is no regular expression: ${messageOf(error)}.`,
      fix: 'Mend it, or use * and ? without slashes.',
      cause: error,
    })
  }
}
