import type { Topic } from '../../storage/log-directory.ts'
import type { BrokerConfig } from '../broker-config.ts'
import type { CoordinatorEnvironment } from '../coordinator-services.ts'

export const CONSUMER_OFFSETS = '__consumer_offsets'
export const TRANSACTION_STATE = '__transaction_state'
export const SHARE_GROUP_STATE = '__share_group_state'

/**
 * The internal topic, created when there is none yet; undefined when that failed. Their coordinators keep these topics
 * small themselves (`coordinator-log.ts`), so no retention may delete from them.
 */
export function internalTopic(environment: CoordinatorEnvironment, name: string): Topic | undefined {
  const existing = environment.logDirectory.topic(name)
  if (existing !== undefined) return existing
  const [partitions, segmentBytes] = sizesOf(name, environment.config)
  const created = environment.topics.create(
    {
      name,
      partitions,
      replicationFactor: 1,
      config: {
        // Updates of share-partitions add up: the last of a key does not replace those before it.
        'cleanup.policy': name === SHARE_GROUP_STATE ? 'delete' : 'compact',
        'compression.type': 'producer',
        'segment.bytes': String(segmentBytes),
        'retention.ms': '-1',
        'retention.bytes': '-1',
      },
    },
    { internal: true },
  )
  if (created.kind === 'created') return created.topic
  environment.report('error', 'an internal topic could not be created', {
    topic: name,
    reason: created.message,
  })
  return undefined
}

function sizesOf(name: string, config: BrokerConfig): [partitions: number, segmentBytes: number] {
  switch (name) {
    case CONSUMER_OFFSETS:
      return [config['offsets.topic.num.partitions'], config['offsets.topic.segment.bytes']]
    case SHARE_GROUP_STATE:
      return [
        config['share.coordinator.state.topic.num.partitions'],
        config['share.coordinator.state.topic.segment.bytes'],
      ]
    default:
      return [config['transaction.state.log.num.partitions'], config['transaction.state.log.segment.bytes']]
  }
}
