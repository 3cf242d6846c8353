/**
 * The words that requests are made of. Names are few, so that requests meet: a heartbeat for a group that a join before
 * it made. What answers tell (member ids, topic ids, producer ids) is learned and said again. Names of the clients that
 * must not be harmed are never in it: deleting their topics or fencing their producers would be a right request.
 */
import type { SeededRandom } from '../src/world/simulated/seeded-random.ts'

const LEARNED_MAX = 64

const TOPICS = [
  'fuzz-a',
  'fuzz-b',
  'fuzz-c',
  'fuzz.d_e',
  'fuzz-compacted',
  'fuzz-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
] as const
const GROUPS = ['fuzz-group-1', 'fuzz-group-2', 'fuzz-group-3', 'fuzz-group-4', ''] as const
const TRANSACTIONS = ['fuzz-tx-1', 'fuzz-tx-2', 'fuzz-tx-3'] as const
const STRANGE = [
  '',
  ' ',
  '.',
  '..',
  '../../etc',
  'a/b',
  'ü\u0000',
  '__proto__',
  'constructor',
  '\ud800',
  'x'.repeat(250),
  '*',
] as const

const CONFIG_KEYS = [
  'cleanup.policy',
  'compression.type',
  'retention.ms',
  'retention.bytes',
  'segment.bytes',
  'segment.ms',
  'max.message.bytes',
  'message.timestamp.type',
  'min.cleanable.dirty.ratio',
  'delete.retention.ms',
  'flush.ms',
  'flush.messages',
  'segment.index.bytes',
  'index.interval.bytes',
  'segment.jitter.ms',
  'min.compaction.lag.ms',
] as const
const CONFIG_VALUES = [
  'compact',
  'delete',
  'compact,delete',
  'zstd',
  'lz4',
  'snappy',
  'gzip',
  'uncompressed',
  'LogAppendTime',
  '0',
  '1',
  '-1',
  '1000',
  '1e9',
  '0.5',
  '9223372036854775807',
  '',
  'NaN',
  '１',
  ' 7 ',
] as const

/** What a field of this name may hold; the first rule whose pattern fits counts. Paths are `request field.inner field`. */
const RULES: readonly (readonly [RegExp, keyof typeof LISTS])[] = [
  [/transactionalid/i, 'transactions'],
  [/groupinstanceid/i, 'instances'],
  [/memberid/i, 'members'],
  [/group|coordinatorkeys|^key$/i, 'groups'],
  [/regex/i, 'regexes'],
  [/configs?\.name|configurationkeys|confignames/i, 'configKeys'],
  [/configs?\.value/i, 'configValues'],
  [/mechanism/i, 'mechanisms'],
  [/protocoltype/i, 'protocolTypes'],
  [/assignor|protocolname|protocols\.name/i, 'assignors'],
  [/host/i, 'hosts'],
  [/principal/i, 'principals'],
  [/topic|resourcename|resources\.name|^topics\.name/i, 'topics'],
  [/name/i, 'topics'],
]

const LISTS = {
  transactions: TRANSACTIONS,
  instances: ['static-1', 'static-2', ''],
  members: [''],
  groups: GROUPS,
  regexes: [
    'fuzz.*',
    '(a+)+$',
    'fuzz-(a|aa)+$',
    '(',
    '[',
    '.{1000000}',
    '(?<=x)y',
    '\\Qfuzz\\E.*',
    '(?i)FUZZ',
    '',
  ],
  configKeys: CONFIG_KEYS,
  configValues: CONFIG_VALUES,
  mechanisms: ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER', 'GSSAPI', ''],
  protocolTypes: ['consumer', 'connect', ''],
  assignors: ['range', 'roundrobin', 'cooperative-sticky', 'uniform', ''],
  hosts: ['*', '127.0.0.1', 'h'],
  principals: ['User:fuzz', 'User:*', 'fuzz', ''],
  topics: TOPICS,
} as const

const SASL_MESSAGES = [
  '\0fuzz\0secret',
  'n,,n=fuzz,r=abc',
  'n,,n=fuzz,r=',
  'c=biws,r=abcdef,p=AAAA',
  'n,a=x,\u0001auth=Bearer a.b.c\u0001\u0001',
  '\0\0',
  'y,,',
] as const

