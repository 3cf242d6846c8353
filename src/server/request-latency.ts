import { type ApiMetrics, LATENCY_BUCKETS_MS } from '../log/broker/broker-metrics.ts'

const NAME = 'kafka_network_request_seconds'

/**
 * The latencies that the log has sorted into buckets, as a histogram in Prometheus' text format. (prom-client's own
 * histograms take single observations only.)
 */
export function requestLatencyText(apis: readonly ApiMetrics[]): string {
  const lines = [
    `# HELP ${NAME} From the arrival of a request to its answer; the long poll of a fetch counts.`,
    `# TYPE ${NAME} histogram`,
  ]
  for (const { api, latencyBuckets, latencyMsTotal } of apis) {
    let below = 0
    for (const [index, count] of latencyBuckets.entries()) {
      below += count
      const boundMs = LATENCY_BUCKETS_MS[index]
      const le = boundMs === undefined ? '+Inf' : boundMs / 1000
      lines.push(`${NAME}_bucket{request="${api}",le="${le}"} ${below}`)
    }
    lines.push(`${NAME}_sum{request="${api}"} ${latencyMsTotal / 1000}`)
    lines.push(`${NAME}_count{request="${api}"} ${below}`)
  }
  return `\n${lines.join('\n')}\n`
}
