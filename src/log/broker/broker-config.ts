import { nearestWord } from '../../base/nearest-word.ts'
import { MillraceError } from '../../base/millrace-error.ts'
import { GROUP_BROKER_SETTINGS } from './group-broker-config.ts'
import { bool, int, list, long, oneOf, text, INT_MAX, LONG_MAX, type Setting } from './setting.ts'

/**
 * The broker's settings: Kafka's names, meanings and (where nothing else is said) defaults. A value may be given as
 * the type of its default or as the text that a properties file would hold. What a setting means is in `doc`, which
 * DescribeConfigs shows too.
 */
export type BrokerConfig = {
  readonly [Name in keyof typeof BROKER_SETTINGS]: (typeof BROKER_SETTINGS)[Name]['default']
}

/** Every setting of the broker, by Kafka's name. */
export const BROKER_SETTINGS = {
  // Topics
  'auto.create.topics.enable': bool(
    true,
    'Create a topic when a client asks for its metadata and allows it.',
  ),
  'delete.topic.enable': bool(true, 'Whether topics may be deleted.'),
  'num.partitions': int(1, 1, 'Partitions of a topic that is created without saying how many.'),
  'default.replication.factor': int(
    1,
    1,
    'Replicas of a topic that is created without saying how many; there is one node.',
    1,
  ),

  // Connections and requests
  'socket.request.max.bytes': int(
    104_857_600,
    1,
    'Largest request; a connection that sends a larger one is closed.',
  ),
  'telemetry.max.bytes': int(
    1_048_576,
    1,
    'Largest push of a client’s metrics, as it is sent (after compression).',
  ),
  'queued.max.request.bytes': long(
    268_435_456,
    1,
    'Memory that all connections hold for requests, those that came in part included; beyond it they are not read. (Kafka: -1, no limit)',
  ),
  'connections.max.idle.ms': long(
    600_000,
    -1,
    'Close a connection that has been silent for so long; -1 never does.',
  ),
  'max.connections': int(INT_MAX, 1, 'Connections at the same time; further ones are closed at once.'),
  'max.connections.per.ip': int(
    INT_MAX,
    0,
    'Connections from one address at the same time; further ones are closed at once.',
  ),
  'max.connections.per.ip.overrides': text(
    '',
    'Other numbers for some addresses: 10.0.0.1:200,10.0.0.2:500.',
  ),
  'max.connection.creation.rate': int(
    0,
    0,
    'Connections that are taken in a second; further ones are closed at once. 0 is no limit. (Kafka: 2147483647, and they wait)',
  ),
  'max.connection.requests': int(
    256,
    1,
    'Requests of one connection in work at the same time; further ones wait unread. (Millrace only)',
  ),
  'fetch.max.bytes': int(
    57_671_680,
    1024,
    'Most bytes in one fetch answer; a first batch that is larger is still given.',
  ),
  'max.incremental.fetch.session.cache.slots': int(
    1000,
    0,
    'Incremental fetch sessions that are kept; 0 keeps none.',
  ),

  // Authentication
  'connections.max.reauth.ms': long(
    0,
    0,
    'How long a client that came by SASL may go on before it has to authenticate again; 0 for as long as it is connected.',
  ),
  'connection.failed.authentication.delay.ms': int(
    100,
    0,
    'How late a failed authentication is answered, which slows guessing down.',
  ),
  'sasl.server.max.receive.size': int(
    524_288,
    1,
    'Largest request of a client that has not authenticated yet.',
  ),
  'sasl.authentication.timeout.ms': int(
    30_000,
    1,
    'How long a client may take to authenticate after it has connected. (Millrace only)',
  ),

  // Access rules
  'authorizer.class.name': oneOf(
    '',
    ['', 'acl', 'org.apache.kafka.metadata.authorizer.StandardAuthorizer'],
    'Whether access rules (ACLs) are enforced: "acl", or the name of Kafka’s own authorizer, which means the same. Empty: everybody may do everything.',
  ),
  'super.users': text(
    '',
    'Who may do everything whatever the rules say: principals, separated by semicolons (User:admin;User:ops).',
  ),
  'allow.everyone.if.no.acl.found': bool(
    false,
    'Whether everybody may use a resource that no access rule names.',
  ),

  // Client quotas
  'quota.window.num': int(11, 1, 'Samples over which the rate of a client is measured.'),
  'quota.window.size.seconds': int(1, 1, 'Length of each of those samples.'),
  'controller.quota.window.num': int(
    11,
    1,
    'Samples over which the rate of partitions that a client creates and deletes is measured.',
  ),
  'controller.quota.window.size.seconds': int(1, 1, 'Length of each of those samples.'),

  // Records
  'message.max.bytes': int(1_048_588, 0, 'Largest record batch, as it is sent (after compression).'),
  'compression.type': oneOf(
    'producer',
    ['producer', 'uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'],
    'Codec of stored batches; "producer" keeps them as sent.',
  ),
  'log.message.timestamp.type': oneOf(
    'CreateTime',
    ['CreateTime', 'LogAppendTime'],
    'Whether records carry the producer’s time or the time of their append.',
  ),
  'log.message.timestamp.before.max.ms': long(
    LONG_MAX,
    0,
    'How far a record’s time may be behind the broker’s.',
  ),
  'log.message.timestamp.after.max.ms': long(
    3_600_000,
    0,
    'How far a record’s time may be ahead of the broker’s.',
  ),

  // Storage
  'log.segment.bytes': int(1_073_741_824, 14, 'Size at which a segment is closed and a new one begun.'),
  'log.roll.ms': long(604_800_000, 1, 'Age at which a segment is closed even when it is small.'),
  'log.retention.ms': long(604_800_000, -1, 'Age at which records may be deleted; -1 keeps them.'),
  'log.retention.bytes': long(
    -1,
    -1,
    'Size of a partition above which its oldest segments are deleted; -1 is no limit.',
  ),
  'log.retention.check.interval.ms': long(300_000, 1, 'How often retention is looked at.'),
  'log.cleanup.policy': list(
    'delete',
    ['delete', 'compact'],
    'What happens to old segments: delete, compact, or both.',
  ),
  'log.cleaner.enable': bool(true, 'Whether topics with cleanup.policy=compact are compacted.'),
  'log.cleaner.backoff.ms': long(15_000, 1, 'How often partitions to compact are looked for.'),
  'log.cleaner.delete.retention.ms': long(86_400_000, 0, 'How long tombstones stay in a compacted topic.'),
  'log.cleaner.min.compaction.lag.ms': long(0, 0, 'How long a record stays uncompacted at least.'),
  'log.index.interval.bytes': int(4096, 0, 'How many bytes of log per entry of the offset index.'),
  'log.index.size.max.bytes': int(10_485_760, 4, 'Largest index; a segment whose index is full is closed.'),
  'log.segment.delete.delay.ms': long(60_000, 0, 'How long the files of a deleted segment stay on disk.'),
  'log.flush.offset.checkpoint.interval.ms': int(
    10_000,
    1,
    'How often it is written down up to where partitions are on the device: what a start after a crash does not look at. (Kafka: 60000)',
  ),
  'min.insync.replicas': int(1, 1, 'Capped at the replication factor, which is 1 here.'),
  'log.flush.acks': oneOf(
    'all',
    ['all', 'always', 'never'],
    'Which answers wait for the device (fdatasync): acks=all alone, acks=1 too, or none. (Millrace only)',
  ),

  ...GROUP_BROKER_SETTINGS,

  // Producers and transactions
  'producer.id.expiration.ms': int(
    86_400_000,
    1,
    'How long an idle producer’s sequence numbers are remembered.',
  ),
  'transaction.max.timeout.ms': int(900_000, 1, 'Longest transaction timeout that a producer may ask for.'),
  'transaction.state.log.num.partitions': int(
    4,
    1,
    'Partitions of __transaction_state, created on first use. (Kafka: 50)',
  ),
  'transaction.state.log.segment.bytes': int(
    8_388_608,
    1,
    'Segment size of __transaction_state. (Kafka: 104857600)',
  ),
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': int(
    10_000,
    1,
    'How often transactions past their timeout are looked for.',
  ),
  'transactional.id.expiration.ms': int(604_800_000, 1, 'How long an idle transactional id is remembered.'),
  'transaction.remove.expired.transaction.cleanup.interval.ms': int(
    3_600_000,
    1,
    'How often expired transactional ids are looked for.',
  ),
} as const satisfies Record<string, Setting<number> | Setting<boolean> | Setting<string>>

