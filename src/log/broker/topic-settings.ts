import { BROKER_SETTINGS, parseSetting, type BrokerConfig, type BrokerSettingName, type Setting, type SettingType } from './broker-config.ts'

/**
 * The configuration of a topic: Kafka's names, types and defaults. A topic's own value wins over the broker's setting
 * of the same meaning, and that over the default. What this single node has no use for (replication throttles, tiered
 * storage) is accepted, kept and shown, as tools expect, and otherwise without effect.
 */
export interface TopicSetting {
  readonly type: SettingType | 'double'
  /** As text; `undefined` where the broker's setting has the default. */
  readonly default?: string
  /** The broker's setting that stands in for a topic without a value of its own. */
  readonly broker?: BrokerSettingName
  readonly min?: number
  readonly max?: number
  readonly oneOf?: readonly string[]
  readonly doc: string
}

const INT_MAX = 2_147_483_647
const LONG_MAX = 2 ** 63
const CODECS = ['producer', 'uncompressed', 'gzip', 'snappy', 'lz4', 'zstd']

export const TOPIC_SETTINGS: Readonly<Record<string, TopicSetting>> = {
  'cleanup.policy': { type: 'list', broker: 'log.cleanup.policy', oneOf: ['delete', 'compact'], doc: 'What happens to old segments: delete, compact, or both.' },
  'compression.gzip.level': { type: 'int', default: '-1', min: -1, max: 9, doc: 'Level used when batches are recompressed with gzip.' },
  'compression.lz4.level': { type: 'int', default: '9', min: 1, max: 17, doc: 'Level used when batches are recompressed with lz4.' },
  'compression.type': { type: 'string', broker: 'compression.type', oneOf: CODECS, doc: 'Codec of stored batches; "producer" keeps them as sent.' },
  'compression.zstd.level': { type: 'int', default: '3', min: -131_072, max: 22, doc: 'Level used when batches are recompressed with zstd.' },
  'delete.retention.ms': { type: 'long', broker: 'log.cleaner.delete.retention.ms', min: 0, doc: 'How long tombstones stay in a compacted topic.' },
  'file.delete.delay.ms': { type: 'long', broker: 'log.segment.delete.delay.ms', min: 0, doc: 'How long the files of a deleted segment stay on disk.' },
  'flush.messages': { type: 'long', default: '9223372036854775807', min: 1, doc: 'Records after which the log is forced to the device.' },
  'flush.ms': { type: 'long', default: '9223372036854775807', min: 0, doc: 'Time after which the log is forced to the device.' },
  'follower.replication.throttled.replicas': { type: 'list', default: '', doc: 'Without effect on a single node.' },
  'index.interval.bytes': { type: 'int', broker: 'log.index.interval.bytes', min: 0, doc: 'How many bytes of log per entry of the offset index.' },
  'leader.replication.throttled.replicas': { type: 'list', default: '', doc: 'Without effect on a single node.' },
  'local.retention.bytes': { type: 'long', default: '-2', min: -2, doc: 'Without effect: there is no tiered storage.' },
  'local.retention.ms': { type: 'long', default: '-2', min: -2, doc: 'Without effect: there is no tiered storage.' },
  'max.compaction.lag.ms': { type: 'long', default: '9223372036854775807', min: 1, doc: 'How long a record may stay uncompacted at most.' },
  'max.message.bytes': { type: 'int', broker: 'message.max.bytes', min: 0, doc: 'Largest record batch, as it is sent (after compression).' },
  'message.timestamp.after.max.ms': { type: 'long', broker: 'log.message.timestamp.after.max.ms', min: 0, doc: 'How far a record’s time may be ahead of the broker’s.' },
  'message.timestamp.before.max.ms': { type: 'long', broker: 'log.message.timestamp.before.max.ms', min: 0, doc: 'How far a record’s time may be behind the broker’s.' },
  'message.timestamp.type': { type: 'string', broker: 'log.message.timestamp.type', oneOf: ['CreateTime', 'LogAppendTime'], doc: 'Whether records carry the producer’s time or the time of their append.' },
  'min.cleanable.dirty.ratio': { type: 'double', default: '0.5', min: 0, max: 1, doc: 'Share of a compacted log that must be new before it is compacted again.' },
  'min.compaction.lag.ms': { type: 'long', broker: 'log.cleaner.min.compaction.lag.ms', min: 0, doc: 'How long a record stays uncompacted at least.' },
  'min.insync.replicas': { type: 'int', broker: 'min.insync.replicas', min: 1, doc: 'Capped at the replication factor, which is 1 here.' },
  preallocate: { type: 'boolean', default: 'false', doc: 'Without effect: files grow as they are written.' },
  'remote.log.copy.disable': { type: 'boolean', default: 'false', doc: 'Without effect: there is no tiered storage.' },
  'remote.log.delete.on.disable': { type: 'boolean', default: 'false', doc: 'Without effect: there is no tiered storage.' },
  'remote.storage.enable': { type: 'boolean', default: 'false', oneOf: ['false'], doc: 'Must be false: there is no tiered storage.' },
  'retention.bytes': { type: 'long', broker: 'log.retention.bytes', min: -1, doc: 'Size of a partition above which its oldest segments are deleted; -1 is no limit.' },
  'retention.ms': { type: 'long', broker: 'log.retention.ms', min: -1, doc: 'Age at which records may be deleted; -1 keeps them.' },
  'segment.bytes': { type: 'int', broker: 'log.segment.bytes', min: 14, doc: 'Size at which a segment is closed and a new one begun.' },
  'segment.index.bytes': { type: 'int', broker: 'log.index.size.max.bytes', min: 4, doc: 'Largest index; a segment whose index is full is closed.' },
  'segment.jitter.ms': { type: 'long', default: '0', min: 0, doc: 'Without effect: segments of one node need no spreading.' },
  'segment.ms': { type: 'long', broker: 'log.roll.ms', min: 1, doc: 'Age at which a segment is closed even when it is small.' },
  'unclean.leader.election.enable': { type: 'boolean', default: 'false', doc: 'Without effect on a single node.' },
}

