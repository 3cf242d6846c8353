/**
 * One connection to one broker: requests are pipelined, answers come back in the order of the requests (Kafka's rule),
 * and each carries the correlation id of its request. The first exchange is ApiVersions, the next ones are SASL's: what
 * both sides speak, and who they are, is settled before `open` resolves.
 *
 * Where the broker takes an authentication as valid for a time only, it is repeated before that ends (KIP-368). Between
 * its messages the broker takes no other request, so those that come meanwhile are held back, in order.
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
import { saslAuthenticateApi, type SaslAuthenticateResponse } from '../protocol/apis/sasl-authenticate.ts'
import { saslHandshakeApi, type SaslHandshakeResponse } from '../protocol/apis/sasl-handshake.ts'
import { ErrorCode } from '../protocol/error-code.ts'
import { decodeResponseHeader, encodeRequestHeader } from '../protocol/request-header.ts'
import { KafkaError } from './kafka-error.ts'
import { ResponseFrames } from './response-frames.ts'
import { authenticate } from './sasl/authenticate.ts'
import type { ClientSecurity, SaslOptions } from './security.ts'

/** The first that carries SASL's messages in SaslAuthenticate. */
const SASL_HANDSHAKE_VERSION = 1
/** The arrays of an answer may take so much: metadata of a million partitions takes a quarter of it. */
const ANSWER_HEAP_BYTES = 1 << 30
/** An authentication is repeated after this part of its time, to which up to another tenth is drawn. */
const REPEAT_AFTER = 0.85
/** From version 4 on, brokers also tell features whose lowest version is 0. */
const API_VERSIONS_VERSION = 4

export interface BrokerConnectionOptions {
  readonly world: Pick<World, 'clock' | 'network' | 'random'>
  readonly host: string
  readonly port: number
  readonly clientId: string
  readonly timeoutMs: number
  /** The cluster is known to speak Kafka's protocol: a connection that ends before the first answer was just lost. */
  readonly isKafka: boolean
  readonly security: ClientSecurity
}

/** A request that waits until the authentication has been repeated. */
interface Held {
  start(): void
  fail(error: unknown): void
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
  readonly #world: BrokerConnectionOptions['world']
  readonly #clock: Clock
  readonly #clientId: string
  readonly #security: ClientSecurity
  readonly #connection: Connection
  readonly #frames: ResponseFrames
  readonly #waiting: Waiting[] = []
  #timer: Timer | undefined
  #repeat: Timer | undefined
  /** There while the authentication is being repeated. */
  #held: Held[] | undefined
  #nextCorrelationId = 0
  #answered: boolean
  /** Whether a request beyond ApiVersions and SASL was answered. */
  #served: boolean
  #closedBy: Error | undefined

