import { type ConfigType, parseConfigValue } from './config-value.ts'
import { TOPIC_CONFIG_KEYS } from './topic-config-keys.ts'

/**
 * A topic's settings: Kafka's keys with the broker's defaults, over which the topic's own values lie. The log reads the
 * typed fields; administration reads `overrides` and `topicConfigKeys`.
 */
export interface TopicConfig {
  readonly cleanupDeletes: boolean
  readonly cleanupCompacts: boolean
  readonly compressionType: 'producer' | 'uncompressed' | 'gzip' | 'snappy' | 'lz4' | 'zstd'
  readonly gzipLevel: number
  readonly lz4Level: number
  readonly zstdLevel: number
  readonly deleteRetentionMs: number
  /** Appended records after which a sync is started without being asked for. */
  readonly flushMessages: number
  /** How long appended records stay unsynced at most, when nothing else asks for a sync. */
  readonly flushMs: number
  readonly indexIntervalBytes: number
  readonly maxCompactionLagMs: number
  readonly maxMessageBytes: number
  readonly timestampAfterMaxMs: number
  readonly timestampBeforeMaxMs: number
  readonly timestampType: 'CreateTime' | 'LogAppendTime'
  readonly minCleanableDirtyRatio: number
  readonly minCompactionLagMs: number
  readonly minInsyncReplicas: number
  /** −1: no limit. */
  readonly retentionBytes: number
  /** −1: no limit. */
  readonly retentionMs: number
  readonly segmentBytes: number
  readonly segmentIndexBytes: number
  readonly segmentJitterMs: number
  readonly segmentMs: number
  /** What was set for this topic, by Kafka's key, as text. */
  readonly overrides: Readonly<Record<string, string>>
}

/** One setting, as DescribeConfigs shows it. */
export interface TopicConfigKey {
  readonly name: string
  readonly type: ConfigType
  /** Kafka's default, as text. */
  readonly defaultValue: string
  /** Least and largest number, inclusive. */
  readonly min?: number
  readonly max?: number
  readonly oneOf?: readonly string[]
  readonly doc: string
  /** Understood and kept for clients that set it; one node has nothing to do with it. */
  readonly hasNoEffect?: true
}

export type ParsedTopicConfig =
  | { readonly kind: 'valid'; readonly config: TopicConfig }
  | { readonly kind: 'invalid'; readonly name: string; readonly message: string }

/** All settings that a topic may have, in order of their names. */
export const topicConfigKeys: readonly TopicConfigKey[] = TOPIC_CONFIG_KEYS

const KEY_BY_NAME: ReadonlyMap<string, TopicConfigKey> = new Map(
  TOPIC_CONFIG_KEYS.map((key) => [key.name, key]),
)

export function topicConfigKey(name: string): TopicConfigKey | undefined {
  return KEY_BY_NAME.get(name)
}

/** What is wrong with a value, undefined when it may be set. */
export function problemWithTopicConfig(name: string, value: string): string | undefined {
  const key = KEY_BY_NAME.get(name)
  if (key === undefined) return `Unknown topic config name: ${name}`
  const parsed = parseConfigValue(key, value)
  return parsed.kind === 'invalid'
    ? `Invalid value ${value} for configuration ${name}: ${parsed.message}`
    : undefined
}

/** Lays a topic's own values over the broker's defaults and checks them. Both are text by Kafka's topic key. */
export function parseTopicConfig(
  overrides: Readonly<Record<string, string>>,
  brokerDefaults: Readonly<Record<string, string>> = {},
): ParsedTopicConfig {
  for (const [name, value] of [...Object.entries(brokerDefaults), ...Object.entries(overrides)]) {
    const problem = problemWithTopicConfig(name, value)
    if (problem !== undefined) return { kind: 'invalid', name, message: problem }
  }
  const text = (name: string): string =>
    overrides[name] ?? brokerDefaults[name] ?? KEY_BY_NAME.get(name)!.defaultValue
  const number = (name: string): number => Number(text(name))
  const cleanup = text('cleanup.policy')
    .split(',')
    .map((word) => word.trim())
  const config: TopicConfig = {
    cleanupDeletes: cleanup.includes('delete'),
    cleanupCompacts: cleanup.includes('compact'),
    compressionType: text('compression.type') as TopicConfig['compressionType'],
    gzipLevel: number('compression.gzip.level'),
    lz4Level: number('compression.lz4.level'),
    zstdLevel: number('compression.zstd.level'),
    deleteRetentionMs: number('delete.retention.ms'),
    flushMessages: number('flush.messages'),
    flushMs: number('flush.ms'),
    indexIntervalBytes: number('index.interval.bytes'),
    maxCompactionLagMs: number('max.compaction.lag.ms'),
    maxMessageBytes: number('max.message.bytes'),
    timestampAfterMaxMs: number('message.timestamp.after.max.ms'),
    timestampBeforeMaxMs: number('message.timestamp.before.max.ms'),
    timestampType: text('message.timestamp.type') as TopicConfig['timestampType'],
    minCleanableDirtyRatio: number('min.cleanable.dirty.ratio'),
    minCompactionLagMs: number('min.compaction.lag.ms'),
    minInsyncReplicas: number('min.insync.replicas'),
    retentionBytes: number('retention.bytes'),
    retentionMs: number('retention.ms'),
    segmentBytes: number('segment.bytes'),
    segmentIndexBytes: number('segment.index.bytes'),
    segmentJitterMs: number('segment.jitter.ms'),
    segmentMs: number('segment.ms'),
    overrides,
  }
  if (config.minCompactionLagMs > config.maxCompactionLagMs) {
    return {
      kind: 'invalid',
      name: 'min.compaction.lag.ms',
      message: `min.compaction.lag.ms (${config.minCompactionLagMs}) is above max.compaction.lag.ms (${config.maxCompactionLagMs})`,
    }
  }
  return { kind: 'valid', config }
}
