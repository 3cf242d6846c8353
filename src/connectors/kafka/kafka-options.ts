import type { Compression } from '../../log/protocol/record-batch.ts'
import { MillraceError } from '../../base/millrace-error.ts'
import type { ClientSecurity } from '../../log/client/security.ts'
import type { LogAddress } from '../../stream/connector/connector-context.ts'
import type { Format } from '../../stream/connector/format.ts'
import type { ErrorPolicy } from '../../stream/connector/source.ts'
import type { RegistryFormat } from './schemas/record-format.ts'

export interface KafkaOptions<T, K = string | Uint8Array> {
  /** Created when it does not exist, where the cluster allows that. */
  readonly topic: string
  /**
   * How values become events and back: `json(schema)`, `jsonFields(…)`, `string()`, `bytes()`; with schemas of a registry
   * `avro(…)`, `jsonSchema(…)`, `protobuf(…)`.
   */
  readonly value: Format<T> | RegistryFormat<T>
  /** How keys are read, for `event`, and written, from what `key` returns. Default: as they are. */
  readonly keyFormat?: Format<K> | RegistryFormat<K>
  /** `host:port` of a cluster; default: the log the job runs against. */
  readonly bootstrap?: string
  /** TLS and SASL for `bootstrap`. Default: neither. The job's own log brings what it needs. */
  readonly security?: ClientSecurity
  /** Partitions of the topic when it has to be created. Default: the broker's. */
  readonly partitions?: number

  /** Source: where to begin when there is no checkpoint. A number is a time, ms since the epoch. Default: `earliest`. */
  readonly from?: 'earliest' | 'latest' | { readonly timestampMs: number }
  /** Source: `end` stops at what is there when the job starts first, for jobs that finish. Default: never. */
  readonly until?: 'never' | 'end'
  /** Source: what to do with a record that cannot be decoded. Default: `fail`. */
  readonly onError?: ErrorPolicy
  /** Source: also records of open and aborted transactions, and such as a power cut could take back. Default: committed. */
  readonly isolation?: 'read_committed' | 'read_uncommitted'
  /** Source: the group under which positions show up in tools. Default: `millrace.<job>.<step>`. */
  readonly groupId?: string

  /** Sink: the record's key, which also chooses its partition (as Kafka's own clients do). Default: none. */
  readonly key?: (event: T) => K | null
  /** Sink: `exactly-once` writes in transactions that checkpoints commit; `at-least-once` is visible at once. */
  readonly guarantee?: 'exactly-once' | 'at-least-once'
  /** Sink: default `none`. */
  readonly compression?: Compression
  /**
   * Sink: how long a transaction may stay open, ms, which is how long a crashed job may be down without losing what a
   * checkpoint had prepared. Default: 900,000, the most that Kafka allows by default.
   */
  readonly transactionTimeoutMs?: number
  /** Sink: how long a record may wait for company, ms. Default: 5. */
  readonly lingerMs?: number
}

/** A source whose events are made of values and keys. */
export interface KeyedKafkaOptions<V, K, T> extends Omit<KafkaOptions<V, K>, 'key'> {
  readonly keyFormat: Format<K> | RegistryFormat<K>
  /** The event of a record; `key` is null where it has none. What it throws makes the record a bad one. */
  readonly event: (value: V, key: K | null) => T
  /** The event of a record without a value, which deletes its key in a compacted topic. Default: it is a bad record. */
  readonly tombstone?: (key: K | null) => T
}

/** A cluster, and what it takes to get in. */
export type ClusterOptions = Pick<KafkaOptions<unknown>, 'bootstrap' | 'security'>

/** What of a step's options says which cluster it uses. */
export function clusterOptions({ bootstrap, security }: ClusterOptions): ClusterOptions {
  return { ...(bootstrap !== undefined && { bootstrap }), ...(security !== undefined && { security }) }
}

/** The cluster to connect to; throws `MR_NO_LOG` when neither the connector nor the job names one. */
export function clusterFor(
  options: ClusterOptions & { readonly topic: string },
  context: { readonly bootstrap: LogAddress | undefined; readonly job: string; readonly step: string },
): { readonly bootstrap: string; readonly security?: ClientSecurity } {
  const { bootstrap, security } = options
  if (bootstrap !== undefined) return { bootstrap, ...(security !== undefined && { security }) }
  if (typeof context.bootstrap === 'object') return context.bootstrap
  if (context.bootstrap !== undefined) return { bootstrap: context.bootstrap }
  throw new MillraceError({
    code: 'MR_NO_LOG',
    job: context.job,
    step: context.step,
    topic: options.topic,
    message: 'the job was started without a log, and the step names no cluster.',
    fix: 'Give runJob({ log }) or kafka({ bootstrap }).',
  })
}
