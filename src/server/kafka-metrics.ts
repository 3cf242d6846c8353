/**
 * The embedded log's figures under the names that dashboards for Kafka know: those that the JMX exporter gives Kafka's
 * own metrics with the usual rules (`kafka_server_brokertopicmetrics_…`), and those of kafka_exporter
 * (`kafka_consumergroup_lag`). What Kafka has no name for begins with `millrace_`.
 */
import type { BrokerMetrics } from '../log/broker/broker-metrics.ts'
import { type PartitionFigures, partitionsIn } from '../log/broker/log-figures.ts'
import { isWitnessGroup } from './group-view.ts'
import { familyText, type MetricFamily, type MetricLabels } from './metric-text.ts'

/** A family, made from a snapshot. */
interface Family extends Omit<MetricFamily, 'samples'> {
  readonly of: (snapshot: Snapshot) => MetricFamily['samples']
}

interface Snapshot extends BrokerMetrics {
  readonly partitionList: readonly PartitionFigures[]
  readonly groupList: BrokerMetrics['groups']
}

export function kafkaMetricsText(metrics: BrokerMetrics): string {
  const snapshot: Snapshot = {
    ...metrics,
    partitionList: [...partitionsIn(metrics.partitions)],
    groupList: metrics.groups.filter(({ groupId }) => !isWitnessGroup(groupId)),
  }
  return FAMILIES.map(({ of, ...family }) => familyText({ ...family, samples: of(snapshot) })).join('')
}

const FAMILIES: readonly Family[] = [
  ofTopic('messagesin', 'Records produced.', ({ messagesIn }) => messagesIn),
  ofTopic('bytesin', 'Bytes of record batches produced.', ({ bytesIn }) => bytesIn),
  ofTopic('bytesout', 'Bytes of record batches fetched.', ({ bytesOut }) => bytesOut),
  ofTopic('totalproducerequests', 'Batches that clients wanted appended.', (topic) => topic.produceRequests),
  ofTopic('failedproducerequests', 'Batches that were refused.', (topic) => topic.produceFailures),
  {
    name: 'kafka_server_brokertopicmetrics_totalfetchrequests_total',
    type: 'counter',
    help: 'Fetch requests, of all topics together.',
    of: ({ apis }) => [[{}, apis.find(({ api }) => api === 'Fetch')?.requests ?? 0]],
  },
  {
    name: 'kafka_network_requestmetrics_requests_total',
    type: 'counter',
    help: 'Requests by kind.',
    of: ({ apis }) => apis.map(({ api, requests }) => [{ request: api }, requests]),
  },
  {
    name: 'kafka_server_socket_server_metrics_connection_count',
    type: 'gauge',
    help: 'Open client connections by listener.',
    of: ({ listeners }) => listeners.map(({ listener, connections }) => [{ listener }, connections]),
  },
  counter(
    'kafka_server_socket_server_metrics_connection_creation_total',
    'Connections made.',
    (snapshot) => snapshot.connectionsAccepted,
  ),
  counter(
    'kafka_server_socket_server_metrics_incoming_byte_total',
    'Bytes that came over the wire.',
    (snapshot) => snapshot.bytesIn,
  ),
  counter(
    'kafka_server_socket_server_metrics_outgoing_byte_total',
    'Bytes that went over the wire.',
    (snapshot) => snapshot.bytesOut,
  ),
  counter(
    'kafka_server_socket_server_metrics_successful_authentication_total',
    'Clients that proved who they are by SASL.',
    (snapshot) => snapshot.authenticationsSucceeded,
  ),
  counter(
    'kafka_server_socket_server_metrics_failed_authentication_total',
    'Clients that could not prove who they are.',
    (snapshot) => snapshot.authenticationsFailed,
  ),
  counter(
    'kafka_server_authorizer_metrics_authorization_denied_total',
    'What clients were refused because of access rules.',
    (snapshot) => snapshot.authorizationsDenied,
  ),
  counter(
    'millrace_requests_throttled_total',
    'Requests after which their client had to be quiet for a while, because of a quota.',
    (snapshot) => snapshot.requestsThrottled,
  ),
  counter(
    'millrace_connections_refused_total',
    'Connections that were not let in: there were too many, or they came too quickly.',
    (snapshot) => snapshot.connectionsRefused,
  ),
  ofClient(
    'millrace_client_requests_total',
    'Requests by client id; the ids of many clients share one value, (other).',
    ({ requests }) => requests,
  ),
  ofClient(
    'millrace_client_bytes_in_total',
    'Bytes that came from clients, by client id.',
    ({ bytesIn }) => bytesIn,
  ),
  ofClient(
    'millrace_client_bytes_out_total',
    'Bytes that went to clients, by client id.',
    ({ bytesOut }) => bytesOut,
  ),

  gauge('kafka_brokers', 'Brokers of the cluster.', () => 1),
  gauge('kafka_server_kafkaserver_brokerstate', 'State of the broker: 3 is running.', () => 3),
  gauge(
    'kafka_controller_kafkacontroller_activecontrollercount',
    'Whether this node is the controller: it is the only one.',
    () => 1,
  ),
  gauge(
    'kafka_controller_kafkacontroller_globaltopiccount',
    'Topics, internal ones too.',
    ({ partitions }) => partitions.topics.length,
  ),
  gauge(
    'kafka_controller_kafkacontroller_globalpartitioncount',
    'Partitions of all topics.',
    ({ partitionList }) => partitionList.length,
  ),
  gauge(
    'kafka_controller_kafkacontroller_offlinepartitionscount',
    'Partitions that take no writes because their device failed.',
    offlinePartitions,
  ),
  gauge(
    'kafka_server_replicamanager_partitioncount',
    'Partitions on this node.',
    ({ partitionList }) => partitionList.length,
  ),
  gauge(
    'kafka_server_replicamanager_leadercount',
    'Partitions that this node leads: all that take writes.',
    (snapshot) => snapshot.partitionList.length - offlinePartitions(snapshot),
  ),
  gauge('kafka_server_replicamanager_underreplicatedpartitions', 'Always 0: there is one replica.', () => 0),
  gauge('kafka_server_replicamanager_underminisrpartitioncount', 'Always 0: there is one replica.', () => 0),
  gauge(
    'kafka_server_replicamanager_offlinereplicacount',
    'Partitions that take no writes because their device failed.',
    offlinePartitions,
  ),

  ofPartition('kafka_log_log_size', 'Bytes of a partition’s segments.', ({ sizeBytes }) => sizeBytes),
  ofPartition('kafka_log_log_numlogsegments', 'Segments of a partition.', ({ segments }) => segments),
  ofPartition(
    'kafka_log_log_logstartoffset',
    'First offset of a partition.',
    ({ startOffset }) => startOffset,
  ),
  ofPartition(
    'kafka_log_log_logendoffset',
    'Offset that the next record will have.',
    ({ endOffset }) => endOffset,
  ),
  {
    name: 'kafka_topic_partitions',
    type: 'gauge',
    help: 'Partitions of a topic.',
    of: ({ partitions }) => partitions.topics.map(({ topic, partitions: count }) => [{ topic }, count]),
  },
  ofPartition(
    'kafka_topic_partition_oldest_offset',
    'First offset of a partition.',
    ({ startOffset }) => startOffset,
  ),
  ofPartition(
    'kafka_topic_partition_current_offset',
    'Offset that the next record will have.',
    ({ endOffset }) => endOffset,
  ),

  gauge(
    'kafka_coordinator_group_groupmetadatamanager_numgroups',
    'Consumer groups.',
    ({ groupList }) => groupList.length,
  ),
  {
    name: 'kafka_consumergroup_members',
    type: 'gauge',
    help: 'Members of a group.',
    of: ({ groupList }) => groupList.map(({ groupId, members }) => [{ consumergroup: groupId }, members]),
  },
  {
    name: 'kafka_consumergroup_current_offset',
    type: 'gauge',
    help: 'Offset that a group has committed.',
    of: (snapshot) => groupOffsets(snapshot).map(({ labels, offset }) => [labels, offset]),
  },
  {
    name: 'kafka_consumergroup_lag',
    type: 'gauge',
    help: 'Offsets between what a group has committed and the end of the partition.',
    of: (snapshot) => groupOffsets(snapshot).map(({ labels, lag }) => [labels, lag]),
  },
  {
    name: 'kafka_consumergroup_lag_sum',
    type: 'gauge',
    help: 'The lag of a group in a topic, all partitions together.',
    of: (snapshot) =>
      [
        ...Map.groupBy(groupOffsets(snapshot), ({ labels }) =>
          JSON.stringify([labels['consumergroup'], labels['topic']]),
        ).values(),
      ].map((offsets) => [
        { consumergroup: offsets[0]!.labels['consumergroup']!, topic: offsets[0]!.labels['topic']! },
        offsets.reduce((sum, { lag }) => sum + lag, 0),
      ]),
  },
]

