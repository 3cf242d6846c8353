/** Members of streams groups, made of single requests: what they were told last they say the next time. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { apis } from '../../src/log/protocol/apis.ts'
import { GroupServer } from './group-server.ts'
import { apis as all } from '../../src/log/protocol/apis.ts'

type Heartbeat = Parameters<typeof apis.streamsGroupHeartbeat.encodeRequest>[2]
type Answer = ReturnType<typeof apis.streamsGroupHeartbeat.decodeResponse>
type Topology = NonNullable<Heartbeat['topology']>
type Subtopology = Topology['subtopologies'][number]
type InternalTopic = Subtopology['stateChangelogTopics'][number]
type Tasks = Readonly<Record<string, readonly number[]>>

/** A subtopology in these tests' words: topics without the prefix, internal ones by name or with partitions. */
export interface Part {
  readonly reads?: readonly string[]
  readonly regex?: readonly string[]
  readonly writes?: readonly string[]
  readonly repartitioned?: Readonly<Record<string, number>>
  readonly state?: readonly string[]
  /** Places in `reads` and in `repartitioned`. */
  readonly together?: { readonly reads?: readonly number[]; readonly repartitioned?: readonly number[] }
}

export interface StreamsSaying extends Omit<Partial<Heartbeat>, 'topology'> {
  readonly topology?: readonly Part[]
  readonly topologyEpoch?: number
  readonly active?: Tasks
  readonly standby?: Tasks
}

export class StreamsServer extends GroupServer {
  readonly #epochs = new Map<string, number>()

  /** A heartbeat of a member in the epoch that it was told last, or as said. */
  async streams(group: string, memberId: string, saying: StreamsSaying = {}, version = 1): Promise<object> {
    const { topology, topologyEpoch, active, standby, ...rest } = saying
    const key = `${group}/${memberId}`
    const told = active !== undefined || standby !== undefined
    const body: Heartbeat = {
      groupId: group === '' ? '' : this.prefix + group,
      memberId,
      memberEpoch: this.#epochs.get(key) ?? 0,
      endpointInformationEpoch: 0,
      ...(topology && {
        topology: {
          epoch: topologyEpoch ?? 0,
          subtopologies: topology.map((part, at) => this.#part(part, at)),
        },
      }),
      ...(told && { activeTasks: listed(active), standbyTasks: listed(standby), warmupTasks: [] }),
      ...rest,
    }
    const answer = await this.client.call(all.streamsGroupHeartbeat, version, body)
    if (answer.errorCode === 0) this.#epochs.set(key, answer.memberEpoch)
    return this.#told(answer)
  }

  streamsJoin(
    group: string,
    memberId: string,
    topology: readonly Part[],
    more: StreamsSaying = {},
  ): Promise<object> {
    return this.streams(group, memberId, {
      memberEpoch: 0,
      rebalanceTimeoutMs: 60_000,
      topology,
      active: {},
      processId: `process of ${memberId}`,
      ...more,
    })
  }

  async describeStreams(group: string, version = 1): Promise<object> {
    const { groups } = await this.client.call(all.streamsGroupDescribe, version, {
      groupIds: [this.prefix + group],
      includeAuthorizedOperations: true,
      includeTopologyDescription: version > 0,
    })
    const { members, topology, ...rest } = groups[0]!
    return this.#plainly({
      ...rest,
      topology,
      members: members.toSorted((one, other) => (one.memberId < other.memberId ? -1 : 1)),
    })
  }

  /** Waits until a topic is there that the broker creates by itself. */
  async created(name: string): Promise<object> {
    for (let tries = 0; tries < 100; tries++) {
      const answer = await this.client.call(all.metadata, 12, {
        topics: [{ name: this.prefix + name }],
        allowAutoTopicCreation: false,
      })
      const topic = answer.topics[0]!
      if (topic.errorCode === 0) return { partitions: topic.partitions.length, isInternal: topic.isInternal }
      await sleep(50)
    }
    return { missing: name }
  }

  async setGroup(group: string, name: string, value: string): Promise<number> {
    const { responses } = await this.client.call(all.incrementalAlterConfigs, 1, {
      resources: [
        {
          resourceType: 32,
          resourceName: this.prefix + group,
          configs: [{ name, configOperation: 0, value }],
        },
      ],
      validateOnly: false,
    })
    return responses[0]!.errorCode
  }

  async settingOf(name: string, configurationKeys: readonly string[]): Promise<object> {
    const { results } = await this.client.call(all.describeConfigs, 4, {
      resources: [
        { resourceType: 2, resourceName: this.prefix + name, configurationKeys: [...configurationKeys] },
      ],
    })
    return results[0]!.configs.map((config) => [config.name, config.value])
  }

  #part(part: Part, at: number): Subtopology {
    const named = (name: string): string => this.prefix + name
    const internal = (name: string, partitions: number, cleanup: string): InternalTopic => ({
      name: named(name),
      partitions,
      replicationFactor: 0,
      topicConfigs: [{ key: 'cleanup.policy', value: cleanup }],
    })
    const { together } = part
    return {
      subtopologyId: String(at),
      sourceTopics: (part.reads ?? []).map(named),
      sourceTopicRegex: [...(part.regex ?? [])],
      repartitionSinkTopics: (part.writes ?? []).map(named),
      stateChangelogTopics: (part.state ?? []).map((name) => internal(name, 0, 'compact')),
      repartitionSourceTopics: Object.entries(part.repartitioned ?? {}).map(([name, partitions]) =>
        internal(name, partitions, 'delete'),
      ),
      copartitionGroups:
        together === undefined
          ? []
          : [
              {
                sourceTopics: [...(together.reads ?? [])],
                sourceTopicRegex: [],
                repartitionSourceTopics: [...(together.repartitioned ?? [])],
              },
            ],
    }
  }

  #told(answer: Answer): object {
    const sorted = (tasks: Answer['activeTasks']): object | null =>
      tasks &&
      Object.fromEntries(tasks.map(({ subtopologyId, partitions }) => [subtopologyId, partitions.toSorted()]))
    const { activeTasks, standbyTasks, warmupTasks, partitionsByUserEndpoint, status, ...rest } = answer
    return this.#plainly({
      ...rest,
      status: status?.map(({ statusCode, statusDetail }) => [statusCode, inOrder(statusDetail)]),
      active: sorted(activeTasks),
      standby: sorted(standbyTasks),
      warmup: sorted(warmupTasks),
      endpoints: partitionsByUserEndpoint,
    })
  }

  #plainly(value: object): object {
    return JSON.parse(JSON.stringify(value).replaceAll(this.prefix, '')) as object
  }
}

function listed(tasks: Tasks = {}): { subtopologyId: string; partitions: number[] }[] {
  return Object.entries(tasks).map(([subtopologyId, partitions]) => ({
    subtopologyId,
    partitions: [...partitions],
  }))
}

/** Kafka lists the internal topics that are missing by their hash. */
function inOrder(detail: string): string {
  const [words = '', topics] = detail.split(' are missing: ')
  return topics === undefined ? detail : `${words} are missing: ${topics.split(', ').toSorted().join(', ')}`
}
