/**
 * One connection to one broker: requests are pipelined, answers come back in the order of the requests (Kafka's rule),
 * and each carries the correlation id of its request. The first exchange is ApiVersions: what both sides speak is
 * settled before `open` resolves.
 *
 * Invariants:
 *  - Every request is answered, or rejected, exactly once; when the connection ends, all that wait are rejected.
 *  - A request that waits longer than its timeout ends the connection: its answer would block those behind it.
 *  - Frames are bounded; what is not Kafka's protocol is recognised by an impossible length.
 */
import { ByteReader, WireError } from '../../base/byte-reader.ts'
import { ByteWriter } from '../../base/byte-writer.ts'
import { messageOf, MillraceError } from '../../base/millrace-error.ts'
import type { Clock, Connection, Timer, World } from '../../world/world.ts'
import type { AnyApi, Api } from '../protocol/api-schema.ts'
import { apiVersionsApi, type ApiVersionsResponse } from '../protocol/apis/api-versions.ts'
import { ErrorCode } from '../protocol/error-code.ts'
import { decodeResponseHeader, encodeRequestHeader } from '../protocol/request-header.ts'
import { KafkaError } from './kafka-error.ts'
import { ResponseFrames } from './response-frames.ts'

/** From version 4 on, brokers also tell features whose lowest version is 0. */
const API_VERSIONS_VERSION = 4

export interface BrokerConnectionOptions {
  readonly world: Pick<World, 'clock' | 'network'>
  readonly host: string
  readonly port: number
  readonly clientId: string
  readonly timeoutMs: number
  /** The cluster is known to speak Kafka's protocol: a connection that ends before the first answer was just lost. */
  readonly isKafka: boolean
}

interface Waiting {
  readonly correlationId: number
  readonly deadlineMs: number
  readonly name: string
  complete(body: Buffer): void
  fail(error: unknown): void
}

export class BrokerConnection {
  /** `host:port` as it was dialled. */
  readonly peer: string
  /** The broker's finalized features by name, such as `transaction.version`. */
  features: ReadonlyMap<string, number> = new Map()
  #versions: ReadonlyMap<number, readonly [min: number, max: number]> = new Map()
  readonly #clock: Clock
  readonly #clientId: string
  readonly #connection: Connection
  readonly #frames: ResponseFrames
  readonly #waiting: Waiting[] = []
  #timer: Timer | undefined
  #nextCorrelationId = 0
  #answered: boolean
  #closedBy: Error | undefined

  /** Connects and agrees on versions. Throws `MR_CONNECT_FAILED`, `MR_NOT_KAFKA` or `MR_REQUEST_TIMEOUT`. */
  static async open(options: BrokerConnectionOptions): Promise<BrokerConnection> {
    const { world, host, port, timeoutMs } = options
    const connection = await world.network.connect({ host, port, timeoutMs })
    const broker = new BrokerConnection(options, connection)
    try {
      await broker.#negotiate(timeoutMs)
    } catch (error) {
      broker.close(error instanceof Error ? error : undefined)
      throw error
    }
    return broker
  }