function ofTopic(
  name: string,
  help: string,
  value: (topic: BrokerMetrics['topics'][number]) => number,
): Family {
  return {
    name: `kafka_server_brokertopicmetrics_${name}_total`,
    type: 'counter',
    help,
    of: ({ topics }) => topics.map((topic) => [{ topic: topic.topic }, value(topic)]),
  }
}

function ofClient(
  name: string,
  help: string,
  value: (client: BrokerMetrics['clients'][number]) => number,
): Family {
  return {
    name,
    type: 'counter',
    help,
    of: ({ clients }) => clients.map((client) => [{ client_id: client.clientId }, value(client)]),
  }
}

function ofPartition(name: string, help: string, value: (partition: PartitionFigures) => number): Family {
  return {
    name,
    type: 'gauge',
    help,
    of: ({ partitionList }) =>
      partitionList.map((one) => [{ topic: one.topic, partition: one.partition }, value(one)]),
  }
}

function counter(name: string, help: string, value: (snapshot: Snapshot) => number): Family {
  return { name, type: 'counter', help, of: (snapshot) => [[{}, value(snapshot)]] }
}

function gauge(name: string, help: string, value: (snapshot: Snapshot) => number): Family {
  return { name, type: 'gauge', help, of: (snapshot) => [[{}, value(snapshot)]] }
}

function offlinePartitions({ partitionList }: Snapshot): number {
  return partitionList.filter(({ writable }) => !writable).length
}

interface GroupOffset {
  readonly labels: MetricLabels
  readonly offset: number
  readonly lag: number
}

const offsetsOf = new WeakMap<Snapshot, readonly GroupOffset[]>()

/** What groups have committed of partitions that are there. */
function groupOffsets(snapshot: Snapshot): readonly GroupOffset[] {
  const known = offsetsOf.get(snapshot)
  if (known !== undefined) return known
  const ends = new Map(
    snapshot.partitionList.map(({ topic, partition, endOffset }) => [`${topic}-${partition}`, endOffset]),
  )
  const found = snapshot.groupList.flatMap(({ groupId, offsets }) =>
    offsets.flatMap(({ topic, partition, offset }) => {
      const end = ends.get(`${topic}-${partition}`)
      if (end === undefined || offset < 0) return []
      return [
        { labels: { consumergroup: groupId, topic, partition }, offset, lag: Math.max(0, end - offset) },
      ]
    }),
  )
  offsetsOf.set(snapshot, found)
  return found
}
