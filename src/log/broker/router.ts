import { ByteReader, WireError } from '../../base/byte-reader.ts'
import { ByteWriter } from '../../base/byte-writer.ts'
import {
  decodeRequestHeader,
  encodeResponseHeader,
  skipRequestHeaderTags,
} from '../protocol/request-header.ts'
import type { ApiCounter } from './broker-metrics.ts'
import { apiVersionsOfUnknownVersion } from './handlers/api-versions.ts'
import { holdToQuota } from './quotas/hold-to-quota.ts'
import type { Route } from './routes.ts'
import type { SaslSession } from './security/sasl-session.ts'
import {
  type BrokerServices,
  type ClientConnection,
  CloseConnection,
  type HandlerResult,
  NO_RESPONSE,
} from './services.ts'

/** What becomes of a request: the bytes of its answer (for the taker, who empties it), no answer, or the end of the connection. */
export type Outcome = Buffer[] | typeof NO_RESPONSE | CloseConnection

const API_VERSIONS_KEY = 18

/**
 * Turns a request's bytes into a handler's call and its answer into bytes. An API or version that is not served, or
 * bytes that are not a request, end the connection: that is Kafka's behaviour, and only ApiVersions is answered in
 * every version.
 */
export class Router {
  readonly #services: BrokerServices
  readonly #routes: (CountedRoute | undefined)[] = []

  constructor(options: { readonly routes: readonly Route[]; readonly services: BrokerServices }) {
    this.#services = options.services
    for (const route of options.routes) {
      this.#routes[route.api.key] = { route, counter: options.services.metrics.api(route.api.name) }
    }
  }

  dispatch(frame: Buffer, connection: ClientConnection): Outcome | Promise<Outcome> {
    const { sasl } = connection
    if (sasl?.expectsBareMessage === true) return this.#answerBareMessage(sasl, frame)
    if (frame.length < 8)
      return new CloseConnection(`a request of ${frame.length} bytes, shorter than its header`)
    const key = frame.readInt16BE(0)
    const version = frame.readInt16BE(2)
    const counted = this.#routes[key]
    if (counted === undefined) return new CloseConnection(`unknown API key ${key}, version ${version}`)
    const { route, counter } = counted
    const refusal = sasl?.refusal(route.api)
    if (refusal !== undefined) return new CloseConnection(refusal)
    const [oldest, newest] = route.api.versions
    if (version < oldest || version > newest) {
      if (key === API_VERSIONS_KEY) return this.#answerUnknownApiVersions(route, frame)
      return new CloseConnection(
        `${route.api.name} version ${version}, where ${oldest} to ${newest} are served`,
      )
    }

    const startedMs = this.#services.clock.monotonicMs()
    let clientId: string | null = null
    let correlationId: number
    let result: unknown
    try {
      const reader = new ByteReader(frame)
      const header = decodeRequestHeader(reader)
      clientId = header.clientId
      connection.clientId = clientId
      correlationId = header.correlationId
      skipRequestHeaderTags(reader, route.api, version)
      const request = route.api.decodeRequest(reader, version)
      result = route.handle(request as never, {
        apiVersion: version,
        clientId,
        connection,
        services: this.#services,
      })
    } catch (error) {
      return this.#failed(error, route, version, clientId)
    }
    const request: Answering = {
      route,
      counter,
      version,
      correlationId,
      clientId,
      startedMs,
      connection,
      requestBytes: frame.length,
      busyMs: this.#services.quotas.active ? this.#services.clock.monotonicMs() - startedMs : 0,
    }
    if (!(result instanceof Promise)) return this.#answer(request, result)
    return result.then(
      (settled: unknown) => this.#answer(request, settled),
      (error: unknown) => this.#failed(error, route, version, clientId),
    )
  }

  /** An answer that cannot be encoded is our own bug; it costs the one connection, not the broker. */
  #answer(request: Answering, result: unknown): Outcome {
    const { route, counter, version, correlationId, clientId, startedMs } = request
    try {
      const { quotas } = this.#services
      const told = quotas.active ? this.#heldToQuota(request, result) : result
      const outcome = this.#encode(route, version, correlationId, told)
      counter.count(this.#services.clock.monotonicMs() - startedMs)
      return outcome
    } catch (error) {
      return this.#failed(error, route, version, clientId)
    }
  }

  #heldToQuota(request: Answering, result: unknown): unknown {
    const handled = { ...request, apiKey: request.route.api.key }
    return holdToQuota(this.#services, handled, result as HandlerResult<object>)
  }

  #encode(route: Route, version: number, correlationId: number, result: unknown): Outcome {
    if (result === NO_RESPONSE || result instanceof CloseConnection) return result
    const writer = ByteWriter.forFrame()
    encodeResponseHeader(writer, route.api, { apiVersion: version, correlationId })
    route.api.encodeResponse(writer, version, result as never)
    route.release?.(result as never)
    return writer.frame()
  }

  #answerUnknownApiVersions(route: Route, frame: Buffer): Outcome {
    return this.#encode(route, 0, frame.readInt32BE(4), apiVersionsOfUnknownVersion(route.api.versions))
  }

  /** A message of SaslHandshake version 0: no header before it, none before its answer. */
  async #answerBareMessage(sasl: SaslSession, frame: Buffer): Promise<Outcome> {
    let answer: Buffer | undefined
    try {
      answer = await sasl.bareMessage(Buffer.from(frame))
    } catch (error) {
      this.#services.report('error', 'a request failed inside the broker', { api: 'SaslAuthenticate', error })
      return new CloseConnection('an internal error in authentication')
    }
    if (answer === undefined)
      return new CloseConnection('its authentication has failed, or did not wait for an answer')
    const size = Buffer.alloc(4)
    size.writeInt32BE(answer.length)
    return [size, answer]
  }

  #failed(error: unknown, route: Route, version: number, clientId: string | null): CloseConnection {
    if (error instanceof WireError) {
      return new CloseConnection(`a malformed ${route.api.name} version ${version}: ${error.message}`)
    }
    this.#services.report('error', 'a request failed inside the broker', {
      api: route.api.name,
      version,
      clientId,
      error,
    })
    return new CloseConnection(`an internal error in ${route.api.name}`)
  }
}

interface CountedRoute {
  readonly route: Route
  readonly counter: ApiCounter
}

/** What has to be known of a request when its answer is there. */
interface Answering extends CountedRoute {
  readonly version: number
  readonly correlationId: number
  readonly clientId: string | null
  readonly startedMs: number
  readonly connection: ClientConnection
  readonly requestBytes: number
  /** How long the handler kept the thread; 0 where nobody asks. */
  readonly busyMs: number
}
