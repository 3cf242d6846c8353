import { int, list, long, oneOf, text, INT_MAX } from './setting.ts'

/** The broker's settings for groups of all kinds, and for the topic that keeps them. */
export const GROUP_BROKER_SETTINGS = {
  // Consumer groups
  'group.initial.rebalance.delay.ms': int(
    100,
    0,
    'How long an empty group waits for more members before its first rebalance. (Kafka: 3000)',
  ),
  'group.min.session.timeout.ms': int(6000, 1, 'Shortest session timeout that a member may ask for.'),
  'group.max.session.timeout.ms': int(1_800_000, 1, 'Longest session timeout that a member may ask for.'),
  'group.max.size': int(INT_MAX, 1, 'Most members of a group.'),
  'group.consumer.session.timeout.ms': int(
    45_000,
    1,
    'How long a member of the consumer protocol may be silent before it is expelled.',
  ),
  'group.consumer.min.session.timeout.ms': int(45_000, 1, 'Shortest that a group may set for itself.'),
  'group.consumer.max.session.timeout.ms': int(60_000, 1, 'Longest that a group may set for itself.'),
  'group.consumer.heartbeat.interval.ms': int(
    5_000,
    1,
    'How often members of the consumer protocol are asked to send heartbeats.',
  ),
  'group.consumer.min.heartbeat.interval.ms': int(5_000, 1, 'Shortest that a group may set for itself.'),
  'group.consumer.max.heartbeat.interval.ms': int(15_000, 1, 'Longest that a group may set for itself.'),
  'group.consumer.assignment.interval.ms': int(
    0,
    0,
    'How long after an assignment a group of the consumer protocol gets the next at the earliest. (Kafka: 1000)',
  ),
  'group.consumer.min.assignment.interval.ms': int(0, 0, 'Shortest that a group may set for itself.'),
  'group.consumer.max.assignment.interval.ms': int(15_000, 0, 'Longest that a group may set for itself.'),
  'group.consumer.max.size': int(INT_MAX, 1, 'Most members of a group of the consumer protocol.'),
  'group.consumer.assignors': list(
    'uniform,range',
    ['uniform', 'range'],
    'Assignors that members of the consumer protocol may ask for; the first is the default.',
  ),
  'group.consumer.regex.refresh.interval.ms': int(
    600_000,
    10_000,
    'How often regular expressions of subscriptions are matched anew, besides when topics change.',
  ),
  'group.consumer.migration.policy': oneOf(
    'bidirectional',
    ['bidirectional', 'upgrade', 'downgrade', 'disabled'],
    'Whether a group with members may change to the consumer protocol when the first member of it joins, and back when the last has left.',
  ),

  // Streams groups
  'group.streams.session.timeout.ms': int(
    45_000,
    1,
    'How long a member of a streams group may be silent before it is expelled.',
  ),
  'group.streams.min.session.timeout.ms': int(45_000, 1, 'Shortest that a group may set for itself.'),
  'group.streams.max.session.timeout.ms': int(60_000, 1, 'Longest that a group may set for itself.'),
  'group.streams.heartbeat.interval.ms': int(
    5_000,
    1,
    'How often members of streams groups are asked to send heartbeats.',
  ),
  'group.streams.min.heartbeat.interval.ms': int(5_000, 1, 'Shortest that a group may set for itself.'),
  'group.streams.max.heartbeat.interval.ms': int(15_000, 1, 'Longest that a group may set for itself.'),
  'group.streams.assignment.interval.ms': int(
    0,
    0,
    'How long after an assignment a streams group gets the next at the earliest. (Kafka: 1000)',
  ),
  'group.streams.min.assignment.interval.ms': int(0, 0, 'Shortest that a group may set for itself.'),
  'group.streams.max.assignment.interval.ms': int(15_000, 0, 'Longest that a group may set for itself.'),
  'group.streams.initial.rebalance.delay.ms': int(
    3_000,
    0,
    'How long a streams group that was empty waits for more members before its first assignment.',
  ),
  'group.streams.num.standby.replicas': int(0, 0, 'How many standby tasks a task with state has.'),
  'group.streams.max.standby.replicas': int(2, 0, 'Most that a group may set for itself.'),
  'group.streams.task.offset.interval.ms': int(
    60_000,
    1,
    'How often members of streams groups tell how far the state of their tasks is.',
  ),
  'group.streams.min.task.offset.interval.ms': int(15_000, 1, 'Shortest that a group may set for itself.'),
  'group.streams.acceptable.recovery.lag': long(
    10_000,
    0,
    'How many records the state of a task may be behind for a member to count as caught up.',
  ),
  'group.streams.rack.aware.assignment.tags': text(
    '',
    'Client tags, with commas in between, that members of streams groups are told to have.',
  ),
  // What an assignment costs grows with the tasks times the members, and it is made anew whenever one comes or goes.
  'group.streams.max.size': int(1_000, 1, 'Most members of a streams group. (Kafka: 2147483647)'),

  // Share groups
  'group.share.session.timeout.ms': int(
    45_000,
    1,
    'How long a member of a share group may be silent before it is expelled.',
  ),
  'group.share.min.session.timeout.ms': int(45_000, 1, 'Shortest that a group may set for itself.'),
  'group.share.max.session.timeout.ms': int(60_000, 1, 'Longest that a group may set for itself.'),
  'group.share.heartbeat.interval.ms': int(
    5_000,
    1,
    'How often members of share groups are asked to send heartbeats.',
  ),
  'group.share.min.heartbeat.interval.ms': int(5_000, 1, 'Shortest that a group may set for itself.'),
  'group.share.max.heartbeat.interval.ms': int(15_000, 1, 'Longest that a group may set for itself.'),
  'group.share.assignment.interval.ms': int(
    0,
    0,
    'How long after an assignment a share group gets the next at the earliest. (Kafka: 1000)',
  ),
  'group.share.min.assignment.interval.ms': int(0, 0, 'Shortest that a group may set for itself.'),
  'group.share.max.assignment.interval.ms': int(15_000, 0, 'Longest that a group may set for itself.'),
  'group.share.record.lock.duration.ms': int(
    30_000,
    1_000,
    'How long a member of a share group has for a record before others are given it.',
    3_600_000,
  ),
  'group.share.min.record.lock.duration.ms': int(
    15_000,
    1_000,
    'Shortest that a group may set for itself.',
    30_000,
  ),
  'group.share.max.record.lock.duration.ms': int(
    60_000,
    30_000,
    'Longest that a group may set for itself.',
    3_600_000,
  ),
  'group.share.delivery.count.limit': int(
    5,
    2,
    'How often a record is given to members of a share group before it is given up.',
    25,
  ),
  'group.share.min.delivery.count.limit': int(2, 2, 'Least that a group may set for itself.', 5),
  'group.share.max.delivery.count.limit': int(10, 5, 'Most that a group may set for itself.', 25),
  'group.share.partition.max.record.locks': int(
    2_000,
    100,
    'How many records of a partition a share group may have in work.',
    10_000,
  ),
  'group.share.min.partition.max.record.locks': int(
    100,
    100,
    'Least that a group may set for itself.',
    2_000,
  ),
  'group.share.max.partition.max.record.locks': int(
    4_000,
    2_000,
    'Most that a group may set for itself.',
    20_000,
  ),
  'group.share.max.size': int(200, 1, 'Most members of a share group.', 1_000),
  'group.share.max.share.sessions': int(2_000, 1, 'Most members of share groups that fetch at a time.'),
  'share.coordinator.state.topic.num.partitions': int(
    4,
    1,
    'Partitions of __share_group_state, created on first use. (Kafka: 50)',
  ),
  'share.coordinator.state.topic.segment.bytes': int(
    2_097_152,
    1,
    'Segment size of __share_group_state. (Kafka: 104857600)',
  ),

  // Offsets of consumer groups
  'offsets.topic.num.partitions': int(
    4,
    1,
    'Partitions of __consumer_offsets, created on first use. (Kafka: 50)',
  ),
  'offsets.topic.segment.bytes': int(2_097_152, 1, 'Segment size of __consumer_offsets. (Kafka: 104857600)'),
  'offsets.retention.minutes': int(10_080, 1, 'How long the offsets of a group without members are kept.'),
  'offsets.retention.check.interval.ms': long(600_000, 1, 'How often expired offsets are looked for.'),
  'offset.metadata.max.bytes': int(4096, 0, 'Longest metadata text of a committed offset.'),

  'coordinator.snapshot.min.records': int(
    10_000,
    1,
    'The group and transaction coordinators write their state anew, and drop what lies before, after at least so many records. (Millrace only)',
  ),
} as const
