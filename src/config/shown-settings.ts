/** A configuration with its defaults, as a list of settings that a person reads. */
import { BROKER_SETTINGS, numberText } from '../log/broker/broker-config.ts'
import { type CheckedConfig, pathText, type SettingPath } from './check-config.ts'
import { ROOT } from './settings.ts'
import type { Setting } from './setting.ts'

export interface ShownSetting {
  readonly setting: string
  /** As JSON; `***` for what is secret, empty for what is not set and has no default. */
  readonly value: string
  readonly isDefault: boolean
  readonly doc: string
}

/** Every setting of a configuration, those of the broker too. */
export function shownSettings(config: CheckedConfig): readonly ShownSetting[] {
  const shown = shownOf(ROOT, config, [])
  // Its default does not hold where there are listeners.
  return config.listeners === undefined ? shown : shown.filter(({ setting }) => setting !== 'listen')
}

function shownOf(setting: Setting, value: unknown, path: SettingPath): ShownSetting[] {
  const { doc } = setting
  switch (setting.kind) {
    case 'group':
      // What is in a group that is not set does not hold, where leaving it out means something of its own.
      if (value === undefined && setting.unset !== undefined) return [nothing(setting, path)]
      return Object.entries(setting.fields).flatMap(([name, field]) =>
        shownOf(field, fieldOf(value, name), [...path, name]),
      )
    case 'broker':
      return Object.entries(BROKER_SETTINGS).map(([name, one]) => {
        const own = fieldOf(value, name)
        return {
          setting: pathText([...path, name]),
          value: brokerValue(own ?? one.default),
          isDefault: own === undefined,
          doc: one.doc,
        }
      })
    case 'list':
      if (!Array.isArray(value)) return [nothing(setting, path)]
      if (setting.of.kind !== 'group')
        return [{ setting: pathText(path), value: JSON.stringify(value), isDefault: false, doc }]
      return value.flatMap((one, index) => shownOf(setting.of, one, [...path, index]))
    case 'record': {
      const entries = Object.entries((value ?? {}) as Readonly<Record<string, unknown>>)
      if (entries.length === 0) return [nothing(setting, path)]
      return entries.flatMap(([name, one]) => shownOf(setting.of, one, [...path, name]))
    }
    case 'text':
    case 'choice':
    case 'number':
    case 'flag':
    case 'address': {
      const effective = value ?? setting.default
      if (effective === undefined) return [nothing(setting, path)]
      const secret = setting.kind === 'text' && setting.secret === true
      return [
        {
          setting: pathText(path),
          value: secret ? '***' : JSON.stringify(effective),
          isDefault: value === undefined,
          doc,
        },
      ]
    }
  }
}

/** A setting's value as JSON has it. */
export function brokerValue(value: unknown): string {
  return typeof value === 'number' ? numberText(value) : JSON.stringify(value)
}

function nothing(setting: Setting, path: SettingPath): ShownSetting {
  return { setting: pathText(path), value: '', isDefault: true, doc: setting.doc }
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
}
