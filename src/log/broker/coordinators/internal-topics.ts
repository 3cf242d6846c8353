import type { Topic } from '../../storage/log-directory.ts'
import type { CoordinatorEnvironment } from '../coordinator-services.ts'

export const CONSUMER_OFFSETS = '__consumer_offsets'
export const TRANSACTION_STATE = '__transaction_state'

/**
 * The internal topic, created when there is none yet; undefined when that failed. Their coordinators keep these topics
 * small themselves (`coordinator-log.ts`), so no retention may delete from them.
 */
export function internalTopic(environment: CoordinatorEnvironment, name: string): Topic | undefined {
  const existing = environment.logDirectory.topic(name)
  if (existing !== undefined) return existing
  const { config } = environment
  const [partitions, segmentBytes] =
    name === CONSUMER_OFFSETS
      ? [config['offsets.topic.num.partitions'], config['offsets.topic.segment.bytes']]
      : [config['transaction.state.log.num.partitions'], config['transaction.state.log.segment.bytes']]
  const created = environment.topics.create(
    {
      name,
      partitions,
      replicationFactor: 1,
      config: {
        'cleanup.policy': 'compact',
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
