/** Bounds of strings and numbers, and of the sizes of objects and arrays. */
import { type Json, JsonNumber, type JsonObject } from '../json-text.ts'
import type { Incompatibility } from '../parsed-schema.ts'
import { type JsonChange, jsonChange } from './json-change.ts'

export function stringDifferences(
  original: JsonObject,
  update: JsonObject,
  path: string,
): readonly Incompatibility[] {
  return [
    ...upperBound(original, update, { path, keyword: 'maxLength', name: 'MAX_LENGTH' }),
    ...lowerBound(original, update, { path, keyword: 'minLength', name: 'MIN_LENGTH' }),
    ...patternDifferences(original['pattern'], update['pattern'], `${path}/pattern`),
  ]
}

export function numberDifferences(
  original: JsonObject,
  update: JsonObject,
  path: string,
): readonly Incompatibility[] {
  return [
    ...upperBound(original, update, { path, keyword: 'maximum', name: 'MAXIMUM' }),
    ...lowerBound(original, update, { path, keyword: 'minimum', name: 'MINIMUM' }),
    ...upperBound(original, update, { path, keyword: 'exclusiveMaximum', name: 'EXCLUSIVE_MAXIMUM' }),
    ...lowerBound(original, update, { path, keyword: 'exclusiveMinimum', name: 'EXCLUSIVE_MINIMUM' }),
    ...multipleDifferences(numberOf(original['multipleOf']), numberOf(update['multipleOf']), path),
  ]
}

interface Bound<Name extends string> {
  readonly path: string
  readonly keyword: string
  readonly name: Name
}

export function upperBound(
  original: JsonObject,
  update: JsonObject,
  {
    path,
    keyword,
    name,
  }: Bound<'MAX_LENGTH' | 'MAXIMUM' | 'EXCLUSIVE_MAXIMUM' | 'MAX_PROPERTIES' | 'MAX_ITEMS' | 'MAX_CONTAINS'>,
): readonly Incompatibility[] {
  const [before, now] = [boundOf(original[keyword]), boundOf(update[keyword])]
  if (now === undefined || before === now) return []
  if (before === undefined) return [jsonChange(`${name}_ADDED`, `${path}/${keyword}`)]
  return now < before ? [jsonChange(`${name}_DECREASED`, `${path}/${keyword}`)] : []
}

export function lowerBound(
  original: JsonObject,
  update: JsonObject,
  {
    path,
    keyword,
    name,
  }: Bound<'MIN_LENGTH' | 'MINIMUM' | 'EXCLUSIVE_MINIMUM' | 'MIN_PROPERTIES' | 'MIN_ITEMS' | 'MIN_CONTAINS'>,
): readonly Incompatibility[] {
  const [before, now] = [boundOf(original[keyword]), boundOf(update[keyword])]
  if (now === undefined || before === now) return []
  if (before === undefined) return [jsonChange(`${name}_ADDED`, `${path}/${keyword}`)]
  return now > before ? [jsonChange(`${name}_INCREASED`, `${path}/${keyword}`)] : []
}

/** Draft 4 says `exclusiveMaximum: true` beside a maximum: that is a bound which was not there before. */
function boundOf(json: Json | undefined): number | boolean | undefined {
  if (json === true) return true
  return numberOf(json)
}

function numberOf(json: Json | undefined): number | undefined {
  return json instanceof JsonNumber ? json.value : undefined
}

function patternDifferences(
  before: Json | undefined,
  now: Json | undefined,
  path: string,
): readonly Incompatibility[] {
  if (now === undefined || before === now) return []
  return [jsonChange(before === undefined ? 'PATTERN_ADDED' : 'PATTERN_CHANGED', path)]
}

function multipleDifferences(
  before: number | undefined,
  now: number | undefined,
  path: string,
): readonly Incompatibility[] {
  if (now === undefined || now === before) return []
  const change = (kind: JsonChange): readonly Incompatibility[] => [jsonChange(kind, `${path}/multipleOf`)]
  if (before === undefined) return change('MULTIPLE_OF_ADDED')
  if (before % now === 0) return []
  return change(now % before === 0 ? 'MULTIPLE_OF_EXPANDED' : 'MULTIPLE_OF_CHANGED')
}
