/** Checks what a configuration says against the settings, all of it: a user wants to hear every mistake at once. */
import { BROKER_SETTINGS, parseSetting } from '../log/broker/broker-config.ts'
import type { Setting as BrokerSetting } from '../log/broker/setting.ts'
import { listenerProblems } from '../log/broker/security/listener-settings.ts'
import { readAddress } from './address.ts'
import { nearestWord } from '../base/nearest-word.ts'
import { processSettings } from './process-settings.ts'
import type { GroupSetting, Setting } from './setting.ts'
import { type MillraceConfig, ROOT } from './settings.ts'

export type SettingPath = readonly (string | number)[]

export interface ConfigProblem {
  /** Empty for the whole of the configuration. */
  readonly path: SettingPath
  /** What was expected and what came: no sentence, no path. */
  readonly problem: string
}

/** A configuration of which `checkConfig` found nothing wrong. */
export type CheckedConfig = MillraceConfig

/** What is wrong with a value that shall be a configuration; nothing when it is one. */
export function checkConfig(value: unknown): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = []
  checkSetting(ROOT, value, [], problems)
  if (problems.length > 0) return problems
  const { listen, listeners, mirrors = [] } = value as CheckedConfig
  if (listen !== undefined && listeners !== undefined)
    problems.push({ path: ['listen'], problem: 'cannot be beside listeners: say it there' })
  if (listeners?.length === 0)
    problems.push({ path: ['listeners'], problem: 'expected at least one listener' })
  for (const { index, problem } of listenerProblems(processSettings(value as CheckedConfig).listeners ?? []))
    problems.push({ path: ['listeners', index], problem })
  for (const [index, { to, from }] of mirrors.entries()) {
    if ((to === undefined) !== (from === undefined)) continue
    const problem =
      'expected one of to and from, the other cluster; the other side is the log of this process'
    problems.push({ path: ['mirrors', index], problem })
  }
  return problems
}

/** `listeners[0].tls.key`, as errors and documents write a path. */
export function pathText(path: SettingPath): string {
  return path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? part : `.${part}`))
    .join('')
}

/** What a setting expects, in words. */
export function expectation(setting: Setting): string {
  switch (setting.kind) {
    case 'text':
      return setting.path === 'pem' ? 'a path or PEM' : setting.path === 'file' ? 'a path' : 'text'
    case 'choice':
      return `one of ${setting.oneOf.join(', ')}`
    case 'number': {
      const { min, max } = setting
      return max === undefined ? `a whole number of at least ${min}` : `a whole number from ${min} to ${max}`
    }
    case 'flag':
      return 'true or false'
    case 'address':
      return `HOST:PORT${setting.orFalse ? ', or false' : ''}`
    case 'list':
      return 'a list'
    case 'record':
      return `a value for each ${setting.nameOf}`
    case 'group':
    case 'broker':
      return 'settings by name'
  }
}

function checkSetting(setting: Setting, value: unknown, path: SettingPath, problems: ConfigProblem[]): void {
  const wrong = (): void => {
    problems.push({ path, problem: `expected ${expectation(setting)}, got ${shown(value, setting)}` })
  }
  switch (setting.kind) {
    case 'text':
      if (typeof value !== 'string' || value === '') wrong()
      return
    case 'choice':
      if (setting.oneOf.includes(value as string)) return
      problems.push({
        path,
        problem: `expected ${expectation(setting)}, got ${shown(value, setting)}${hint(value, setting.oneOf)}`,
      })
      return
    case 'number': {
      const { min, max = Infinity } = setting
      if (!Number.isSafeInteger(value) || Number(value) < min || Number(value) > max) wrong()
      return
    }
    case 'flag':
      if (typeof value !== 'boolean') wrong()
      return
    case 'address':
      if (value === false && setting.orFalse) return
      if (
        (typeof value !== 'string' && typeof value !== 'number') ||
        readAddress(String(value)) === undefined
      )
        wrong()
      return
    case 'list':
      if (!Array.isArray(value)) return wrong()
      for (const [index, one] of value.entries()) checkSetting(setting.of, one, [...path, index], problems)
      return
    case 'record':
      if (!isRecord(value)) return wrong()
      for (const [name, one] of Object.entries(value))
        checkSetting(setting.of, one, [...path, name], problems)
      return
    case 'group':
      if (!isRecord(value)) return wrong()
      checkGroup(setting, value, path, problems)
      return
    case 'broker':
      if (!isRecord(value)) return wrong()
      checkBroker(value, path, problems)
  }
}

