/**
 * Secrets do not belong into a file that is kept with the code: a text may say `${env:NAME}` or `${file:PATH}`, as
 * Kafka's configuration providers have it.
 */
import type { ConfigProblem, SettingPath } from './check-config.ts'

export interface PlaceholderValues {
  readonly variable: (name: string) => string | undefined
  /** The text of a file without the line's end behind it; undefined when it cannot be read. */
  readonly file: (path: string) => string | undefined
}

const PLACEHOLDER = /\$\{(env|file):([^}]+)\}/g

/** Replaces the placeholders in every text of a value; a value without any is given back as it is. */
export function fillPlaceholders(
  value: unknown,
  values: PlaceholderValues,
  path: SettingPath = [],
  problems: ConfigProblem[] = [],
): { readonly value: unknown; readonly problems: readonly ConfigProblem[] } {
  const fill = (one: unknown, at: SettingPath): unknown => {
    if (typeof one === 'string')
      return fillText(one, values, (problem) => problems.push({ path: at, problem }))
    if (Array.isArray(one)) return one.map((element, index) => fill(element, [...at, index]))
    if (typeof one !== 'object' || one === null) return one
    return Object.fromEntries(Object.entries(one).map(([name, field]) => [name, fill(field, [...at, name])]))
  }
  return { value: fill(value, path), problems }
}

function fillText(text: string, values: PlaceholderValues, wrong: (problem: string) => void): string {
  return text.replaceAll(PLACEHOLDER, (whole, kind: string, name: string) => {
    const value = kind === 'env' ? values.variable(name) : values.file(name)
    if (value !== undefined) return value
    wrong(kind === 'env' ? `the environment has no variable ${name}` : `the file ${name} cannot be read`)
    return whole
  })
}