  /**
   * Connects, agrees on versions and authenticates. Throws `MR_CONNECT_FAILED`, `MR_NOT_KAFKA`, `MR_REQUEST_TIMEOUT`, what
   * TLS throws, `MR_SASL_MECHANISM`, `MR_AUTHENTICATION_FAILED` and `MR_TOKEN_UNAVAILABLE`.
   */
  static async open(options: BrokerConnectionOptions): Promise<BrokerConnection> {
    const { world, host, port, timeoutMs, security } = options
    const tls = security.tls === true ? {} : security.tls
    const connection = await world.network.connect({
      host,
      port,
      timeoutMs,
      ...(tls !== undefined && { tls }),
    })
    const broker = new BrokerConnection(options, connection)
    try {
      await broker.#negotiate(timeoutMs)
      if (security.sasl !== undefined) await broker.#authenticate(security.sasl, timeoutMs)
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
    this.#world = options.world
    this.#clock = options.world.clock
    this.#answered = options.isKafka
    this.#served = options.isKafka
    this.#security = options.security
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
    const held = this.#held
    if (held !== undefined) {
      return new Promise((resolve, reject) => {
        const start = (): void => void this.#ask(api, body, { version, timeoutMs }).then(resolve, reject)
        held.push({ start, fail: reject })
      })
    }
    return this.#ask(api, body, { version, timeoutMs })
  }

  /** Closes at once; what waits is rejected with `reason`. */
  close(reason?: Error): void {
    if (this.#closedBy !== undefined) return
    this.#closedBy = reason ?? closedHere(this.peer)
    this.#timer?.cancel()
    this.#repeat?.cancel()
    this.#connection.destroy()
    for (const waiting of this.#waiting.splice(0)) waiting.fail(this.#closedBy)
    for (const held of this.#held?.splice(0) ?? []) held.fail(this.#closedBy)
  }

  async #ask<Req, Res, ReqInput, ResInput>(
    api: Api<Req, Res, ReqInput, ResInput>,
    body: ReqInput,
    { version, timeoutMs }: { readonly version: number; readonly timeoutMs: number },
  ): Promise<Res> {
    const decode = (bytes: Buffer): Res => this.#decode(api, version, bytes)
    const answer = await this.#send(api, body, { version, timeoutMs, decode })
    this.#served = true
    return answer
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
    reader.arrayHeapBytesLeft = ANSWER_HEAP_BYTES
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

  /** Proves who the client is, and sees to it that it is proved again in time. */
  async #authenticate(sasl: SaslOptions, timeoutMs: number): Promise<void> {
    const lifetimeMs = await authenticate({
      world: this.#world,
      sasl,
      peer: this.peer,
      timeoutMs,
      handshake: (mechanism) => {
        const version = SASL_HANDSHAKE_VERSION
        const decode = (bytes: Buffer): SaslHandshakeResponse =>
          this.#decode(saslHandshakeApi, version, bytes)
        return this.#send(saslHandshakeApi, { mechanism }, { version, timeoutMs, decode })
      },
      authenticate: (request) => {
        const version = this.versionOf(saslAuthenticateApi)
        const decode = (bytes: Buffer): SaslAuthenticateResponse =>
          this.#decode(saslAuthenticateApi, version, bytes)
        return this.#send(saslAuthenticateApi, request, { version, timeoutMs, decode })
      },
    })
    if (lifetimeMs <= 0 || this.closed) return
    const part = REPEAT_AFTER + this.#world.random.uint32() / 2 ** 32 / 10
    this.#repeat = this.#clock.schedule(lifetimeMs * part, () => this.#authenticateAgain(sasl, timeoutMs))
  }

  #authenticateAgain(sasl: SaslOptions, timeoutMs: number): void {
    this.#held = []
    this.#authenticate(sasl, timeoutMs).then(
      () => {
        const held = this.#held ?? []
        this.#held = undefined
        for (const one of held) one.start()
      },
      (error: unknown) => this.close(error instanceof Error ? error : undefined),
    )
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
    const isAlert = !this.#answered && this.#security.tls === undefined && chunk[0] === 21 && chunk[1] === 3
    if (isAlert) return this.close(this.#wantsTls())
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
    // What went wrong with TLS says it best itself.
    if (cause instanceof MillraceError) return cause
    const why = cause === undefined ? 'the broker closed it' : cause.message
    const code = this.#answered ? 'MR_CONNECTION_LOST' : 'MR_NOT_KAFKA'
    return new MillraceError({
      code,
      message: `the connection ended: ${why}.`,
      fix: this.#whyLost(),
      peer: this.peer,
      cause,
    })
  }

  #whyLost(): string {
    const { tls, sasl } = this.#security
    if (!this.#answered) {
      const without = [tls === undefined && 'TLS', sasl === undefined && 'SASL'].filter(Boolean).join(' and ')
      const how = '(--kafka-config FILE with security.protocol; security in a program)'
      return `It closed before it answered: check that this is a Kafka listener${without === '' ? '' : `, and one without ${without}, which would have to be given ${how}`}.`
    }
    // A listener with SASL tells its versions to anybody, and closes at the next request.
    if (!this.#served && sasl === undefined)
      return (
        'It told its versions and closed at the first request: a listener with SASL does that, so give user and password ' +
        `(--kafka-config FILE with security.protocol=${tls === undefined ? 'SASL_PLAINTEXT' : 'SASL_SSL'}, sasl.mechanism and sasl.jaas.config; security.sasl in a program).`
      )
    return 'It is tried again where that is safe; look into the log of the broker if it happens often.'
  }

  #notKafka(what: string): MillraceError {
    return new MillraceError({
      code: 'MR_NOT_KAFKA',
      message: `what answers does not speak Kafka's protocol as expected: ${what}.`,
      fix: 'Check host and port: it may be another service.',
      peer: this.peer,
    })
  }

  /** A TLS server answers what is none with an alert: content type 21, then the protocol's version. */
  #wantsTls(): MillraceError {
    return new MillraceError({
      code: 'MR_TLS_EXPECTED',
      message: 'this listener speaks TLS, and it was spoken to without.',
      fix: 'Use TLS (--kafka-config FILE with security.protocol=SSL or SASL_SSL; security.tls in a program), or choose the port of a listener without.',
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
