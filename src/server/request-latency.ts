import { type ApiMetrics, LATENCY_BUCKETS_MS } from '../log/broker/broker-metrics.ts'

/** Kafka's name of it counts milliseconds, the other one seconds, as Prometheus has it. */
const NAMES = [
  { name: 'kafka_network_requestmetrics_totaltimems', msPerUnit: 1, unit: 'in ms' },
  { name: 'kafka_network_request_seconds', msPerUnit: 1000, unit: 'in seconds' },
] as const

/**
 * The latencies that the log has sorted into buckets, as histograms in Prometheus' text format. (prom-client's own
 * histograms take single observations only.)
 */
export function requestLatencyText(apis: readonly ApiMetrics[]): string {
  const lines: string[] = []
  for (const { name, msPerUnit, unit } of NAMES) {
    lines.push(
      `# HELP ${name} From the arrival of a request to its answer, ${unit}; the long poll of a fetch counts.`,
      `# TYPE ${name} histogram`,
    )
    for (const { api, latencyBuckets, latencyMsTotal } of apis) {
      let below = 0
      for (const [index, count] of latencyBuckets.entries()) {
        below += count
        const boundMs = LATENCY_BUCKETS_MS[index]
        const le = boundMs === undefined ? '+Inf' : boundMs / msPerUnit
        lines.push(`${name}_bucket{request="${api}",le="${le}"} ${below}`)
      }
      lines.push(`${name}_sum{request="${api}"} ${latencyMsTotal / msPerUnit}`)
      lines.push(`${name}_count{request="${api}"} ${below}`)
    }
  }
  return `${lines.join('\n')}\n`
}
