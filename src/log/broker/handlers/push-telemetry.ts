import type { PushTelemetryRequest, PushTelemetryResponseInput } from '../../protocol/apis/push-telemetry.ts'
import type { Handler } from '../services.ts'

/** PushTelemetry: takes metrics of a client. Nobody needs a right for that: a client tells of itself. */
export const handlePushTelemetry: Handler<PushTelemetryRequest, PushTelemetryResponseInput> = (
  request,
  { connection, services: { telemetry } },
) => ({ errorCode: telemetry.push(request, connection) })
