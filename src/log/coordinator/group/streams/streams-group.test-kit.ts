import { ErrorCode } from '../../../protocol/error-code.ts'
import { GroupHarness } from '../group-harness.test-kit.ts'
import type { StreamsHeartbeatRequest, StreamsHeartbeatResult } from './streams-heartbeat.ts'
import { StatusCode } from './status.ts'
import type { ListedTasks } from './tasks.ts'
import type { Subtopology, Topology } from './topology.ts'

/** A subtopology of which only this is to be said. */
export function part(subtopologyId: string, more: Partial<Subtopology>): Subtopology {
  return {
    subtopologyId,
    sourceTopics: [],
    sourceTopicRegex: [],
    stateChangelogTopics: [],
    repartitionSinkTopics: [],
    repartitionSourceTopics: [],
    copartitionGroups: [],
    ...more,
  }
}

export function internal(name: string, partitions = 0): Subtopology['stateChangelogTopics'][number] {
  return { name, partitions, replicationFactor: 0, topicConfigs: [] }
}

/** Lines are cut into words, which are counted: three tasks each, the second three with state. */
export const COUNT: Topology = {
  epoch: 0,
  subtopologies: [
    part('0', { sourceTopics: ['lines'], repartitionSinkTopics: ['words'] }),
    part('1', {
      repartitionSourceTopics: [internal('words')],
      stateChangelogTopics: [internal('counts')],
    }),
  ],
}

/** Tasks as these tests write them: `0: 0 2, 1: 1`. */
export type Shown = string

export interface Saying extends Partial<StreamsHeartbeatRequest> {
  readonly owns?: Shown
  readonly standby?: Shown
}

/** A streams group `g`, and members that remember the epoch that they were told. */
export class StreamsGroupHarness extends GroupHarness {
  readonly epochs = new Map<string, number>()

  heartbeatOf(memberId: string, { owns, standby, ...saying }: Saying = {}): StreamsHeartbeatResult {
    const told = owns !== undefined || standby !== undefined
    const request: StreamsHeartbeatRequest = {
      groupId: 'g',
      memberId,
      memberEpoch: this.epochs.get(memberId) ?? 0,
      endpointInformationEpoch: 0,
      instanceId: null,
      rackId: null,
      rebalanceTimeoutMs: -1,
      topology: null,
      activeTasks: told ? listed(owns) : null,
      standbyTasks: told ? listed(standby) : null,
      warmupTasks: told ? [] : null,
      processId: null,
      userEndpoint: null,
      clientTags: null,
      taskOffsets: null,
      shutdownApplication: false,
      clientId: 'client',
      clientHost: '/127.0.0.1',
      knowsMissingTags: true,
      ...saying,
    }
    const { result, effects } = this.coordinator.streamsHeartbeat(request, this.now)
    this.carryOut('g', effects)
    if (result.errorCode === ErrorCode.NONE) this.epochs.set(memberId, result.memberEpoch)
    return result
  }

  /** Joins in a process of its own, unless it says otherwise. */
  joinAs(memberId: string, more: Saying = {}): StreamsHeartbeatResult {
    return this.heartbeatOf(memberId, {
      memberEpoch: 0,
      rebalanceTimeoutMs: 30_000,
      topology: COUNT,
      owns: '',
      processId: `process of ${memberId}`,
      ...more,
    })
  }

  /** All topics of `COUNT`. */
  putTopics(): void {
    for (const name of ['lines', 'words', 'counts']) this.topics.put(name, 3)
  }

  leaveAs(memberId: string, more: Saying = {}): StreamsHeartbeatResult {
    return this.heartbeatOf(memberId, { memberEpoch: -1, ...more })
  }

  get described(): ReturnType<typeof this.coordinator.describeStreamsGroup> {
    return this.coordinator.describeStreamsGroup('g')
  }

  get state(): string {
    return this.described.groupState
  }
}

export function active({ activeTasks }: Pick<StreamsHeartbeatResult, 'activeTasks'>): Shown | null {
  return activeTasks && shown(activeTasks)
}

export function standby({ standbyTasks }: Pick<StreamsHeartbeatResult, 'standbyTasks'>): Shown | null {
  return standbyTasks && shown(standbyTasks)
}

/** What stands in the way, by name. */
export function statuses({ status }: StreamsHeartbeatResult): string[] {
  const names = new Map<number, string>(Object.entries(StatusCode).map(([name, code]) => [code, name]))
  return status.map(({ statusCode }) => names.get(statusCode)!)
}

export function shown(tasks: readonly ListedTasks[]): Shown {
  return tasks.map(({ subtopologyId, partitions }) => `${subtopologyId}: ${partitions.join(' ')}`).join(', ')
}

function listed(tasks: Shown = ''): ListedTasks[] {
  if (tasks === '') return []
  return tasks.split(', ').map((text) => {
    const [subtopologyId = '', partitions = ''] = text.split(': ')
    return { subtopologyId, partitions: partitions.split(' ').map(Number) }
  })
}
