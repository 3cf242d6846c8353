/** Settings of a data directory. All have defaults. */
export interface LogConfig {
  /** This node's id; a directory keeps the one that it was made with. Default: the directory's, 1 for a new one. */
  readonly nodeId?: number
  /** The cluster's id; a directory keeps the one that it was made with. Default: the directory's, random for a new one. */
  readonly clusterId?: string
  /** Defaults of topics that do not set them, by Kafka's topic keys (`retention.ms`, …). Must be valid. */
  readonly topicDefaults?: Readonly<Record<string, string>>
  /** Files that are open at the same time at most. Default 1,000. */
  readonly maxOpenFiles?: number
  /** How long a silent producer's sequence numbers are remembered, ms. Default one day. */
  readonly producerIdExpirationMs?: number
  /** How long appended records stay unsynced at most when nobody waits for them, ms. Default 5,000. */
  readonly flushIntervalMs?: number
  /** How often recovery points are written down, ms: they bound the work after a crash. Default 10,000. */
  readonly checkpointIntervalMs?: number
}

export const LOG_CONFIG_DEFAULTS = {
  nodeId: 1,
  topicDefaults: {},
  maxOpenFiles: 1000,
  producerIdExpirationMs: 86_400_000,
  flushIntervalMs: 5_000,
  checkpointIntervalMs: 10_000,
} as const
