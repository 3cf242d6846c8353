/** How the name in a certificate becomes a principal's: Kafka's `ssl.principal.mapping.rules` (KIP-371). */
import { MillraceError } from '../../../base/millrace-error.ts'

/** The principal's name for a distinguished name; undefined when no rule fits. */
export type PrincipalRules = (distinguishedName: string) => string | undefined

const RULE = /^RULE:((?:\\.|[^\\/])*)\/((?:\\.|[^\\/])*)\/([LU]?)$/

/**
 * Reads rules: `DEFAULT` takes the whole name, `RULE:pattern/replacement/` what the pattern, which has to fit the whole
 * name, is replaced with (`$1` is its first group), in lower or upper case with `L` or `U` behind it. Throws
 * `MR_CONFIG_INVALID` for anything else.
 */
export function principalRules(rules: readonly string[] = ['DEFAULT']): PrincipalRules {
  const parsed = rules.map(parse)
  return (name) => {
    for (const rule of parsed) {
      const mapped = rule(name)
      if (mapped !== undefined) return mapped
    }
    return undefined
  }
}

function parse(rule: string): PrincipalRules {
  if (rule === 'DEFAULT') return (name) => name
  const [, pattern, replacement = '', change] = RULE.exec(rule) ?? []
  if (pattern === undefined) throw invalid(rule, 'it is neither DEFAULT nor RULE:pattern/replacement/')
  const regularExpression = compiled(rule, pattern)
  const template = replacement.replaceAll('\\/', '/')
  return (name) => {
    const match = regularExpression.exec(name)
    if (match === null) return undefined
    const mapped = template.replaceAll(/\$(\d)/g, (_, group: string) => match[Number(group)] ?? '')
    if (change === 'L') return mapped.toLowerCase()
    return change === 'U' ? mapped.toUpperCase() : mapped
  }
}

function compiled(rule: string, pattern: string): RegExp {
  try {
    return new RegExp(`^(?:${pattern})$`, 's')
  } catch (error) {
    throw invalid(rule, String(error))
  }
}

function invalid(rule: string, why: string): MillraceError {
  return new MillraceError({
    code: 'MR_CONFIG_INVALID',
    message: `the principal rule ${rule} cannot be used: ${why}.`,
    fix: 'Write it like RULE:^CN=([^,]+),.*$/$1/L.',
  })
}
