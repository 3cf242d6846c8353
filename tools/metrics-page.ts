/**
 * Writes docs/metrics.md from what `/metrics` gives for a log, a job and a group: `node tools/metrics-page.ts`.
 * `metrics-page.test.ts` fails while the page is not what this would write.
 */
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { BrokerMetrics } from '../src/log/broker/broker-metrics.ts'
import { JobRegistry } from '../src/server/job-registry.ts'
import type { MirrorView } from '../src/server/mirror-view.ts'
import { prometheusPage } from '../src/server/prometheus.ts'

export const METRICS_PAGE = join(dirname(dirname(fileURLToPath(import.meta.url))), 'docs/metrics.md')

const INTRODUCTION = `# Metrics

<!-- Written by tools/metrics-page.ts from what /metrics gives. -->

\`GET /metrics\` of the HTTP address gives Prometheus' text format. Figures of the log are there under the names that
dashboards for Kafka know: Kafka's own metrics as the JMX exporter names them with the usual rules
(\`kafka_server_brokertopicmetrics_messagesin_total\`), and those of kafka_exporter (\`kafka_consumergroup_lag\`). Counters run
from the start of the process; rates are the scraper's business.

- Counting costs a few additions a request, never one a record. What the log holds and how far groups are is looked at when
  somebody scrapes.
- Client ids are the clients' own words. There are places for 200 of them; when all are taken, of those who are gone the one that
  asked for least gives its place to a newcomer. All others share the value \`(other)\`, as do those who did not authenticate.
- Groups in which jobs keep the books of their transactions (\`millrace.JOB.STEP.N\`) are left out.
- What clients push of themselves (their own latencies, queues, rates) is here under its own name, with dots as underscores:
  \`org_apache_kafka_producer_request_latency_avg{client_id=…,client_instance_id=…}\`. Nothing is pushed before it is asked for;
  [operation.md](operation.md#what-clients-see) says how. At most 20,000 series of all clients and 2,000 of one are kept, until
  a client has been silent for three of its intervals (a minute at least); \`millrace_client_metrics_dropped_total\` counts the rest.
- Beside these, \`process_…\` and \`nodejs_…\` are prom-client's metrics of every Node process.

\`\`\`yaml
# prometheus.yml
scrape_configs:
  - job_name: millrace
    static_configs:
      - targets: ['127.0.0.1:8090']
\`\`\`
`

/** A log and a job with one of everything, so that every metric and every label is there. */
const LOG: BrokerMetrics = {
  uptimeMs: 1,
  connections: 1,
  connectionsAccepted: 1,
  connectionsRejected: 0,
  connectionsRefused: 0,
  authenticationsSucceeded: 0,
  authenticationsFailed: 0,
  authorizationsDenied: 0,
  requestsThrottled: 0,
  bytesIn: 1,
  bytesOut: 1,
  apis: [{ api: 'Fetch', requests: 1, latencyMsTotal: 1, latencyMsMax: 1, latencyBuckets: [1] }],
  topics: [{ topic: 't', messagesIn: 1, bytesIn: 1, bytesOut: 1, produceRequests: 1, produceFailures: 0 }],
  listeners: [{ listener: 'l', connections: 1 }],
  clients: [{ clientId: 'c', requests: 1, bytesIn: 1, bytesOut: 1 }],
  telemetry: {
    instances: 1,
    pushes: 1,
    undecodablePushes: 0,
    unknownSubscriptions: 0,
    throttled: 0,
    droppedFigures: 0,
    clients: [
      {
        clientInstanceId: 'i',
        clientId: 'c',
        softwareName: 's',
        softwareVersion: 'v',
        address: 'a',
        attributes: [],
        pushIntervalMs: 1,
        sinceLastPushMs: 1,
        series: [],
        values: new Float64Array(),
      },
    ],
  },
  partitions: { topics: [{ topic: 't', partitions: 1 }], values: Float64Array.from([0, 1, 1, 1, 1]) },
  groups: [{ groupId: 'g', state: 'Stable', members: 1, offsets: [{ topic: 't', partition: 0, offset: 1 }] }],
}

const MIRROR: MirrorView = {
  ...{ name: 'm', from: 'f:9092', to: 't:9092', state: 'copying', failures: 0, records: 1, bytes: 1, lag: 0 },
  partitions: [
    {
      ...{ topic: 't', target: 't', partition: 0, offsets: 'identical', position: 1, start: 0, end: 1 },
      ...{ lag: 0, records: 1, filled: 0, lost: 0 },
    },
  ],
}

function jobs(): JobRegistry {
  const registry = new JobRegistry()
  const checkpoint = { checkpointId: 1, mode: 'full', completedMs: 0, durationMs: 1, sizeBytes: 1 } as const
  registry.add({
    name: 'j',
    status: 'running',
    metrics: () => ({
      status: 'running',
      parallelism: 1,
      restarts: 0,
      lastError: undefined,
      checkpoints: {
        completed: 1,
        failed: 0,
        last: { ...checkpoint, pauseMs: 0, alignmentMs: 0 },
        recent: [],
      },
      steps: [
        {
          name: 's',
          kind: 'source',
          eventsIn: 1,
          eventsOut: 1,
          counters: { late: 1 },
          gauges: {},
          samples: {},
          watermarkMs: 1,
          splits: [{ split: 'p', watermarkMs: 1, idle: false, holdsBack: false, lag: 1 }],
        },
      ],
      subtasks: [],
    }),
    savepoint: () => Promise.resolve(''),
    stop: () => Promise.resolve(),
  })
  return registry
}

interface Metric {
  readonly name: string
  readonly type: string
  readonly help: string
  readonly labels: readonly string[]
}

/** The metrics of a page in Prometheus' text format. */
function metricsIn(page: string): readonly Metric[] {
  return [...page.matchAll(/^# HELP (\S+) (.*)\n# TYPE \S+ (\S+)\n((?:[^#\n].*\n)*)/gm)].map(
    ([, name = '', help = '', type = '', samples = '']) => {
      const labels = new Set([...samples.matchAll(/[{,](\w+)="/g)].map(([, label = '']) => label))
      labels.delete('le')
      return { name, type, help, labels: [...labels] }
    },
  )
}

/** The page as it should be. */
export async function metricsPage(): Promise<string> {
  const page = prometheusPage({
    jobs: jobs(),
    logMetrics: () => Promise.resolve(LOG),
    mirrors: () => [MIRROR],
  })
  const metrics = metricsIn(await page.render()).filter(({ name }) => !/^(process|nodejs)_/.test(name))
  const partOf = (name: string): string => {
    if (/^millrace_(job|step|split)_/.test(name)) return 'Jobs'
    return name.startsWith('millrace_mirror_') ? 'Mirrors' : 'The log'
  }
  const section = (title: string): string => {
    const rows = metrics.filter(({ name }) => partOf(name) === title)
    return `\n## ${title}\n\n| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n${rows
      .map(({ name, type, labels, help }) => `| \`${name}\` | ${type} | ${labels.join(', ')} | ${help} |\n`)
      .join('')}`
  }
  return INTRODUCTION + ['The log', 'Jobs', 'Mirrors'].map(section).join('')
}

if (import.meta.main) writeFileSync(METRICS_PAGE, await metricsPage())
