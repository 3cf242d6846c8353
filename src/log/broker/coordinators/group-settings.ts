/** What groups have set for themselves (the configuration resource GROUP), in `millrace-groups.json` in the data directory. */
import { join } from 'node:path/posix'
import type { ConsumerGroupTimes, StreamsGroupSettings } from '../../coordinator/group/group-step.ts'
import type { ShareLimits } from '../../coordinator/share/share-partition.ts'
import { DurableDocument } from '../../storage/durable-document.ts'
import type { Disk } from '../../../world/world.ts'
import { parseSetting, type BrokerConfig, type BrokerSettingName } from '../broker-config.ts'
import { startStrategy, type StartStrategy } from './start-strategy.ts'

type Own = Readonly<Record<string, string>>
type Content = ReadonlyMap<string, Own>

/** A whole number that the broker has a setting for too, which bounds it. */
interface NumericSetting {
  readonly type: 'int' | 'long'
  /** The broker's setting that counts where a group has none of its own, and those that bound it, if any do. */
  readonly broker: BrokerSettingName
  readonly min?: BrokerSettingName
  readonly max?: BrokerSettingName
  readonly doc: string
}

interface WordSetting {
  readonly type: 'string' | 'boolean'
  readonly default: string
  isValid(value: string): boolean
  readonly doc: string
}

type GroupSetting = NumericSetting | WordSetting

/** `share.record.lock.duration.ms` is bounded by `group.share.min.record.lock.duration.ms`. */
function numeric(name: string, doc: string): [string, NumericSetting] {
  const [kind, ...rest] = name.split('.')
  const broker = (bound: string): BrokerSettingName =>
    ['group', kind, bound, ...rest].filter((word) => word !== '').join('.') as BrokerSettingName
  return [name, { type: 'int', broker: broker(''), min: broker('min'), max: broker('max'), doc }]
}

function times(kind: 'consumer' | 'share' | 'streams', who: string): [string, NumericSetting][] {
  return [
    numeric(`${kind}.session.timeout.ms`, `How long ${who} may be silent before they are expelled.`),
    numeric(`${kind}.heartbeat.interval.ms`, `How often ${who} are asked to send heartbeats.`),
    numeric(
      `${kind}.assignment.interval.ms`,
      'How long after an assignment the next is made at the earliest.',
    ),
  ]
}

/** Every setting of a group, by Kafka's name. */
export const GROUP_SETTINGS: ReadonlyMap<string, GroupSetting> = new Map<string, GroupSetting>([
  ...times('consumer', 'members of the consumer protocol'),
  ...times('share', 'members of the share group'),
  ...times('streams', 'members of the streams group'),
  [
    'streams.initial.rebalance.delay.ms',
    {
      type: 'int',
      broker: 'group.streams.initial.rebalance.delay.ms',
      doc: 'How long the streams group, when it was empty, waits for more members before its first assignment.',
    },
  ],
  [
    'streams.num.standby.replicas',
    {
      type: 'int',
      broker: 'group.streams.num.standby.replicas',
      max: 'group.streams.max.standby.replicas',
      doc: 'How many standby tasks a task with state has.',
    },
  ],
  [
    'streams.task.offset.interval.ms',
    {
      type: 'int',
      broker: 'group.streams.task.offset.interval.ms',
      min: 'group.streams.min.task.offset.interval.ms',
      doc: 'How often members of the streams group tell how far the state of their tasks is.',
    },
  ],
  [
    'streams.acceptable.recovery.lag',
    {
      type: 'long',
      broker: 'group.streams.acceptable.recovery.lag',
      doc: 'How many records the state of a task may be behind for a member to count as caught up.',
    },
  ],
  numeric(
    'share.record.lock.duration.ms',
    'How long a member of the share group has for a record before others are given it.',
  ),
  numeric(
    'share.delivery.count.limit',
    'How often a record is given to members of the share group before it is given up.',
  ),
  numeric(
    'share.partition.max.record.locks',
    'How many records of a partition the share group may have in work.',
  ),
  [
    'share.auto.offset.reset',
    {
      type: 'string',
      default: 'latest',
      isValid: (value) => startStrategy(value) !== undefined,
      doc: 'Where a share group begins: earliest, latest, or by_duration: and a duration before now, as in by_duration:PT1H.',
    },
  ],
  [
    'share.isolation.level',
    {
      type: 'string',
      default: 'read_uncommitted',
      isValid: (value) => ['read_uncommitted', 'read_committed'].includes(value.toLowerCase()),
      doc: 'Whether a share group is given records of transactions that are not committed.',
    },
  ],
  [
    'share.renew.acknowledge.enable',
    {
      type: 'boolean',
      default: 'true',
      isValid: (value) => ['true', 'false'].includes(value.toLowerCase()),
      doc: 'Whether members of the share group may prolong the time that they have for a record.',
    },
  ],
])

export class GroupSettings {
  readonly #document: DurableDocument<Content>
  readonly #config: BrokerConfig

