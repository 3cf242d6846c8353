import type { FetchResponseInput } from '../../protocol/apis/fetch.ts'
import { INTERNAL } from '../security/principal.ts'
import {
  type BrokerServices,
  type ClientConnection,
  CloseConnection,
  type HandlerResult,
  NO_RESPONSE,
} from '../services.ts'
import type { QuotaClient } from './client-quotas.ts'

/** A request that has been handled. */
export interface HandledRequest {
  readonly apiKey: number
  readonly connection: ClientConnection
  readonly clientId: string | null
  readonly requestBytes: number
  /** How long the broker's thread was busy with it, without what it waited for. */
  readonly busyMs: number
}

interface Throttled {
  readonly throttleTimeMs?: number
}

const PRODUCE_KEY = 0
const FETCH_KEY = 1
const SASL_KEYS: ReadonlySet<number> = new Set([17, 36])

/**
 * Charges a request to its client's quotas. Who is over them is told so in the answer, and is not read for so long; what
 * a handler itself says of throttling (partitions created) counts as well.
 */
export function holdToQuota(
  services: Pick<BrokerServices, 'quotas' | 'clock' | 'metrics'>,
  request: HandledRequest,
  result: HandlerResult<object>,
): HandlerResult<object> {
  const { connection, apiKey } = request
  if (result instanceof CloseConnection || SASL_KEYS.has(apiKey) || connection.principal === INTERNAL)
    return result
  const { quotas, metrics } = services
  const client = quotaClient(connection, request.clientId)
  const nowMs = services.clock.monotonicMs()
  let throttleMs = quotas.chargeTime(client, request.busyMs, nowMs)
  if (apiKey === PRODUCE_KEY)
    throttleMs = Math.max(
      throttleMs,
      quotas.chargeBytes('producer_byte_rate', client, request.requestBytes, nowMs),
    )
  else if (apiKey === FETCH_KEY && result !== NO_RESPONSE)
    throttleMs = Math.max(
      throttleMs,
      quotas.chargeBytes('consumer_byte_rate', client, recordBytesOf(result as FetchResponseInput), nowMs),
    )
  if (result !== NO_RESPONSE) throttleMs = Math.max(throttleMs, (result as Throttled).throttleTimeMs ?? 0)
  if (throttleMs === 0) return result
  metrics.requestsThrottled += 1
  connection.mute(throttleMs)
  return result === NO_RESPONSE ? result : { ...result, throttleTimeMs: throttleMs }
}

/** What is remembered of clients holds their ids, which they may make as long as they like: the rest of one does not count. */
const CLIENT_ID_LENGTH_MAX = 1000

export function quotaClient(connection: ClientConnection, clientId: string | null): QuotaClient {
  return { user: connection.principal.name, clientId: (clientId ?? '').slice(0, CLIENT_ID_LENGTH_MAX) }
}

function recordBytesOf({ responses }: FetchResponseInput): number {
  let bytes = 0
  for (const { partitions = [] } of responses) {
    for (const { records } of partitions) bytes += (records as Buffer | null)?.length ?? 0
  }
  return bytes
}