export type BrokerSettingName = keyof typeof BROKER_SETTINGS

/** Fills in the defaults and checks every value; throws `MR_CONFIG_INVALID` that names the setting. */
export function brokerConfig(given: Readonly<Record<string, unknown>> = {}): BrokerConfig {
  const config: Record<string, unknown> = {}
  for (const [name, setting] of Object.entries(BROKER_SETTINGS)) config[name] = setting.default
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue
    const setting = (BROKER_SETTINGS as Record<string, Setting<unknown>>)[name]
    if (setting === undefined) {
      const near = nearestWord(name, Object.keys(BROKER_SETTINGS))
      const hint = near === undefined ? '' : `; did you mean ${near}?`
      throw invalid(name, `there is no broker setting of this name${hint}`)
    }
    const parsed = parseSetting(setting, value)
    if (parsed.kind === 'invalid') throw invalid(name, parsed.problem)
    config[name] = parsed.value
  }
  return config as BrokerConfig
}

type Parsed =
  | { readonly kind: 'valid'; readonly value: number | boolean | string }
  | { readonly kind: 'invalid'; readonly problem: string }

/** Reads a setting's value from its own type or from a text. */
export function parseSetting(setting: Setting<unknown>, given: unknown): Parsed {
  const text = String(given).trim()
  switch (setting.type) {
    case 'boolean':
      if (text === 'true' || text === 'false') return { kind: 'valid', value: text === 'true' }
      return { kind: 'invalid', problem: `expected true or false, got ${JSON.stringify(given)}` }
    case 'int':
    case 'long': {
      const value = /^[+-]?\d+$/.test(text) ? Number(text) : NaN
      const { min = -Infinity, max = Infinity } = setting
      if (value >= min && value <= max) return { kind: 'valid', value }
      return {
        kind: 'invalid',
        problem: `expected a whole number from ${min} to ${numberText(max)}, got ${JSON.stringify(given)}`,
      }
    }
    case 'string':
    case 'list': {
      const parts = setting.type === 'list' ? text.split(',').map((word) => word.trim()) : [text]
      const wrong = parts.find((word) => setting.oneOf !== undefined && !setting.oneOf.includes(word))
      if (wrong === undefined) return { kind: 'valid', value: parts.join(',') }
      const words = (setting.oneOf ?? []).map((word) => (word === '' ? 'nothing' : word))
      return { kind: 'invalid', problem: `expected one of ${words.join(', ')}, got ${JSON.stringify(wrong)}` }
    }
  }
}

/** Kafka's largest long, which a number cannot hold, as Kafka writes it. */
export function numberText(value: number): string {
  return value >= LONG_MAX ? '9223372036854775807' : String(value)
}

function invalid(name: string, problem: string): MillraceError {
  return new MillraceError({
    code: 'MR_CONFIG_INVALID',
    message: `${name}: ${problem}${problem.endsWith('?') ? '' : '.'}`,
    fix: 'Correct or remove the setting.',
  })
}
