/**
 * The broker in a thread of its own, so that neither a busy job nor a slow browser delays a producer. `start-log.ts` is
 * the other side; the two speak the messages below.
 */
import type { WorkerMain } from '../../world/world.ts'
import type { ReportLevel } from '../../base/report.ts'
import type { BrokerConfig } from './broker-config.ts'
import type { BrokerMetrics } from './broker-metrics.ts'
import { startBroker } from './broker.ts'

/** What the worker is started with: plain data. */
export interface LogWorkerData {
  readonly dataPath: string
  readonly listen: { readonly host: string; readonly port: number }
  readonly advertised?: { readonly host: string; readonly port: number }
  readonly config?: Partial<BrokerConfig>
}

export type ToLogWorker = { readonly kind: 'close' } | { readonly kind: 'metrics' }

export type FromLogWorker =
  | { readonly kind: 'started'; readonly host: string; readonly port: number; readonly clusterId: string }
  | {
      readonly kind: 'report'
      readonly level: ReportLevel
      readonly event: string
      readonly fields: Readonly<Record<string, unknown>>
    }
  | { readonly kind: 'metrics'; readonly metrics: BrokerMetrics }

export const main: WorkerMain = async ({ world, pipe, data }) => {
  const post = (message: FromLogWorker): void => pipe.post(message)
  const broker = await startBroker({
    ...(data as LogWorkerData),
    world,
    report: (level, event, fields) => post({ kind: 'report', level, event, fields }),
  })
  const { host, port, clusterId } = broker
  post({ kind: 'started', host, port, clusterId })
  await new Promise<void>((resolve) => {
    pipe.onMessage((message) => {
      const request = message as ToLogWorker
      if (request.kind === 'close') resolve()
      else post({ kind: 'metrics', metrics: broker.metrics() })
    })
  })
  await broker.close()
}
