/**
 * What clients push of themselves (KIP-714), for Prometheus. Their metrics keep their names as OpenTelemetry's exporters
 * write them (`org.apache.kafka.producer.request.latency.avg` is `org_apache_kafka_producer_request_latency_avg`); others
 * than Kafka's are put below `kafka_client_`, so that no client can take the place of a metric of ours. How many there may
 * be is bounded where they are kept (`pushed-metrics.ts`).
 */
import type { TelemetryFigures } from '../log/broker/telemetry/client-telemetry.ts'
import { type PushedClient, type PushedSeries, seriesIn } from '../log/broker/telemetry/pushed-metrics.ts'
import { familyText, type MetricFamily, type MetricLabels } from './metric-text.ts'

export function clientTelemetryText(telemetry: TelemetryFigures): string {
  return [...countsOf(telemetry), infoOf(telemetry.clients), ...pushedFamilies(telemetry.clients)]
    .map(familyText)
    .join('')
}

/** Kafka's own names for what it counts of these requests. */
function countsOf(telemetry: TelemetryFigures): MetricFamily[] {
  const family = (type: MetricFamily['type'], name: string, help: string, value: number): MetricFamily => ({
    name,
    type,
    help,
    samples: [[{}, value]],
  })
  return [
    family(
      'gauge',
      'kafka_server_client_metrics_instance_count',
      'Clients that know which of their metrics they are to push.',
      telemetry.instances,
    ),
    family(
      'counter',
      'kafka_server_client_metrics_plugin_export_total',
      'Pushes of metrics that were taken.',
      telemetry.pushes,
    ),
    family(
      'counter',
      'kafka_server_client_metrics_plugin_error_total',
      'Pushes of metrics that could not be decoded.',
      telemetry.undecodablePushes,
    ),
    family(
      'counter',
      'kafka_server_client_metrics_unknown_subscription_request_total',
      'Pushes of metrics for a subscription that has changed.',
      telemetry.unknownSubscriptions,
    ),
    family(
      'counter',
      'kafka_server_client_metrics_throttle_total',
      'Pushes of metrics, and questions for what to push, that came too early.',
      telemetry.throttled,
    ),
    family(
      'counter',
      'millrace_client_metrics_dropped_total',
      'Figures that clients pushed and that are not shown: there were too many, or their names too long.',
      telemetry.droppedFigures,
    ),
  ]
}

function infoOf(clients: readonly PushedClient[]): MetricFamily {
  return {
    name: 'millrace_client_info',
    type: 'gauge',
    help: 'Always 1: a client that pushes metrics, with its software, its address, and what it says of itself (group_id …).',
    samples: clients.map((client) => [
      {
        ...labelsOf(client.attributes),
        ...identityOf(client),
        software_name: client.softwareName,
        software_version: client.softwareVersion,
        address: client.address,
      },
      1,
    ]),
  }
}

function pushedFamilies(clients: readonly PushedClient[]): MetricFamily[] {
  const families = new Map<string, { type: MetricFamily['type']; samples: Map<string, Sample> }>()
  for (const client of clients) {
    const identity = identityOf(client)
    for (const series of seriesIn(client)) {
      const name = pushedName(series)
      const type = series.counter ? 'counter' : 'gauge'
      let family = families.get(name)
      if (family === undefined) families.set(name, (family = { type, samples: new Map() }))
      // One name is of one type, and no series is there twice, whatever clients call them.
      if (family.type !== type) continue
      const labels = { ...labelsOf(series.attributes), ...identity }
      family.samples.set(JSON.stringify(labels), [labels, series.value])
    }
  }
  return Array.from(families, ([name, { type, samples }]) => ({
    name,
    type,
    help: 'As clients have pushed it.',
    samples: samples.values(),
  }))
}

type Sample = readonly [labels: MetricLabels, value: number]

const KAFKA_PREFIX = 'org_apache_kafka_'
const OTHER_PREFIX = 'kafka_client_'
const COUNTER_SUFFIX = '_total'

function pushedName({ metric, counter }: PushedSeries): string {
  const plain = word(metric)
  const name = plain.startsWith(KAFKA_PREFIX) ? plain : OTHER_PREFIX + plain
  return counter && !name.endsWith(COUNTER_SUFFIX) ? name + COUNTER_SUFFIX : name
}

function identityOf({ clientId, clientInstanceId }: PushedClient): MetricLabels {
  return { client_id: clientId, client_instance_id: clientInstanceId }
}

function labelsOf(attributes: PushedSeries['attributes']): MetricLabels {
  const labels = attributes.map(([name, value]) => [labelName(name), value] as const)
  return Object.fromEntries(labels.toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

/**
 * Names that are empty or begin with a digit are none, and those that begin with two underscores are Prometheus' own: one
 * of either, from one client, and it takes nothing of what we tell.
 */
function labelName(name: string): string {
  const plain = word(name).replace(/^__+/, '_')
  return plain === '' || /^\d/.test(plain) ? `_${plain}` : plain
}

function word(name: string): string {
  return name.replaceAll(/[^a-zA-Z0-9_]/g, '_')
}
