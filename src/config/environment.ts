/** Settings by environment variables: MILLRACE_ and the path of the setting, with underscores: MILLRACE_LOG_LEVEL. */
import { BROKER_SETTINGS } from '../log/broker/broker-config.ts'
import type { SettingPath } from './check-config.ts'
import { nearestWord } from '../base/nearest-word.ts'
import { SETTINGS } from './settings.ts'
import type { Setting } from './setting.ts'

const PREFIX = 'MILLRACE_'
/** What tests and tools of Millrace itself use. */
const OTHERS = /^MILLRACE_(?:TEST|STORAGE)_/

/** A setting that a variable can hold. */
interface Variable {
  readonly path: SettingPath
  readonly setting: Setting | undefined
}

/** By the variable's name. */
const VARIABLES: ReadonlyMap<string, Variable> = new Map([
  ...scalars(SETTINGS, []).map((variable) => [variableOf(variable.path), variable] as const),
  ...Object.keys(BROKER_SETTINGS).map((name) => {
    const path = ['broker', name]
    return [variableOf(path), { path, setting: undefined }] as const
  }),
])

export interface FromEnvironment {
  readonly settings: readonly {
    readonly variable: string
    readonly path: SettingPath
    readonly value: unknown
  }[]
  /** Variables with our prefix that are no setting, each with what may have been meant. */
  readonly unknown: readonly { readonly variable: string; readonly near: string | undefined }[]
}

/** The variable of a setting that is text, a number, a flag or an address, outside of lists. */
export function variableOf(path: SettingPath): string {
  return `${PREFIX}${path
    .join('_')
    .replaceAll(/([a-z])([A-Z])/g, '$1_$2')
    .replaceAll('.', '_')
    .toUpperCase()}`
}

export function fromEnvironment(environment: Readonly<Record<string, string | undefined>>): FromEnvironment {
  const settings: { variable: string; path: SettingPath; value: unknown }[] = []
  const unknown: { variable: string; near: string | undefined }[] = []
  for (const [variable, value] of Object.entries(environment)) {
    if (!variable.startsWith(PREFIX) || value === undefined || value === '' || OTHERS.test(variable)) continue
    const known = VARIABLES.get(variable)
    if (known === undefined) unknown.push({ variable, near: nearestWord(variable, [...VARIABLES.keys()]) })
    else settings.push({ variable, path: known.path, value: valueOf(value, known.setting) })
  }
  return { settings, unknown }
}

/** A variable is always a text; what is no text elsewhere is made of it. Broker settings are read from text anyway. */
function valueOf(text: string, setting: Setting | undefined): unknown {
  if (setting?.kind === 'number' && /^\d+$/.test(text)) return Number(text)
  if (setting?.kind === 'flag' && (text === 'true' || text === 'false')) return text === 'true'
  return setting?.kind === 'address' && setting.orFalse && text === 'false' ? false : text
}

function scalars(fields: Readonly<Record<string, Setting>>, at: SettingPath): Variable[] {
  return Object.entries(fields).flatMap(([name, setting]) => {
    const path = [...at, name]
    if (setting.kind === 'group') return scalars(setting.fields, path)
    return setting.kind === 'list' || setting.kind === 'record' || setting.kind === 'broker'
      ? []
      : [{ path, setting }]
  })
}
