/** Kafka's types of configuration values, and how their texts are checked. */
export type ConfigType = 'boolean' | 'string' | 'int' | 'long' | 'double' | 'list'

export interface ConfigRule {
  readonly type: ConfigType
  readonly min?: number
  readonly max?: number
  readonly oneOf?: readonly string[]
}

export type ParsedConfigValue =
  | { readonly kind: 'valid'; readonly value: string | number | boolean | readonly string[] }
  | { readonly kind: 'invalid'; readonly message: string }

const INT_LIMIT = 2n ** 31n
const LONG_LIMIT = 2n ** 63n

/** Reads a value from its text. A long beyond 2^53 loses its low digits, which no setting minds. */
export function parseConfigValue(rule: ConfigRule, text: string): ParsedConfigValue {
  const trimmed = text.trim()
  switch (rule.type) {
    case 'boolean': {
      const lower = trimmed.toLowerCase()
      if (rule.oneOf !== undefined && !rule.oneOf.includes(lower))
        return invalid(`Value must be one of: ${rule.oneOf.join(', ')}`)
      if (lower === 'true' || lower === 'false') return { kind: 'valid', value: lower === 'true' }
      return invalid('Expected value to be either true or false')
    }
    case 'int':
    case 'long': {
      if (!/^[+-]?\d{1,20}$/.test(trimmed)) return invalid(`Not a number of type ${rule.type.toUpperCase()}`)
      const exact = BigInt(trimmed.replace('+', ''))
      const limit = rule.type === 'int' ? INT_LIMIT : LONG_LIMIT
      if (exact < -limit || exact >= limit) return invalid(`Not a number of type ${rule.type.toUpperCase()}`)
      return inRange(rule, Number(exact))
    }
    case 'double': {
      const value = Number(trimmed)
      if (trimmed === '' || !Number.isFinite(value)) return invalid('Not a number of type DOUBLE')
      return inRange(rule, value)
    }
    case 'string':
      if (rule.oneOf !== undefined && !rule.oneOf.includes(trimmed))
        return invalid(`String must be one of: ${rule.oneOf.join(', ')}`)
      return { kind: 'valid', value: trimmed }
    case 'list': {
      const words = trimmed === '' ? [] : trimmed.split(',').map((word) => word.trim())
      const wrong = words.find((word) => rule.oneOf !== undefined && !rule.oneOf.includes(word))
      if (wrong !== undefined) return invalid(`String must be one of: ${rule.oneOf?.join(', ')}`)
      return { kind: 'valid', value: words }
    }
  }
}

function inRange(rule: ConfigRule, value: number): ParsedConfigValue {
  if (rule.min !== undefined && value < rule.min) return invalid(`Value must be at least ${rule.min}`)
  if (rule.max !== undefined && value > rule.max) return invalid(`Value must be no more than ${rule.max}`)
  return { kind: 'valid', value }
}

function invalid(message: string): ParsedConfigValue {
  return { kind: 'invalid', message }
}
