import type { Report } from '../../base/report.ts'
import { messageOf } from '../../base/millrace-error.ts'
import { ErrorCode } from '../protocol/error-code.ts'
import type { LogDirectory, Topic } from '../storage/log-directory.ts'
import { CLUSTER_METADATA, INTERNAL_TOPICS } from '../storage/partition-directories.ts'
import type { BrokerConfig } from './broker-config.ts'
import type { BrokerCounters } from './broker-metrics.ts'
import type { PartitionWaiters } from './partition-waiters.ts'
import { problemWithConfig } from './topic-settings.ts'

/** More partitions than this in one topic are refused: each costs files and memory. */
export const MAX_PARTITIONS = 10_000

export type TopicRefusal = { readonly kind: 'refused'; readonly error: ErrorCode; readonly message: string }
export type TopicCreation = { readonly kind: 'created'; readonly topic: Topic } | TopicRefusal
export type TopicCheck =
  | { readonly kind: 'valid'; readonly partitions: number; readonly config: Readonly<Record<string, string>> }
  | TopicRefusal

export interface TopicWish {
  readonly name: string
  /** -1: the broker's default. */
  readonly partitions: number
  /** -1: the broker's default. */
  readonly replicationFactor: number
  readonly config: Readonly<Record<string, string | null>>
}

/** Creates, grows and deletes topics: checks what clients ask for, and tells those who hold on to a topic. */
export class TopicCatalog {
  readonly #logDirectory: LogDirectory
  readonly #config: BrokerConfig
  readonly #report: Report
  readonly #waiters: PartitionWaiters
  readonly #metrics: BrokerCounters

  constructor(options: {
    readonly logDirectory: LogDirectory
    readonly config: BrokerConfig
    readonly report: Report
    readonly waiters: PartitionWaiters
    readonly metrics: BrokerCounters
  }) {
    this.#logDirectory = options.logDirectory
    this.#config = options.config
    this.#report = options.report
    this.#waiters = options.waiters
    this.#metrics = options.metrics
  }

  /**
   * Whether a topic could be created so, and with what defaults filled in. The coordinators' topics are made by the broker
   * alone (`internal`): one that a client has made would be writable by clients, and retention would delete from it.
   */
  check(wish: TopicWish, { internal = false }: { readonly internal?: boolean } = {}): TopicCheck {
    const nameProblem = topicNameProblem(wish.name)
    if (nameProblem !== undefined) return refused(ErrorCode.INVALID_TOPIC_EXCEPTION, nameProblem)
    if (wish.name === CLUSTER_METADATA)
      return refused(ErrorCode.INVALID_REQUEST, 'The name is that of the log of Kafka’s controllers.')
    if (this.#logDirectory.topic(wish.name) !== undefined) {
      return refused(ErrorCode.TOPIC_ALREADY_EXISTS, `Topic '${wish.name}' already exists.`)
    }
    if (INTERNAL_TOPICS.has(wish.name) && !internal)
      return refused(
        ErrorCode.INVALID_TOPIC_EXCEPTION,
        `Topic '${wish.name}' is created by the broker itself when a group or transaction needs it.`,
      )
    const collision = this.#collisionOf(wish.name)
    if (collision !== undefined) {
      return refused(
        ErrorCode.INVALID_TOPIC_EXCEPTION,
        `Topic '${wish.name}' collides with existing topics: ${collision}`,
      )
    }
    if (wish.partitions !== -1 && (wish.partitions < 1 || wish.partitions > MAX_PARTITIONS)) {
      return refused(
        ErrorCode.INVALID_PARTITIONS,
        `Number of partitions was set to an invalid value: ${wish.partitions} is not from 1 to ${MAX_PARTITIONS}.`,
      )
    }
    if (wish.replicationFactor !== -1 && wish.replicationFactor !== 1) {
      return refused(
        ErrorCode.INVALID_REPLICATION_FACTOR,
        `Replication factor ${wish.replicationFactor} is not possible: there is 1 broker.`,
      )
    }
    const config: Record<string, string> = {}
    for (const [name, value] of Object.entries(wish.config)) {
      if (value === null)
        return refused(ErrorCode.INVALID_CONFIG, `Null value not supported for topic config: ${name}`)
      config[name] = value
    }
    const configProblem = problemWithConfig(config, this.#config)
    if (configProblem !== undefined) return refused(ErrorCode.INVALID_CONFIG, configProblem)
    return {
      kind: 'valid',
      partitions: wish.partitions === -1 ? this.#config['num.partitions'] : wish.partitions,
      config,
    }
  }

  create(wish: TopicWish, options: { readonly internal?: boolean } = {}): TopicCreation {
    const check = this.check(wish, options)
    if (check.kind === 'refused') return check
    try {
      const topic = this.#logDirectory.createTopic({
        name: wish.name,
        partitions: check.partitions,
        config: check.config,
        internal: options.internal ?? false,
      })
      this.#report('info', 'topic created', { topic: wish.name, partitions: check.partitions })
      return { kind: 'created', topic }
    } catch (error) {
      this.#report('error', 'topic could not be created', { topic: wish.name, reason: messageOf(error) })
      return refused(ErrorCode.KAFKA_STORAGE_ERROR, messageOf(error))
    }
  }

  /**
   * Waits until what was created, changed or deleted is on the device, so that an answer may say so. Resolves with what
   * went wrong when the device refuses; the change is in force all the same, and is written again with the next one.
   */
  async settled(): Promise<string | undefined> {
    try {
      await this.#logDirectory.topicsSynced()
      return undefined
    } catch (error) {
      const reason = messageOf(error)
      this.#report('error', 'a change of topics is not on the device yet', { reason })
      return `The change is in force, but could not be made durable yet: ${reason}`
    }
  }

  delete(topic: Topic): void {
    this.#logDirectory.deleteTopic(topic.name)
    for (const partition of topic.partitions) this.#waiters.partitionDeleted(partition)
    this.#metrics.forgetTopic(topic.name)
    this.#report('info', 'topic deleted', { topic: topic.name })
  }

  /** Kafka's metric names replace '.' by '_': two topics that differ only in that are kept apart from the start. */
  #collisionOf(name: string): string | undefined {
    if (!name.includes('.') && !name.includes('_')) return undefined
    const plain = name.replaceAll('.', '_')
    for (const topic of this.#logDirectory.topics()) {
      if (topic.name !== name && topic.name.replaceAll('.', '_') === plain) return topic.name
    }
    return undefined
  }
}

const MAX_NAME_LENGTH = 249

/** What is wrong with a topic's name, in Kafka's words; `undefined` when nothing is. */
export function topicNameProblem(name: string): string | undefined {
  if (name === '') return 'the empty string is not allowed'
  if (name === '.' || name === '..') return `'.' or '..' is not allowed`
  if (name.length > MAX_NAME_LENGTH)
    return `the length of '${name}' is longer than the max allowed length ${MAX_NAME_LENGTH}`
  if (!/^[a-zA-Z0-9._-]+$/.test(name)) {
    return `'${name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'`
  }
  return undefined
}

function refused(error: ErrorCode, message: string): TopicRefusal {
  return { kind: 'refused', error, message }
}