const INTERESTING_INT32 = [
  -1,
  0,
  1,
  2,
  7,
  127,
  128,
  255,
  32_767,
  65_535,
  1 << 20,
  2 ** 31 - 1,
  -(2 ** 31),
  -2,
]
const INTERESTING_INT64 = [
  -1,
  0,
  1,
  2,
  5,
  100,
  2 ** 31,
  2 ** 32,
  2 ** 53 - 1,
  -2,
  -3,
  -4,
  -5,
  -(2 ** 53),
  2 ** 62,
]

export class Vocabulary {
  readonly #random: SeededRandom
  readonly #memberIds: string[] = []
  readonly #topicIds: string[] = []
  readonly #producerIds: number[] = []

  constructor(random: SeededRandom) {
    this.#random = random
  }

  string(path: string): string {
    const random = this.#random
    if (random.chance(0.04)) return random.pick(STRANGE)
    if (random.chance(0.02)) return `fuzz-${random.uint32().toString(36)}`
    const rule = RULES.find(([pattern]) => pattern.test(path))
    if (rule === undefined) return random.pick(['', 'a', 'fuzz', '{}', 'rack-1'])
    if (rule[1] === 'members' && this.#memberIds.length > 0 && random.chance(0.8))
      return random.pick(this.#memberIds)
    return random.pick<string>(LISTS[rule[1]])
  }

  int32(path: string): number {
    const random = this.#random
    if (random.chance(0.05)) return random.pick(INTERESTING_INT32)
    if (random.chance(0.02)) return random.uint32() | 0
    if (/partition|index/i.test(path)) return random.below(3)
    if (/numPartitions|count/i.test(path)) return 1 + random.below(4)
    // Long waits are right requests too; they would only keep the connection that waits from sending the next ones.
    if (/maxwait|timeoutms/i.test(path)) return random.pick([0, 1, 10, 50, 6_000])
    if (/session|rebalance/i.test(path)) return random.pick([6_000, 10_000, 0])
    if (/generation|epoch/i.test(path)) return random.pick([-1, 0, 0, 1, 1, 2, 3])
    if (/bytes/i.test(path)) return random.pick([0, 1, 1_000, 1 << 20, 50 << 20])
    return random.pick([-1, 0, 1, 2, 3, 5])
  }

  int16(path: string): number {
    const random = this.#random
    if (random.chance(0.05)) return random.pick([-1, 0, 1, 32_767, -32_768])
    if (/acks/i.test(path)) return random.pick([-1, -1, 0, 1])
    if (/replication/i.test(path)) return random.pick([-1, 1, 1, 3])
    return random.pick([-1, 0, 0, 1, 2])
  }

  int64(path: string): number {
    const random = this.#random
    if (/producerid/i.test(path) && this.#producerIds.length > 0 && random.chance(0.8))
      return random.pick(this.#producerIds)
    if (random.chance(0.3)) return random.pick(INTERESTING_INT64)
    return random.below(20)
  }

  uuid(): string {
    const random = this.#random
    if (this.#topicIds.length > 0 && random.chance(0.8)) return random.pick(this.#topicIds)
    return Buffer.from(random.chance(0.5) ? Buffer.alloc(16) : random.bytes(16)).toString('base64url')
  }

  bytes(path: string): Buffer {
    const random = this.#random
    if (/auth/i.test(path) && random.chance(0.8)) return Buffer.from(random.pick(SASL_MESSAGES))
    return Buffer.from(random.bytes(random.pick([0, 1, 4, 20, 200])))
  }

  /** Takes up what an answer tells. Of topics only the ids of its own: others are not to be written to. */
  learn(answer: unknown): void {
    if (typeof answer !== 'object' || answer === null || Buffer.isBuffer(answer)) return
    const { name, topicId, memberId, producerId } = answer as Readonly<Record<string, unknown>>
    if (typeof topicId === 'string' && typeof name === 'string' && name.startsWith('fuzz'))
      remember(this.#topicIds, topicId)
    if (typeof memberId === 'string' && memberId !== '') remember(this.#memberIds, memberId)
    if (typeof producerId === 'number' && producerId >= 0) remember(this.#producerIds, producerId)
    for (const value of Object.values(answer)) this.learn(value)
  }
}

function remember<T>(list: T[], value: T): void {
  if (list.includes(value)) return
  list.push(value)
  if (list.length > LEARNED_MAX) list.shift()
}