/** What is wrong with a topic's configuration; `undefined` when nothing is. */
export function checkTopicConfig(config: Readonly<Record<string, string>>): string | undefined {
  for (const [name, value] of Object.entries(config)) {
    const setting = TOPIC_SETTINGS[name]
    if (setting === undefined) return `Unknown topic config name: ${name}`
    const problem = problemOf(setting, value)
    if (problem !== undefined) return `Invalid value ${value} for configuration ${name}: ${problem}`
  }
  return undefined
}

function problemOf(setting: TopicSetting, value: string): string | undefined {
  if (setting.type === 'double') {
    const number = value.trim() === '' ? NaN : Number(value)
    return number >= setting.min! && number <= setting.max! ? undefined : `expected a number from ${setting.min} to ${setting.max}`
  }
  const max = setting.max ?? (setting.type === 'int' ? INT_MAX : LONG_MAX)
  const parsed = parseSetting({ ...setting, max, default: undefined } as Setting<unknown>, value)
  return parsed.kind === 'invalid' ? parsed.problem : undefined
}

/** A setting's value as tools see it, with where it came from and what it would be otherwise, nearest first. */
export interface DescribedSetting {
  readonly value: string
  readonly source: ConfigSource
  readonly synonyms: readonly { readonly name: string; readonly value: string; readonly source: ConfigSource }[]
}

/** Kafka's codes of where a value comes from. */
export const CONFIG_SOURCE = { topic: 1, staticBroker: 4, default: 5 } as const
export type ConfigSource = (typeof CONFIG_SOURCE)[keyof typeof CONFIG_SOURCE]

export function describeTopicSetting(
  name: string,
  options: { readonly own: Readonly<Record<string, string>>; readonly broker: BrokerConfig },
): DescribedSetting {
  const setting = TOPIC_SETTINGS[name]!
  const synonyms: { name: string; value: string; source: ConfigSource }[] = []
  const own = options.own[name]
  if (own !== undefined) synonyms.push({ name, value: own, source: CONFIG_SOURCE.topic })
  if (setting.broker !== undefined) synonyms.push(...describeBrokerSetting(setting.broker, options.broker).synonyms)
  else synonyms.push({ name, value: setting.default!, source: CONFIG_SOURCE.default })
  const nearest = synonyms[0]!
  return { value: nearest.value, source: nearest.source, synonyms }
}

export function describeBrokerSetting(name: BrokerSettingName, broker: BrokerConfig): DescribedSetting {
  const fallback = settingText(BROKER_SETTINGS[name].default)
  const value = settingText(broker[name])
  const byDefault = { name, value: fallback, source: CONFIG_SOURCE.default }
  if (value === fallback) return { value, source: CONFIG_SOURCE.default, synonyms: [byDefault] }
  return { value, source: CONFIG_SOURCE.staticBroker, synonyms: [{ name, value, source: CONFIG_SOURCE.staticBroker }, byDefault] }
}

/** Numbers stop being exact at 2^53; "no limit" is shown as Kafka writes it. */
function settingText(value: string | number | boolean): string {
  return typeof value === 'number' && value >= LONG_MAX ? '9223372036854775807' : String(value)
}