  private constructor(options: BrokerConnectionOptions, connection: Connection) {
    this.peer = options.host.includes(':')
      ? `[${options.host}]:${options.port}`
      : `${options.host}:${options.port}`
    this.#clock = options.world.clock
    this.#answered = options.isKafka
    this.#clientId = options.clientId
    this.#connection = connection
    this.#frames = new ResponseFrames((frame) => this.#onFrame(frame))
    connection.handle({
      onData: (chunk) => this.#onData(chunk),
      onDrain: () => undefined,
      onClose: (error) => this.close(this.#lost(error)),
    })
  }

  get closed(): boolean {
    return this.#closedBy !== undefined
  }

  /** The highest version that both sides speak, at most `maxVersion`; throws `MR_UNSUPPORTED_API` when there is none. */
  versionOf(api: AnyApi, maxVersion = Infinity): number {
    const theirs = this.#versions.get(api.key)
    const version = theirs === undefined ? -1 : Math.min(theirs[1], api.versions[1], maxVersion)
    if (theirs !== undefined && version >= Math.max(theirs[0], api.versions[0])) return version
    const range = theirs === undefined ? 'does not know it' : `speaks versions ${theirs[0]} to ${theirs[1]}`
    throw new MillraceError({
      code: 'MR_UNSUPPORTED_API',
      message: `${api.name} needs versions ${api.versions[0]} to ${Math.min(api.versions[1], maxVersion)}, and the broker ${range}.`,
      fix: 'Use a broker of Kafka 2.1 or newer that serves this API.',
      peer: this.peer,
    })
  }

  /**
   * Sends a request; resolves with the answer, whatever error codes are in it. `version` must be one that `versionOf`
   * gave. Rejects with `MR_CONNECTION_LOST`, `MR_REQUEST_TIMEOUT` or `MR_NOT_KAFKA`.
   */
  request<Req, Res, ReqInput, ResInput>(
    api: Api<Req, Res, ReqInput, ResInput>,
    body: ReqInput,
    { version, timeoutMs }: { readonly version: number; readonly timeoutMs: number },
  ): Promise<Res> {
    return this.#send(api, body, { version, timeoutMs, decode: (bytes) => this.#decode(api, version, bytes) })
  }

  /** Closes at once; what waits is rejected with `reason`. */
  close(reason?: Error): void {
    if (this.#closedBy !== undefined) return
    this.#closedBy = reason ?? closedHere(this.peer)
    this.#timer?.cancel()
    this.#connection.destroy()
    for (const waiting of this.#waiting.splice(0)) waiting.fail(this.#closedBy)
  }

  #send<Req, Res, ReqInput, ResInput>(
    api: Api<Req, Res, ReqInput, ResInput>,
    body: ReqInput,
    options: {
      readonly version: number
      readonly timeoutMs: number
      readonly decode: (bytes: Buffer) => Res
    },
  ): Promise<Res> {
    return new Promise((resolve, reject) => {
      if (this.#closedBy !== undefined) return reject(this.#closedBy)
      const correlationId = this.#nextCorrelationId
      this.#nextCorrelationId = (correlationId + 1) & 0x7fffffff
      const writer = ByteWriter.forFrame()
      encodeRequestHeader(writer, api, {
        apiVersion: options.version,
        correlationId,
        clientId: this.#clientId,
      })
      api.encodeRequest(writer, options.version, body)
      this.#waiting.push({
        correlationId,
        deadlineMs: this.#clock.monotonicMs() + options.timeoutMs,
        name: api.name,
        complete: (bytes) => {
          try {
            resolve(options.decode(bytes))
          } catch (error) {
            const failure =
              error instanceof WireError ? this.#notKafka(`${api.name}: ${error.message}`) : (error as Error)
            reject(failure)
            this.close(failure)
          }
        },
        fail: reject,
      })
      this.#connection.write(writer.frame())
      this.#watch()
    })
  }

  #decode<Req, Res, ReqInput, ResInput>(
    api: Api<Req, Res, ReqInput, ResInput>,
    version: number,
    bytes: Buffer,
  ): Res {
    const reader = new ByteReader(bytes)
    decodeResponseHeader(reader, api, version)
    return api.decodeResponse(reader, version)
  }

