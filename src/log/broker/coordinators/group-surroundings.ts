import type { GroupConfig } from '../../coordinator/group/group-step.ts'
import type { TopicShape, TopicsView } from '../../coordinator/group/consumer/topics-view.ts'
import type { LogDirectory, Topic } from '../../storage/log-directory.ts'
import type { BrokerConfig } from '../broker-config.ts'
import type { GroupSettings } from './group-settings.ts'

/** The broker's settings, and those of groups, as group coordinators take them. */
export function groupConfig(config: BrokerConfig, settings: GroupSettings): GroupConfig {
  const policy = config['group.consumer.migration.policy']
  return {
    initialRebalanceDelayMs: config['group.initial.rebalance.delay.ms'],
    minSessionTimeoutMs: config['group.min.session.timeout.ms'],
    maxSessionTimeoutMs: config['group.max.session.timeout.ms'],
    maxSize: config['group.max.size'],
    offsetsRetentionMs: config['offsets.retention.minutes'] * 60_000,
    maxOffsetMetadataBytes: config['offset.metadata.max.bytes'],
    consumer: {
      maxSize: config['group.consumer.max.size'],
      assignors: config['group.consumer.assignors'].split(','),
      regexRefreshIntervalMs: config['group.consumer.regex.refresh.interval.ms'],
      mayUpgrade: policy === 'bidirectional' || policy === 'upgrade',
      mayDowngrade: policy === 'bidirectional' || policy === 'downgrade',
      ofGroup: (groupId) => settings.timesOf(groupId, 'consumer'),
    },
    streams: {
      maxSize: config['group.streams.max.size'],
      ofGroup: (groupId) => settings.streamsSettings(groupId),
    },
    share: {
      maxSize: config['group.share.max.size'],
      ofGroup: (groupId) => settings.timesOf(groupId, 'share'),
    },
  }
}

/** The topics of a data directory as groups see them. */
export function topicsOf(logDirectory: LogDirectory): TopicsView {
  return {
    get version() {
      return logDirectory.topicsVersion
    },
    topic: (name) => shapeOf(logDirectory.topic(name)),
    topicById: (id) => shapeOf(logDirectory.topicById(id)),
    *names() {
      for (const topic of logDirectory.topics()) yield topic.name
    },
  }
}

function shapeOf(topic: Topic | undefined): TopicShape | undefined {
  return topic && { id: topic.id, name: topic.name, partitionCount: topic.partitions.length }
}
