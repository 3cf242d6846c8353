import type { LogConfig } from '../storage/log-config.ts'
import type { BrokerConfig } from './broker-config.ts'
import { topicDefaults } from './topic-settings.ts'

/** What the storage is told of the broker's settings. */
export function logConfigOf(broker: BrokerConfig): LogConfig {
  return {
    topicDefaults: topicDefaults(broker),
    producerIdExpirationMs: broker['producer.id.expiration.ms'],
    checkpointIntervalMs: broker['log.flush.offset.checkpoint.interval.ms'],
  }
}
