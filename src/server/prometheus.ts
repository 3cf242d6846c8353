/**
 * `/metrics`: the process, the log and the jobs, in the names that Kafka's and Flink's exporters have made known. The
 * log and the jobs count themselves; every scrape shows a snapshot of theirs.
 */
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client'
import type { BrokerMetrics } from '../log/broker/broker-metrics.ts'
import { WATERMARK_END } from '../stream/operators/operator.ts'
import type { JobMetrics } from '../stream/runtime/job-metrics.ts'
import type { JobRegistry } from './job-registry.ts'
import { clientTelemetryText } from './client-telemetry-text.ts'
import { kafkaMetricsText } from './kafka-metrics.ts'
import { mirrorMetricsText } from './mirror-metrics.ts'
import type { MirrorView } from './mirror-view.ts'
import { requestLatencyText } from './request-latency.ts'

export interface MetricsSource {
  readonly jobs: JobRegistry
  /** The embedded log's figures; absent when the process has none. */
  readonly logMetrics?: () => Promise<BrokerMetrics>
  readonly mirrors?: () => readonly MirrorView[]
}

/** Makes the page for a scraper. */
export function prometheusPage(source: MetricsSource): {
  readonly contentType: string
  render(): Promise<string>
} {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const log = source.logMetrics && logFamilies(registry)
  const jobs = jobFamilies(registry)
  return {
    contentType: registry.contentType,
    async render() {
      const served = source.jobs.all()
      const [logMetrics, jobMetrics] = await Promise.all([
        source.logMetrics?.(),
        Promise.all(served.map(async (job) => ({ name: job.name, metrics: await job.metrics() }))),
      ])
      if (logMetrics !== undefined) log?.(logMetrics)
      jobs(jobMetrics)
      const text = (await registry.metrics()) + mirrorMetricsText(source.mirrors?.() ?? [])
      if (logMetrics === undefined) return text
      const { apis, telemetry } = logMetrics
      return `${text}\n${kafkaMetricsText(logMetrics)}${requestLatencyText(apis)}${clientTelemetryText(telemetry)}`
    },
  }
}

/** Everything of the log; the result shows a snapshot. */
function logFamilies(registry: Registry): (metrics: BrokerMetrics) => void {
  const { gauge, counter, reset } = families(registry)
  const connections = gauge('kafka_server_connections', 'Open client connections.')
  const bytes = counter('kafka_server_bytes_total', 'Bytes over the wire since the start.', ['direction'])
  const rejected = counter(
    'kafka_server_connections_rejected_total',
    'Connections closed because of what came over them.',
  )
  const requests = counter('kafka_network_requests_total', 'Requests since the start.', ['request'])
  const messages = counter('kafka_server_messages_in_total', 'Records produced since the start.', ['topic'])
  const topicBytes = counter('kafka_server_topic_bytes_total', 'Record bytes since the start.', [
    'topic',
    'direction',
  ])
  return (metrics) => {
    reset()
    connections.set(metrics.connections)
    bytes.inc({ direction: 'in' }, metrics.bytesIn)
    bytes.inc({ direction: 'out' }, metrics.bytesOut)
    rejected.inc(metrics.connectionsRejected)
    for (const { api, requests: count } of metrics.apis) requests.inc({ request: api }, count)
    for (const { topic, messagesIn, bytesIn, bytesOut } of metrics.topics) {
      messages.inc({ topic }, messagesIn)
      topicBytes.inc({ topic, direction: 'in' }, bytesIn)
      topicBytes.inc({ topic, direction: 'out' }, bytesOut)
    }
  }
}

/** Everything of the jobs; the result shows a snapshot of all of them. */
function jobFamilies(
  registry: Registry,
): (jobs: readonly { readonly name: string; readonly metrics: JobMetrics }[]) => void {
  const { gauge, counter, reset } = families(registry)
  const status = gauge('millrace_job_status', '1 for the status that the job has.', ['job', 'status'])
  const restarts = counter('millrace_job_restarts_total', 'Restarts from a checkpoint.', ['job'])
  const checkpoints = counter('millrace_job_checkpoints_total', 'Checkpoints since the start.', [
    'job',
    'outcome',
  ])
  const lastSeconds = gauge('millrace_job_last_checkpoint_seconds', 'Duration of the last checkpoint.', [
    'job',
  ])
  const lastBytes = gauge('millrace_job_last_checkpoint_bytes', 'Size of the last checkpoint.', ['job'])
  const events = counter('millrace_step_events_total', 'Events of a step.', ['job', 'step', 'direction'])
  const counted = counter('millrace_step_counted_total', 'What a step counts: late, rejected, filtered …', [
    'job',
    'step',
    'counter',
  ])
  const watermark = gauge('millrace_step_watermark_seconds', 'Event time reached, seconds since the epoch.', [
    'job',
    'step',
  ])
  const lag = gauge('millrace_split_lag', 'How far behind its end a source split is.', [
    'job',
    'step',
    'split',
  ])
  return (jobs) => {
    reset()
    for (const { name: job, metrics } of jobs) {
      status.set({ job, status: metrics.status }, 1)
      restarts.inc({ job }, metrics.restarts)
      checkpoints.inc({ job, outcome: 'completed' }, metrics.checkpoints.completed)
      checkpoints.inc({ job, outcome: 'failed' }, metrics.checkpoints.failed)
      const { last } = metrics.checkpoints
      if (last !== undefined) {
        lastSeconds.set({ job }, last.durationMs / 1000)
        lastBytes.set({ job }, last.sizeBytes)
      }
      for (const { name: step, ...totals } of metrics.steps) {
        events.inc({ job, step, direction: 'in' }, totals.eventsIn)
        events.inc({ job, step, direction: 'out' }, totals.eventsOut)
        for (const [name, value] of Object.entries(totals.counters))
          counted.inc({ job, step, counter: name }, value)
        // The end of all input is past every time.
        const { watermarkMs } = totals
        if (watermarkMs !== undefined)
          watermark.set({ job, step }, watermarkMs >= WATERMARK_END ? Infinity : watermarkMs / 1000)
        for (const split of totals.splits)
          if (split.lag !== undefined) lag.set({ job, step, split: split.split }, split.lag)
      }
    }
  }
}

/** Makes metrics in a registry; `reset` empties those that it made. */
function families(registry: Registry): {
  gauge(name: string, help: string, labelNames?: readonly string[]): Gauge
  counter(name: string, help: string, labelNames?: readonly string[]): Counter
  reset(): void
} {
  const made: { reset(): void }[] = []
  return {
    gauge(name, help, labelNames = []) {
      const gauge = new Gauge({ name, help, labelNames: [...labelNames], registers: [registry] })
      made.push(gauge)
      return gauge
    },
    counter(name, help, labelNames = []) {
      const counter = new Counter({ name, help, labelNames: [...labelNames], registers: [registry] })
      made.push(counter)
      return counter
    },
    reset() {
      for (const metric of made) metric.reset()
    },
  }
}
