import type {
  GetTelemetrySubscriptionsRequest,
  GetTelemetrySubscriptionsResponseInput,
} from '../../protocol/apis/get-telemetry-subscriptions.ts'
import { COMPRESSIONS, type Compression } from '../../protocol/compression.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import type { Handler } from '../services.ts'

/** What clients may compress their metrics with, what is best first. */
const ACCEPTED: readonly Compression[] = ['zstd', 'lz4', 'gzip', 'snappy']

/** GetTelemetrySubscriptions: which of its metrics a client is to push, and how often. */
export const handleGetTelemetrySubscriptions: Handler<
  GetTelemetrySubscriptionsRequest,
  GetTelemetrySubscriptionsResponseInput
> = ({ clientInstanceId }, { connection, services: { telemetry, config } }) => {
  const found = telemetry.subscriptionOf(clientInstanceId, connection)
  if (typeof found === 'number')
    return { errorCode: found, acceptedCompressionTypes: [], requestedMetrics: [] }
  return {
    errorCode: ErrorCode.NONE,
    clientInstanceId: found.id,
    subscriptionId: found.subscriptionId,
    acceptedCompressionTypes: ACCEPTED.map((codec) => COMPRESSIONS.indexOf(codec)),
    pushIntervalMs: found.wanted.intervalMs,
    telemetryMaxBytes: config['telemetry.max.bytes'],
    deltaTemporality: true,
    requestedMetrics: found.wanted.metrics,
  }
}
