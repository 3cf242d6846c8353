/** Configuration and mode: of a subject, else of its context, else of all. */
import {
  COMPATIBILITY_LEVELS,
  type CompatibilityLevel,
  compatibilityLevelOf,
  DEFAULT_COMPATIBILITY,
} from './compatibility.ts'
import { type JsonObject } from './json-text.ts'
import { ErrorCodes, notPermitted, RegistryError, subjectNotFound } from './registry-error.ts'
import type { RegistryState } from './registry-state.ts'
import type { Decision } from './schema-store.ts'
import { contextOf, DEFAULT_CONTEXT } from './subject-name.ts'

export const MODES = ['READWRITE', 'READONLY', 'READONLY_OVERRIDE', 'IMPORT', 'FORWARD'] as const

export type Mode = (typeof MODES)[number]

const DEFAULT_MODE: Mode = 'READWRITE'

/** Settings which a configuration may have here, beside the level; others are refused rather than left without effect. */
const OTHER_SETTINGS: ReadonlySet<string> = new Set(['normalize', 'alias', 'compatibilityGroup'])

/** What is set, undefined where it is not, of the subject or (without one) of all. */
export interface Config {
  readonly compatibilityLevel: CompatibilityLevel
  readonly normalize: boolean
  readonly alias: string | undefined
  readonly compatibilityGroup: string | undefined
}

/** The configuration that holds for a subject. */
export function effectiveConfig(state: RegistryState, subject: string | undefined): Config {
  const layers = layersOf(subject).map((layer) => state.config(layer) ?? {})
  const first = (key: string): unknown => layers.find((layer) => layer[key] !== undefined)?.[key]
  const level = COMPATIBILITY_LEVELS.find((one) => one === first('compatibilityLevel'))
  // Another name for a subject is that subject's matter alone.
  const alias = subject === undefined ? undefined : state.config(subject)?.['alias']
  const group = first('compatibilityGroup')
  return {
    compatibilityLevel: level ?? DEFAULT_COMPATIBILITY,
    normalize: first('normalize') === true,
    alias: typeof alias === 'string' && alias !== '' ? alias : undefined,
    compatibilityGroup: typeof group === 'string' && group !== '' ? group : undefined,
  }
}

/** Throws 42203 for levels, 42201 for settings that are not there. */
export function decideConfig(
  state: RegistryState,
  subject: string | undefined,
  given: JsonObject,
): Decision<JsonObject> {
  const { compatibility, ...others } = given
  const config: Record<string, JsonObject[string]> = { ...state.config(subject) }
  if (compatibility !== undefined && compatibility !== null)
    config['compatibilityLevel'] = compatibilityLevelOf(compatibility)
  else if (compatibility === null) delete config['compatibilityLevel']
  for (const [key, value] of Object.entries(others)) {
    if (value === null) delete config[key]
    else if (OTHER_SETTINGS.has(key)) config[key] = value
    else if (value !== false) {
      throw new RegistryError(ErrorCodes.INVALID_COMPATIBILITY_LEVEL, `This registry has no setting ${key}.`)
    }
  }
  return { records: [{ kind: 'config', subject, value: config }], result: given }
}

/** The result is what was set. */
export function decideNoConfig(
  state: RegistryState,
  subject: string | undefined,
): Decision<JsonObject | undefined> {
  const before = state.config(subject)
  if (before === undefined && subject !== undefined) throw subjectNotFound(subject)
  return { records: [{ kind: 'config', subject, value: null }], result: before }
}

/** The mode that holds for a subject; one that overrides is above all. */
export function effectiveMode(state: RegistryState, subject: string | undefined): Mode {
  const everywhere = state.mode(undefined)
  if (everywhere === 'READONLY_OVERRIDE') return everywhere
  const found = layersOf(subject)
    .map((layer) => state.mode(layer))
    .find((mode) => mode !== undefined)
  return MODES.find((mode) => mode === found) ?? DEFAULT_MODE
}

/** Throws 42204; 42205 when schemas would be imported beside others, unless forced. */
export function decideMode(
  state: RegistryState,
  subject: string | undefined,
  options: { readonly mode: unknown; readonly force: boolean },
): Decision<Mode> {
  const mode = MODES.find((one) => one === options.mode)
  if (mode === undefined) {
    throw new RegistryError(ErrorCodes.INVALID_MODE, `Invalid mode. Valid values are ${MODES.join(', ')}`)
  }
  if (mode === 'IMPORT' && !options.force && effectiveMode(state, subject) !== 'IMPORT') {
    if (subjectsUnder(state, subject).length > 0)
      throw notPermitted('Cannot import since found existing subjects')
  }
  return { records: [{ kind: 'mode', subject, value: mode }], result: mode }
}

/** The result is what was set. */
export function decideNoMode(
  state: RegistryState,
  subject: string | undefined,
): Decision<string | undefined> {
  const before = state.mode(subject)
  if (before === undefined && subject !== undefined) throw subjectNotFound(subject)
  return { records: [{ kind: 'mode', subject, value: null }], result: before }
}

/** Throws 42205 when nothing may be changed. */
export function checkWritable(state: RegistryState, subject: string): Mode {
  const mode = effectiveMode(state, subject)
  if (mode === 'READONLY' || mode === 'READONLY_OVERRIDE')
    throw notPermitted(`Subject ${subject} is in read-only mode`)
  return mode
}

/** Who is asked for a setting, one after the other. */
function layersOf(subject: string | undefined): readonly (string | undefined)[] {
  if (subject === undefined) return [undefined]
  const context = contextOf(subject)
  return context === DEFAULT_CONTEXT ? [subject, undefined] : [subject, `:${context}:`, undefined]
}

/** Subjects with a version, of the name itself, of the context, or all. */
function subjectsUnder(state: RegistryState, subject: string | undefined): readonly string[] {
  const all = state.subjects({ deleted: false })
  if (subject === undefined) return all
  return all.filter((one) => one === subject || `:${contextOf(one)}:` === subject)
}
