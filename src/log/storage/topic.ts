import type { PartitionLog } from './partition-log.ts'
import type { TopicConfig } from './topic-config.ts'
import type { TopicEntry } from './topic-registry.ts'

/** A topic as its users see it. */
export interface Topic {
  readonly name: string
  /** 22 characters; another one after deletion and re-creation. */
  readonly id: string
  readonly internal: boolean
  readonly partitions: readonly PartitionLog[]
  /** What is in force: the topic's own settings over the defaults. */
  readonly config: TopicConfig
  /** The topic's own settings, by Kafka's key. */
  readonly overrides: Readonly<Record<string, string>>
}

/** A topic as its directory keeps it. */
export class MutableTopic implements Topic {
  readonly name: string
  readonly id: string
  readonly internal: boolean
  readonly partitions: PartitionLog[] = []
  #config: TopicConfig

  constructor(entry: TopicEntry, config: TopicConfig) {
    this.name = entry.name
    this.id = entry.id
    this.internal = entry.internal
    this.#config = config
  }

  get config(): TopicConfig {
    return this.#config
  }

  get overrides(): Readonly<Record<string, string>> {
    return this.#config.overrides
  }

  /** From now on the topic and its partitions follow this configuration. */
  configure(config: TopicConfig): void {
    this.#config = config
    for (const partition of this.partitions) partition.config = config
  }
}