  /** Throws `MR_DATA_DIR_DAMAGED` when the file is there but cannot be read. */
  static open(options: {
    readonly disk: Disk
    readonly dataPath: string
    readonly config: BrokerConfig
  }): GroupSettings {
    const { disk, dataPath, config } = options
    const document = DurableDocument.open<Content>({
      disk,
      path: join(dataPath, 'millrace-groups.json'),
      what: 'the settings of groups',
      initial: new Map(),
      parse: contentOf,
      toJson: (content) => ({ version: 1, groups: Object.fromEntries(content) }),
      fix: 'Restore the file from a copy, or move it away: no group has settings of its own then.',
    })
    return new GroupSettings(document, config)
  }

  private constructor(document: DurableDocument<Content>, config: BrokerConfig) {
    this.#document = document
    this.#config = config
  }

  /** Groups that have set something. */
  groupIds(): Iterable<string> {
    return this.#document.content.keys()
  }

  own(groupId: string): Own {
    return this.#document.content.get(groupId) ?? {}
  }

  /** What counts for a group of the consumer protocol or for a share group. */
  timesOf(groupId: string, kind: 'consumer' | 'share' | 'streams'): ConsumerGroupTimes {
    return {
      sessionTimeoutMs: this.#number(groupId, `${kind}.session.timeout.ms`),
      heartbeatIntervalMs: this.#number(groupId, `${kind}.heartbeat.interval.ms`),
      assignmentIntervalMs: this.#number(groupId, `${kind}.assignment.interval.ms`),
    }
  }

  streamsSettings(groupId: string): StreamsGroupSettings {
    const tags = this.#config['group.streams.rack.aware.assignment.tags']
    return {
      ...this.timesOf(groupId, 'streams'),
      initialRebalanceDelayMs: this.#number(groupId, 'streams.initial.rebalance.delay.ms'),
      standbyReplicas: this.#number(groupId, 'streams.num.standby.replicas'),
      taskOffsetIntervalMs: this.#number(groupId, 'streams.task.offset.interval.ms'),
      acceptableRecoveryLag: this.#number(groupId, 'streams.acceptable.recovery.lag'),
      rackAwareTags: tags.split(',').flatMap((tag) => (tag.trim() === '' ? [] : [tag.trim()])),
    }
  }

  shareLimits(groupId: string): ShareLimits {
    return {
      lockDurationMs: this.#number(groupId, 'share.record.lock.duration.ms'),
      deliveryCountLimit: this.#number(groupId, 'share.delivery.count.limit'),
      maxRecordLocks: this.#number(groupId, 'share.partition.max.record.locks'),
      mayRenew: this.#word(groupId, 'share.renew.acknowledge.enable') === 'true',
    }
  }

  readsCommitted(groupId: string): boolean {
    return this.#word(groupId, 'share.isolation.level') === 'read_committed'
  }

  /** Where a share group begins in a partition that it has done nothing with. */
  shareStart(groupId: string): StartStrategy {
    return startStrategy(this.#word(groupId, 'share.auto.offset.reset'))!
  }

  /** The broker's bounds may have become tighter since a group set something. */
  #number(groupId: string, name: string): number {
    const own = this.own(groupId)[name]
    const setting = GROUP_SETTINGS.get(name) as NumericSetting
    if (own === undefined) return Number(this.#config[setting.broker])
    const { min, max } = this.#bounds(setting)
    return Math.min(Math.max(Number(own), min), max)
  }

  #bounds({ type, min, max }: NumericSetting): { readonly min: number; readonly max: number } {
    return {
      min: min === undefined ? 0 : Number(this.#config[min]),
      max: max === undefined ? (type === 'int' ? 2 ** 31 - 1 : Infinity) : Number(this.#config[max]),
    }
  }

  #word(groupId: string, name: string): string {
    return (this.own(groupId)[name] ?? (GROUP_SETTINGS.get(name) as WordSetting).default).toLowerCase()
  }

  /** What is wrong with settings; undefined when nothing is. */
  problemWith(own: Own): string | undefined {
    for (const [name, value] of Object.entries(own)) {
      const setting = GROUP_SETTINGS.get(name)
      if (setting === undefined) return `Unknown group config name: ${name}`
      if ('default' in setting) {
        if (!setting.isValid(value)) return `Invalid value ${value} for configuration ${name}`
        continue
      }
      const parsed = parseSetting({ type: setting.type, default: 0, doc: '' }, value)
      if (parsed.kind === 'invalid')
        return `Invalid value ${value} for configuration ${name}: Not a number of type ${setting.type.toUpperCase()}`
      const { min, max } = this.#bounds(setting)
      if (Number(parsed.value) < min || Number(parsed.value) > max)
        return `${name} must be in the range ${min} to ${max} inclusive.`
    }
    return undefined
  }

  /** Resolves when it is on the device; rejects with the disk's error. */
  async set(groupId: string, own: Own): Promise<void> {
    await this.#document.update((content) => {
      const changed = new Map(content)
      if (Object.keys(own).length === 0) changed.delete(groupId)
      else changed.set(groupId, { ...own })
      return changed
    })
  }

  /** Resolves when no change is under way. */
  idle(): Promise<void> {
    return this.#document.idle()
  }
}

function contentOf(json: unknown): Content | undefined {
  const { version, groups } = json as { version?: unknown; groups?: Record<string, Own> }
  return version === 1 && groups !== undefined ? new Map(Object.entries(groups)) : undefined
}
