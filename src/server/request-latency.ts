import { Histogram, type MetricObjectWithValues, type MetricValueWithName, type Registry } from 'prom-client'
import { type ApiMetrics, LATENCY_BUCKETS_MS } from '../log/broker/broker-metrics.ts'

type Labels = 'request' | 'le'

/** Latencies that the log has sorted into buckets itself, as a histogram of Prometheus. */
export class RequestLatency extends Histogram<Labels> {
  #apis: readonly ApiMetrics[] = []

  constructor(registry: Registry) {
    super({
      name: 'kafka_network_request_seconds',
      help: "From a request's arrival to its answer; a fetch's long poll counts.",
      labelNames: ['request'],
      registers: [registry],
    })
  }

  show(apis: readonly ApiMetrics[]): void {
    this.#apis = apis
  }

  override async get(): Promise<MetricObjectWithValues<MetricValueWithName<Labels>>> {
    const shown = await super.get()
    return { ...shown, values: this.#apis.flatMap((api) => this.#valuesOf(api)) }
  }

  #valuesOf(api: ApiMetrics): MetricValueWithName<Labels>[] {
    const name = 'kafka_network_request_seconds'
    const request = api.api
    let below = 0
    return [
      ...api.latencyBuckets.map((count, index) => {
        below += count
        const boundMs = LATENCY_BUCKETS_MS[index]
        const le = boundMs === undefined ? '+Inf' : boundMs / 1000
        return { metricName: `${name}_bucket`, labels: { request, le }, value: below }
      }),
      { metricName: `${name}_sum`, labels: { request }, value: api.latencyMsTotal / 1000 },
      { metricName: `${name}_count`, labels: { request }, value: below },
    ]
  }
}
