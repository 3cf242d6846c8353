import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LATENCY_BUCKETS_MS, type BrokerMetrics } from '../log/broker/broker-metrics.ts'
import { WATERMARK_END } from '../stream/operators/operator.ts'
import type { JobMetrics, StepTotals } from '../stream/runtime/job-metrics.ts'
import { JobRegistry } from './job-registry.ts'
import { prometheusPage } from './prometheus.ts'

/** Reads Prometheus' text format, strictly: every sample belongs to a family that was declared before it. */
function parse(text: string): Map<string, number> {
  const types = new Map<string, string>()
  const samples = new Map<string, number>()
  assert.ok(text.endsWith('\n'))
  for (const line of text.trimEnd().split('\n')) {
    if (line === '') continue
    const type = /^# TYPE (\w+) (counter|gauge|histogram|summary|untyped)$/.exec(line)
    if (type !== null) {
      assert.ok(!types.has(type[1]!), `${type[1]} is declared once`)
      types.set(type[1]!, type[2]!)
      continue
    }
    if (/^# HELP \w+ .+$/.test(line)) continue
    const sample = /^(\w+)(\{(?:\w+="(?:[^"\\\n]|\\.)*",?)*\})? (\S+)$/.exec(line)
    assert.ok(sample !== null, line)
    const [, name = '', labels = '', value = ''] = sample
    const family = types.has(name) ? name : name.replace(/_(bucket|sum|count)$/, '')
    assert.ok(types.has(family), `${name} is declared`)
    if (family !== name) assert.equal(types.get(family), 'histogram')
    if (types.get(family) === 'counter') assert.match(name, /_total$/)
    assert.ok(!samples.has(name + labels), `${name}${labels} is there once`)
    samples.set(name + labels, value === '+Inf' ? Infinity : Number(value))
    assert.ok(!Number.isNaN(samples.get(name + labels)) || /^nan$/i.test(value), line)
  }
  return samples
}

const step: StepTotals = {
  name: 'orders',
  kind: 'source',
  eventsIn: 10,
  eventsOut: 9,
  counters: { late: 2 },
  gauges: {},
  samples: {},
  watermarkMs: 5_000,
  splits: [{ split: 'orders-0', watermarkMs: 5_000, idle: false, holdsBack: true, lag: 7 }],
}

function metricsOf(steps: readonly StepTotals[]): JobMetrics {
  return {
    status: 'running',
    parallelism: 1,
    restarts: 3,
    lastError: undefined,
    checkpoints: {
      completed: 4,
      failed: 1,
      last: {
        checkpointId: 4,
        mode: 'full',
        completedMs: 0,
        durationMs: 20,
        sizeBytes: 300,
        pauseMs: 1,
        alignmentMs: 0,
      },
      recent: [],
    },
    steps,
    subtasks: [],
  }
}

function registryOf(name: string, metrics: () => JobMetrics): JobRegistry {
  const jobs = new JobRegistry()
  jobs.add({ name, status: 'running', metrics, savepoint: async (path = '') => path, stop: async () => {} })
  return jobs
}

describe('/metrics', () => {
  it('shows the jobs as they are at each scrape', async () => {
    let steps: readonly StepTotals[] = [step]
    const page = prometheusPage({ jobs: registryOf('a "job"\\\n', () => metricsOf(steps)) })
    assert.match(page.contentType, /^text\/plain; version=0\.0\.4/)
    const job = 'job="a \\"job\\"\\\\\\n"'
    const first = parse(await page.render())
    assert.equal(first.get(`millrace_job_status{${job},status="running"}`), 1)
    assert.equal(first.get(`millrace_job_restarts_total{${job}}`), 3)
    assert.equal(first.get(`millrace_job_checkpoints_total{${job},outcome="failed"}`), 1)
    assert.equal(first.get(`millrace_job_last_checkpoint_seconds{${job}}`), 0.02)
    assert.equal(first.get(`millrace_step_events_total{${job},step="orders",direction="in"}`), 10)
    assert.equal(first.get(`millrace_step_counted_total{${job},step="orders",counter="late"}`), 2)
    assert.equal(first.get(`millrace_step_watermark_seconds{${job},step="orders"}`), 5)
    assert.equal(first.get(`millrace_split_lag{${job},step="orders",split="orders-0"}`), 7)
    assert.ok((first.get('process_resident_memory_bytes') ?? 0) > 0)

    steps = [{ ...step, eventsIn: 12, watermarkMs: WATERMARK_END, splits: [] }]
    const second = parse(await page.render())
    assert.equal(second.get(`millrace_step_events_total{${job},step="orders",direction="in"}`), 12)
    assert.equal(second.get(`millrace_step_watermark_seconds{${job},step="orders"}`), Infinity)
    assert.ok(![...second.keys()].some((name) => name.startsWith('millrace_split_lag')))
  })

  it("shows the log's requests as a histogram in seconds", async () => {
    const latencyBuckets = Array.from({ length: LATENCY_BUCKETS_MS.length + 1 }, () => 0)
    latencyBuckets[0] = 5
    latencyBuckets[3] = 2
    latencyBuckets[LATENCY_BUCKETS_MS.length] = 1
    const log: BrokerMetrics = {
      uptimeMs: 1,
      connections: 2,
      connectionsAccepted: 3,
      connectionsRejected: 1,
      connectionsRefused: 0,
      authenticationsSucceeded: 0,
      authenticationsFailed: 0,
      authorizationsDenied: 0,
      requestsThrottled: 0,
      bytesIn: 100,
      bytesOut: 200,
      apis: [{ api: 'Produce', requests: 8, latencyMsTotal: 2_500, latencyMsMax: 2_000, latencyBuckets }],
      topics: [
        {
          topic: 'orders',
          messagesIn: 30,
          bytesIn: 90,
          bytesOut: 60,
          produceRequests: 7,
          produceFailures: 2,
        },
      ],
      listeners: [{ listener: 'PLAINTEXT', connections: 2 }],
      clients: [{ clientId: 'a "client"', requests: 5, bytesIn: 80, bytesOut: 60 }],
      telemetry: {
        instances: 1,
        pushes: 4,
        undecodablePushes: 0,
        unknownSubscriptions: 2,
        throttled: 3,
        droppedFigures: 0,
        clients: [],
      },
      partitions: {
        topics: [{ topic: 'orders', partitions: 2 }],
        values: Float64Array.from([10, 30, 900, 2, 1, 0, 5, 100, 1, 0]),
      },
      groups: [
        {
          groupId: 'billing',
          state: 'Stable',
          members: 1,
          offsets: [
            { topic: 'orders', partition: 0, offset: 25 },
            { topic: 'orders', partition: 1, offset: 3 },
            { topic: 'deleted', partition: 0, offset: 3 },
          ],
        },
        { groupId: 'millrace.a-job.a-sink.0', state: 'Empty', members: 0, offsets: [] },
      ],
    }
    const page = prometheusPage({ jobs: new JobRegistry(), logMetrics: () => Promise.resolve(log) })
    const samples = parse(await page.render())
    assert.equal(samples.get('kafka_server_connections'), 2)
    assert.equal(samples.get('kafka_server_bytes_total{direction="out"}'), 200)
    assert.equal(samples.get('kafka_server_messages_in_total{topic="orders"}'), 30)
    assert.equal(samples.get('kafka_network_requests_total{request="Produce"}'), 8)
    const expected: Readonly<Record<string, number>> = {
      'kafka_server_brokertopicmetrics_messagesin_total{topic="orders"}': 30,
      'kafka_server_brokertopicmetrics_failedproducerequests_total{topic="orders"}': 2,
      'kafka_network_requestmetrics_requests_total{request="Produce"}': 8,
      'kafka_network_requestmetrics_totaltimems_bucket{request="Produce",le="1"}': 7,
      'kafka_network_requestmetrics_totaltimems_sum{request="Produce"}': 2_500,
      'kafka_server_socket_server_metrics_connection_count{listener="PLAINTEXT"}': 2,
      'millrace_client_requests_total{client_id="a \\"client\\""}': 5,
      'kafka_log_log_size{topic="orders",partition="0"}': 900,
      'kafka_topic_partition_current_offset{topic="orders",partition="1"}': 5,
      kafka_controller_kafkacontroller_offlinepartitionscount: 1,
      kafka_server_client_metrics_instance_count: 1,
      kafka_server_client_metrics_throttle_total: 3,
      kafka_server_replicamanager_leadercount: 1,
      kafka_coordinator_group_groupmetadatamanager_numgroups: 1,
      'kafka_consumergroup_members{consumergroup="billing"}': 1,
      'kafka_consumergroup_current_offset{consumergroup="billing",topic="orders",partition="0"}': 25,
      'kafka_consumergroup_lag{consumergroup="billing",topic="orders",partition="0"}': 5,
      'kafka_consumergroup_lag_sum{consumergroup="billing",topic="orders"}': 7,
    }
    for (const [sample, value] of Object.entries(expected)) assert.equal(samples.get(sample), value, sample)
    assert.ok(![...samples.keys()].some((sample) => sample.includes('deleted') || sample.includes('a-sink')))
    const name = 'kafka_network_request_seconds'
    assert.equal(samples.get(`${name}_bucket{request="Produce",le="0.0001"}`), 5)
    assert.equal(samples.get(`${name}_bucket{request="Produce",le="0.001"}`), 7)
    assert.equal(samples.get(`${name}_bucket{request="Produce",le="5"}`), 7)
    assert.equal(samples.get(`${name}_bucket{request="Produce",le="+Inf"}`), 8)
    assert.equal(samples.get(`${name}_count{request="Produce"}`), 8)
    assert.equal(samples.get(`${name}_sum{request="Produce"}`), 2.5)
  })
})
