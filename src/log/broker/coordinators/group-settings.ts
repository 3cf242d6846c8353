/** What groups have set for themselves (the configuration resource GROUP), in `millrace-groups.json` in the data directory. */
import { join } from 'node:path/posix'
import type { ConsumerGroupTimes } from '../../coordinator/group/group-step.ts'
import { DurableDocument } from '../../storage/durable-document.ts'
import type { Disk } from '../../../world/world.ts'
import { parseSetting, type BrokerConfig, type BrokerSettingName } from '../broker-config.ts'

type Own = Readonly<Record<string, string>>
type Content = ReadonlyMap<string, Own>

interface GroupSetting {
  /** The broker's setting that counts where a group has none of its own, and those that bound it. */
  readonly broker: BrokerSettingName
  readonly min: BrokerSettingName
  readonly max: BrokerSettingName
  readonly doc: string
}

/** Every setting of a group, by Kafka's name: whole numbers of milliseconds. */
export const GROUP_SETTINGS: ReadonlyMap<string, GroupSetting> = new Map([
  [
    'consumer.session.timeout.ms',
    {
      broker: 'group.consumer.session.timeout.ms',
      min: 'group.consumer.min.session.timeout.ms',
      max: 'group.consumer.max.session.timeout.ms',
      doc: 'How long a member of the consumer protocol may be silent before it is expelled.',
    },
  ],
  [
    'consumer.heartbeat.interval.ms',
    {
      broker: 'group.consumer.heartbeat.interval.ms',
      min: 'group.consumer.min.heartbeat.interval.ms',
      max: 'group.consumer.max.heartbeat.interval.ms',
      doc: 'How often members of the consumer protocol are asked to send heartbeats.',
    },
  ],
  [
    'consumer.assignment.interval.ms',
    {
      broker: 'group.consumer.assignment.interval.ms',
      min: 'group.consumer.min.assignment.interval.ms',
      max: 'group.consumer.max.assignment.interval.ms',
      doc: 'How long after an assignment the next is made at the earliest.',
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

  /** What counts for a group. The broker's bounds may have become tighter since a group set something. */
  timesOf(groupId: string): ConsumerGroupTimes {
    const own = this.own(groupId)
    const valueOf = (name: string): number => {
      const setting = GROUP_SETTINGS.get(name)!
      const { [setting.min]: min, [setting.max]: max, [setting.broker]: byDefault } = this.#config
      return own[name] === undefined
        ? Number(byDefault)
        : Math.min(Math.max(Number(own[name]), Number(min)), Number(max))
    }
    return {
      sessionTimeoutMs: valueOf('consumer.session.timeout.ms'),
      heartbeatIntervalMs: valueOf('consumer.heartbeat.interval.ms'),
      assignmentIntervalMs: valueOf('consumer.assignment.interval.ms'),
    }
  }

  /** What is wrong with settings; undefined when nothing is. */
  problemWith(own: Own): string | undefined {
    for (const [name, value] of Object.entries(own)) {
      const setting = GROUP_SETTINGS.get(name)
      if (setting === undefined) return `Unknown group config name: ${name}`
      const parsed = parseSetting({ type: 'int', default: 0, doc: '' }, value)
      if (parsed.kind === 'invalid')
        return `Invalid value ${value} for configuration ${name}: Not a number of type INT`
      const { [setting.min]: min, [setting.max]: max } = this.#config
      if (Number(parsed.value) < Number(min) || Number(parsed.value) > Number(max))
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