  async #negotiate(timeoutMs: number): Promise<void> {
    const body = { clientSoftwareName: 'millrace', clientSoftwareVersion: '0' }
    let version = API_VERSIONS_VERSION
    let answer = await this.#askVersions(body, { version, timeoutMs })
    if (answer.errorCode === ErrorCode.UNSUPPORTED_VERSION) {
      const theirs = answer.apiKeys.find((one) => one.apiKey === apiVersionsApi.key)
      version = Math.min(version - 1, theirs?.maxVersion ?? 0)
      answer = await this.#askVersions(body, { version, timeoutMs })
    }
    if (answer.errorCode !== ErrorCode.NONE) {
      throw new KafkaError(answer.errorCode, { doing: 'agreeing on protocol versions', peer: this.peer })
    }
    this.#versions = new Map(answer.apiKeys.map((one) => [one.apiKey, [one.minVersion, one.maxVersion]]))
    this.features = new Map(answer.finalizedFeatures.map((one) => [one.name, one.maxVersionLevel]))
  }

  #askVersions(
    body: { clientSoftwareName: string; clientSoftwareVersion: string },
    { version, timeoutMs }: { version: number; timeoutMs: number },
  ): Promise<ApiVersionsResponse> {
    return this.#send(apiVersionsApi, body, {
      version,
      timeoutMs,
      // A broker that does not know the version answers in version 0, whose first field is the error code too.
      decode: (bytes) => {
        const refused = bytes.length >= 6 && bytes.readInt16BE(4) === ErrorCode.UNSUPPORTED_VERSION
        return this.#decode(apiVersionsApi, refused ? 0 : version, bytes)
      },
    })
  }

  #onData(chunk: Uint8Array): void {
    try {
      this.#frames.push(chunk)
    } catch (error) {
      this.close(error instanceof WireError ? this.#notKafka(messageOf(error)) : (error as Error))
    }
  }

  #onFrame(frame: Buffer): void {
    const waiting = this.#waiting.shift()
    const correlationId = frame.length >= 4 ? frame.readInt32BE(0) : -1
    if (waiting === undefined || correlationId !== waiting.correlationId) {
      const expected =
        waiting === undefined ? 'nothing was asked' : `${waiting.name} ${waiting.correlationId} is next`
      const error = this.#notKafka(`an answer to request ${correlationId}, but ${expected}`)
      waiting?.fail(error)
      return this.close(error)
    }
    this.#answered = true
    waiting.complete(frame)
  }

  /** One timer looks at the oldest request; the others cannot be answered before it. */
  #watch(): void {
    const oldest = this.#waiting[0]
    if (this.#timer !== undefined || oldest === undefined) return
    this.#timer = this.#clock.schedule(Math.max(1, oldest.deadlineMs - this.#clock.monotonicMs()), () => {
      this.#timer = undefined
      const late = this.#waiting[0]
      if (late !== undefined && late.deadlineMs <= this.#clock.monotonicMs()) {
        this.close(
          new MillraceError({
            code: 'MR_REQUEST_TIMEOUT',
            message: `no answer to ${late.name} in time.`,
            fix: 'Check that the broker is alive and not overloaded; raise requestTimeoutMs if it is only slow.',
            peer: this.peer,
          }),
        )
      } else this.#watch()
    })
  }

  #lost(cause: Error | undefined): MillraceError {
    const why = cause === undefined ? 'the broker closed it' : cause.message
    const fix = this.#answered
      ? 'It is tried again where that is safe; look into the log of the broker if it happens often.'
      : 'It closed before it answered: check that this is a plaintext Kafka listener, without TLS or SASL.'
    const code = this.#answered ? 'MR_CONNECTION_LOST' : 'MR_NOT_KAFKA'
    return new MillraceError({ code, message: `the connection ended: ${why}.`, fix, peer: this.peer, cause })
  }

  #notKafka(what: string): MillraceError {
    return new MillraceError({
      code: 'MR_NOT_KAFKA',
      message: `what answers does not speak Kafka's protocol as expected: ${what}.`,
      fix: 'Check host and port: it may be another service, or a listener that expects TLS.',
      peer: this.peer,
    })
  }
}

function closedHere(peer: string): MillraceError {
  return new MillraceError({
    code: 'MR_CLIENT_CLOSED',
    message: 'the client was closed while a request was under way.',
    peer,
  })
}
