/** Which partitions can be asked where: the application's own endpoints for interactive queries. */
import type { TopicsView } from '../consumer/topics-view.ts'
import type { StreamsMembership } from './streams-membership.ts'
import type { Endpoint } from './streams-record.ts'
import { listTasks, type TaskIds } from './tasks.ts'
import { sourcesOf, type ConfiguredTopology } from './topology.ts'

/** One member's share; an endpoint has one for each thread of it. */
export interface EndpointPartitions {
  readonly userEndpoint: Endpoint
  readonly activePartitions: readonly EndpointTopic[]
  readonly standbyPartitions: readonly EndpointTopic[]
}

interface EndpointTopic {
  readonly topic: string
  readonly partitions: readonly number[]
}

export function endpointPartitions(
  { members }: StreamsMembership,
  topology: ConfiguredTopology,
  topics: TopicsView,
): EndpointPartitions[] {
  const partitionsOf = (tasks: TaskIds): EndpointTopic[] =>
    listTasks(tasks).flatMap(({ subtopologyId, partitions }) => {
      const subtopology = topology.subtopologies?.get(subtopologyId)
      if (subtopology === undefined) return []
      return sourcesOf(subtopology).map((topic) => {
        const count = topics.topic(topic)?.partitionCount ?? 0
        return { topic, partitions: partitions.filter((partition) => partition < count) }
      })
    })
  return [...members.values()].flatMap(({ value: { userEndpoint }, current: { assigned } }) => {
    if (userEndpoint === null) return []
    const kept = new Set([...assigned.standby.keys(), ...assigned.warmup.keys()])
    return [
      {
        userEndpoint,
        activePartitions: partitionsOf(assigned.active),
        standbyPartitions: partitionsOf(kept),
      },
    ]
  })
}

export function sameEndpoint(one: Endpoint | null, other: Endpoint | null): boolean {
  return one?.host === other?.host && one?.port === other?.port
}
