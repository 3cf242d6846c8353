import type { TopicsView } from './topics-view.ts'

/** The partitions of a member, as descriptions of groups show them. */
export interface DescribedAssignment {
  readonly topicPartitions: readonly {
    readonly topicId: string
    readonly topicName: string
    readonly partitions: readonly number[]
  }[]
}

/** Topics that have gone are left out. */
export function describeAssignment(
  topics: TopicsView,
  assigned: Iterable<readonly [topicId: string, partitions: readonly number[]]>,
): DescribedAssignment {
  const topicPartitions: DescribedAssignment['topicPartitions'][number][] = []
  for (const [topicId, partitions] of assigned) {
    const topic = topics.topicById(topicId)
    if (topic !== undefined) topicPartitions.push({ topicId, topicName: topic.name, partitions })
  }
  return { topicPartitions }
}
