/**
 * The broker in a thread of its own, so that neither a busy job nor a slow browser delays a producer. `start-log.ts` is
 * the other side; the two speak the messages below.
 */
import type { WorkerMain } from '../../world/world.ts'
import type { ReportLevel } from '../../base/report.ts'
import type { BrokerMetrics } from './broker-metrics.ts'
import { type BrokerOptions, startBroker } from './broker.ts'
import type { InternalAccess } from './security/entrance.ts'
import type { CertificateReload, RunningListener } from './security/listeners.ts'

/** What the worker is started with: plain data. */
export type LogWorkerData = Omit<BrokerOptions, 'world' | 'report'>

export type ToLogWorker =
  { readonly kind: 'close' } | { readonly kind: 'metrics' } | { readonly kind: 'reload certificates' }

export type FromLogWorker =
  | {
      readonly kind: 'started'
      readonly listeners: readonly RunningListener[]
      readonly internal: InternalAccess
      readonly clusterId: string
    }
  | {
      readonly kind: 'report'
      readonly level: ReportLevel
      readonly event: string
      readonly fields: Readonly<Record<string, unknown>>
    }
  | { readonly kind: 'metrics'; readonly metrics: BrokerMetrics }
  | { readonly kind: 'certificates reloaded'; readonly reloads: readonly CertificateReload[] }

export const main: WorkerMain = async ({ world, pipe, data }) => {
  const post = (message: FromLogWorker): void => pipe.post(message)
  const broker = await startBroker({
    ...(data as LogWorkerData),
    world,
    report: (level, event, fields) => post({ kind: 'report', level, event, fields }),
  })
  const { listeners, internal, clusterId } = broker
  post({ kind: 'started', listeners, internal, clusterId })
  await new Promise<void>((resolve) => {
    pipe.onMessage((message) => {
      const request = message as ToLogWorker
      switch (request.kind) {
        case 'close':
          return resolve()
        case 'metrics':
          return post({ kind: 'metrics', metrics: broker.metrics() })
        case 'reload certificates':
          return post({ kind: 'certificates reloaded', reloads: broker.reloadCertificates() })
      }
    })
  })
  await broker.close()
}
