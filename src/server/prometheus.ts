/** `/metrics`: the process, the log and the jobs, in the names that Kafka's and Flink's exporters have made known. */
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { LATENCY_BUCKETS_MS, type BrokerMetrics } from '../log/broker/broker-metrics.ts'
import type { JobRegistry } from './job-registry.ts'

export interface MetricsSource {
  readonly jobs: JobRegistry
  /** The embedded log's figures; absent when the process has none. */
  readonly logMetrics?: () => Promise<BrokerMetrics>
}

/** Makes the page for a scraper; everything is read when it is asked for, nothing is counted twice. */
export function prometheusPage(source: MetricsSource): {
  readonly contentType: string
  render(): Promise<string>
} {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const gauge = (name: string, help: string, labelNames: readonly string[] = []): Gauge =>
    new Gauge({ name, help, labelNames: [...labelNames], registers: [registry] })

  const connections = gauge('kafka_server_connections', 'Open client connections.')
  const bytes = gauge('kafka_server_bytes_total', 'Bytes over the wire since the start.', ['direction'])
  const rejected = gauge(
    'kafka_server_connections_rejected_total',
    'Connections closed because of what came over them.',
  )
  const requests = gauge('kafka_network_requests_total', 'Requests since the start.', ['request'])
  const latency = gauge('kafka_network_request_seconds_bucket', 'Requests answered within le seconds.', [
    'request',
    'le',
  ])
  const topicMessages = gauge('kafka_server_messages_in_total', 'Records produced since the start.', [
    'topic',
  ])
  const topicBytes = gauge('kafka_server_topic_bytes_total', 'Record bytes since the start.', [
    'topic',
    'direction',
  ])

  const running = gauge('millrace_job_running', '1 while the job runs.', ['job', 'status'])
  const restarts = gauge('millrace_job_restarts_total', 'Restarts from a checkpoint.', ['job'])
  const checkpoints = gauge('millrace_job_checkpoints_total', 'Checkpoints since the start.', [
    'job',
    'outcome',
  ])
  const checkpointSeconds = gauge('millrace_job_last_checkpoint_seconds', 'Duration of the last one.', [
    'job',
  ])
  const checkpointBytes = gauge('millrace_job_last_checkpoint_bytes', 'Size of the last one.', ['job'])
  const events = gauge('millrace_step_events_total', 'Events of a step.', ['job', 'step', 'direction'])
  const counters = gauge('millrace_step_counter_total', 'What a step counts: late, rejected, filtered …', [
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

  const readLog = async (): Promise<void> => {
    const metrics = await source.logMetrics?.()
    if (metrics === undefined) return
    connections.set(metrics.connections)
    bytes.set({ direction: 'in' }, metrics.bytesIn)
    bytes.set({ direction: 'out' }, metrics.bytesOut)
    rejected.set(metrics.connectionsRejected)
    for (const api of metrics.apis) {
      requests.set({ request: api.api }, api.requests)
      let cumulative = 0
      for (const [index, count] of api.latencyBuckets.entries()) {
        cumulative += count
        const bound = LATENCY_BUCKETS_MS[index]
        latency.set({ request: api.api, le: bound === undefined ? '+Inf' : String(bound / 1000) }, cumulative)
      }
    }
    for (const topic of metrics.topics) {
      topicMessages.set({ topic: topic.topic }, topic.messagesIn)
      topicBytes.set({ topic: topic.topic, direction: 'in' }, topic.bytesIn)
      topicBytes.set({ topic: topic.topic, direction: 'out' }, topic.bytesOut)
    }
  }

  const readJobs = async (): Promise<void> => {
    for (const metric of [running, watermark, lag]) metric.reset()
    for (const served of source.jobs.all()) {
      const job = served.name
      const metrics = await served.metrics()
      running.set({ job, status: metrics.status }, metrics.status === 'running' ? 1 : 0)
      restarts.set({ job }, metrics.restarts)
      checkpoints.set({ job, outcome: 'completed' }, metrics.checkpoints.completed)
      checkpoints.set({ job, outcome: 'failed' }, metrics.checkpoints.failed)
      const last = metrics.checkpoints.last
      if (last !== undefined) {
        checkpointSeconds.set({ job }, last.durationMs / 1000)
        checkpointBytes.set({ job }, last.sizeBytes)
      }
      for (const step of metrics.steps) {
        events.set({ job, step: step.name, direction: 'in' }, step.eventsIn)
        events.set({ job, step: step.name, direction: 'out' }, step.eventsOut)
        for (const [counter, value] of Object.entries(step.counters))
          counters.set({ job, step: step.name, counter }, value)
        if (step.watermarkMs !== undefined) watermark.set({ job, step: step.name }, step.watermarkMs / 1000)
        for (const split of step.splits)
          if (split.lag !== undefined) lag.set({ job, step: step.name, split: split.split }, split.lag)
      }
    }
  }
  return {
    contentType: registry.contentType,
    async render() {
      await Promise.all([readLog(), readJobs()])
      return registry.metrics()
    },
  }
}
