/** How a setting is declared: its type, default, bounds, and what it means. */

/** Kafka's types of a setting; they decide how a text is read and checked. */
export type SettingType = 'boolean' | 'int' | 'long' | 'string' | 'list'

export interface Setting<Value> {
  readonly type: SettingType
  readonly default: Value
  readonly doc: string
  readonly min?: number
  readonly max?: number
  readonly oneOf?: readonly string[]
}

export const INT_MAX = 2_147_483_647
export const LONG_MAX = 2 ** 63

export function int(fallback: number, min: number, doc: string, max = INT_MAX): Setting<number> {
  return { type: 'int', default: fallback, min, max, doc }
}

export function long(fallback: number, min: number, doc: string): Setting<number> {
  return { type: 'long', default: fallback, min, max: LONG_MAX, doc }
}

export function bool(fallback: boolean, doc: string): Setting<boolean> {
  return { type: 'boolean', default: fallback, doc }
}

export function oneOf(fallback: string, values: readonly string[], doc: string): Setting<string> {
  return { type: 'string', default: fallback, oneOf: values, doc }
}

export function text(fallback: string, doc: string): Setting<string> {
  return { type: 'string', default: fallback, doc }
}

export function list(fallback: string, values: readonly string[], doc: string): Setting<string> {
  return { type: 'list', default: fallback, oneOf: values, doc }
}