function checkGroup(
  { fields }: GroupSetting,
  value: Readonly<Record<string, unknown>>,
  path: SettingPath,
  problems: ConfigProblem[],
): void {
  const misspelt = new Set<string | undefined>()
  for (const [name, one] of Object.entries(value)) {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined
    if (field !== undefined) {
      if (one !== undefined) checkSetting(field, one, [...path, name], problems)
      continue
    }
    misspelt.add(nearestWord(name, Object.keys(fields)))
    problems.push({ path: [...path, name], problem: unknownName(name, path, Object.keys(fields)) })
  }
  for (const [name, field] of Object.entries(fields))
    if (field.required === true && value[name] === undefined && !misspelt.has(name))
      problems.push({ path: [...path, name], problem: `is missing: expected ${expectation(field)}` })
}

function unknownName(name: string, path: SettingPath, names: readonly string[]): string {
  if (path.length === 0 && Object.hasOwn(BROKER_SETTINGS, name))
    return 'is a setting of the broker: it belongs under broker'
  return `there is no such setting${hint(name, names)}`
}

function checkBroker(
  value: Readonly<Record<string, unknown>>,
  path: SettingPath,
  problems: ConfigProblem[],
): void {
  const settings: Readonly<Record<string, BrokerSetting<unknown>>> = BROKER_SETTINGS
  for (const [name, one] of Object.entries(value)) {
    if (one === undefined) continue
    const setting = Object.hasOwn(settings, name) ? settings[name] : undefined
    const at = [...path, name]
    if (setting === undefined) {
      const nested = isRecord(one) ? `: write its name in one piece, as num.partitions` : ''
      const problem = `there is no broker setting of this name${hint(name, Object.keys(settings))}${nested}`
      problems.push({ path: at, problem })
      continue
    }
    const isValue = typeof one === 'string' || typeof one === 'number' || typeof one === 'boolean'
    const parsed = isValue ? parseSetting(setting, one) : undefined
    if (parsed?.kind === 'valid') continue
    const problem = parsed?.problem ?? `expected a value, got ${JSON.stringify(one)}`
    problems.push({ path: at, problem })
  }
}

function hint(given: unknown, words: readonly string[]): string {
  const near = typeof given === 'string' ? nearestWord(given, words) : undefined
  return near === undefined ? '' : `; did you mean ${near}?`
}

function shown(value: unknown, setting: Setting): string {
  if (value === undefined || value === null) return 'nothing'
  if (setting.kind === 'text' && setting.secret === true)
    return typeof value === 'string' ? (value === '' ? 'an empty text' : 'a secret') : kindOf(value)
  if (holdsSecrets(setting) && (typeof value === 'string' || typeof value === 'object')) return kindOf(value)
  return JSON.stringify(value) ?? typeof value
}

/** Without what it says. */
function kindOf(value: unknown): string {
  if (typeof value === 'string') return 'text'
  if (typeof value === 'object') return Array.isArray(value) ? 'a list' : 'settings by name'
  return `a ${typeof value}`
}

function holdsSecrets(setting: Setting): boolean {
  switch (setting.kind) {
    case 'text':
      return setting.secret === true
    case 'list':
    case 'record':
      return holdsSecrets(setting.of)
    case 'group':
      return Object.values(setting.fields).some(holdsSecrets)
    default:
      return false
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
