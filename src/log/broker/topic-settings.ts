import { parseTopicConfig, topicConfigKey } from '../storage/topic-config.ts'
import { BROKER_SETTINGS, type BrokerConfig, type BrokerSettingName } from './broker-config.ts'

/**
 * How the configuration of topics and of the broker fit together: a topic's own value wins over the broker's setting
 * of the same meaning, and that over the default. The topics' keys themselves are the storage's.
 */

/** The broker's setting that stands in for a topic without a value of its own. */
const BROKER_SETTING_OF: Readonly<Record<string, BrokerSettingName>> = {
  'cleanup.policy': 'log.cleanup.policy',
  'compression.type': 'compression.type',
  'delete.retention.ms': 'log.cleaner.delete.retention.ms',
  'index.interval.bytes': 'log.index.interval.bytes',
  'max.message.bytes': 'message.max.bytes',
  'message.timestamp.after.max.ms': 'log.message.timestamp.after.max.ms',
  'message.timestamp.before.max.ms': 'log.message.timestamp.before.max.ms',
  'message.timestamp.type': 'log.message.timestamp.type',
  'min.compaction.lag.ms': 'log.cleaner.min.compaction.lag.ms',
  'min.insync.replicas': 'min.insync.replicas',
  'retention.bytes': 'log.retention.bytes',
  'retention.ms': 'log.retention.ms',
  'segment.bytes': 'log.segment.bytes',
  'segment.index.bytes': 'log.index.size.max.bytes',
  'segment.ms': 'log.roll.ms',
}

/** The broker's settings by the topics' names for them, as text. */
export function topicDefaults(broker: BrokerConfig): Record<string, string> {
  return Object.fromEntries(
    Object.entries(BROKER_SETTING_OF).map(([topicKey, name]) => [topicKey, settingText(broker[name])]),
  )
}

/** What is wrong with a topic's own configuration; `undefined` when nothing is. */
export function problemWithConfig(
  own: Readonly<Record<string, string>>,
  broker: BrokerConfig,
): string | undefined {
  const parsed = parseTopicConfig(own, topicDefaults(broker))
  return parsed.kind === 'invalid' ? parsed.message : undefined
}

/** A setting's value as tools see it, with where it came from and what it would be otherwise, nearest first. */
export interface DescribedSetting {
  readonly value: string
  readonly source: ConfigSource
  readonly synonyms: readonly {
    readonly name: string
    readonly value: string
    readonly source: ConfigSource
  }[]
}

/** Kafka's codes of where a value comes from. */
export const CONFIG_SOURCE = { topic: 1, staticBroker: 4, default: 5, clientMetrics: 7, group: 8 } as const
export type ConfigSource = (typeof CONFIG_SOURCE)[keyof typeof CONFIG_SOURCE]

export function describeTopicSetting(
  name: string,
  options: { readonly own: Readonly<Record<string, string>>; readonly broker: BrokerConfig },
): DescribedSetting {
  const synonyms: { name: string; value: string; source: ConfigSource }[] = []
  const own = options.own[name]
  if (own !== undefined) synonyms.push({ name, value: own, source: CONFIG_SOURCE.topic })
  const brokerName = BROKER_SETTING_OF[name]
  if (brokerName !== undefined) synonyms.push(...describeBrokerSetting(brokerName, options.broker).synonyms)
  else synonyms.push({ name, value: topicConfigKey(name)!.defaultValue, source: CONFIG_SOURCE.default })
  const nearest = synonyms[0]!
  return { value: nearest.value, source: nearest.source, synonyms }
}

export function describeBrokerSetting(name: BrokerSettingName, broker: BrokerConfig): DescribedSetting {
  const fallback = settingText(BROKER_SETTINGS[name].default)
  const value = settingText(broker[name])
  const byDefault = { name, value: fallback, source: CONFIG_SOURCE.default }
  if (value === fallback) return { value, source: CONFIG_SOURCE.default, synonyms: [byDefault] }
  return {
    value,
    source: CONFIG_SOURCE.staticBroker,
    synonyms: [{ name, value, source: CONFIG_SOURCE.staticBroker }, byDefault],
  }
}

/** Numbers stop being exact at 2^53; "no limit" is shown as Kafka writes it. */
function settingText(value: string | number | boolean): string {
  return typeof value === 'number' && value >= 2 ** 63 ? '9223372036854775807' : String(value)
}
