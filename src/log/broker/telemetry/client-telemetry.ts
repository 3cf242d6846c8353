/**
 * Receives the metrics of clients (KIP-714): tells them what is wanted of them, takes what they push, and shows it. What a
 * Kafka hands to a plugin, if there is one, is kept here.
 */
import { WireError } from '../../../base/byte-reader.ts'
import type { Clock, Disk, Random } from '../../../world/world.ts'
import type { PushTelemetryRequest } from '../../protocol/apis/push-telemetry.ts'
import { COMPRESSIONS, decompress } from '../../protocol/compression.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { ZERO_UUID } from '../../protocol/field.ts'
import type { ClientConnection } from '../services.ts'
import { type ClientInstance, ClientInstances, mayAsk, mayPush } from './client-instances.ts'
import { type PushedClient, PushedMetrics } from './pushed-metrics.ts'
import { TelemetrySubscriptions } from './telemetry-subscriptions.ts'

/** Ids that Kafka keeps for itself. */
const RESERVED_UUIDS: readonly string[] = [ZERO_UUID, 'AAAAAAAAAAAAAAAAAAAAAQ']
/** A push that becomes more than this when it is decompressed is refused. */
const DECOMPRESSED_BYTES_MAX = 16 * 1024 * 1024
/** Longer names that clients give themselves are cut where they are shown. */
const NAME_LENGTH_MAX = 200

export interface TelemetryFigures {
  /** Clients that know what they are to push. */
  readonly instances: number
  /** Counts from the broker's start. */
  readonly pushes: number
  readonly undecodablePushes: number
  readonly unknownSubscriptions: number
  readonly throttled: number
  readonly droppedFigures: number
  /** Those that have pushed something lately. */
  readonly clients: readonly PushedClient[]
}

export class ClientTelemetry {
  readonly subscriptions: TelemetrySubscriptions
  readonly #clock: Clock
  readonly #random: Random
  readonly #maxBytes: number
  readonly #instances: ClientInstances
  readonly #pushed = new PushedMetrics()
  #pushes = 0
  #undecodablePushes = 0
  #unknownSubscriptions = 0
  #throttled = 0

  /** Throws `MR_DATA_DIR_DAMAGED` when the subscriptions are there but cannot be read. */
  static async open(options: {
    readonly disk: Disk
    readonly clock: Clock
    readonly random: Random
    readonly dataPath: string
    /** The largest push, as it is sent. */
    readonly maxBytes: number
  }): Promise<ClientTelemetry> {
    return new ClientTelemetry(await TelemetrySubscriptions.open(options), options)
  }

  private constructor(
    subscriptions: TelemetrySubscriptions,
    options: { readonly clock: Clock; readonly random: Random; readonly maxBytes: number },
  ) {
    this.subscriptions = subscriptions
    this.#instances = new ClientInstances(subscriptions)
    this.#clock = options.clock
    this.#random = options.random
    this.#maxBytes = options.maxBytes
  }

  /** What a client is to push, or the error that it gets; one that has no id yet is given one. */
  subscriptionOf(clientInstanceId: string, connection: ClientConnection): ClientInstance | ErrorCode {
    const nowMs = this.#clock.monotonicMs()
    const id = clientInstanceId === ZERO_UUID ? this.#newId() : clientInstanceId
    const instance = this.#instances.of(id, connection, nowMs)
    if (!mayAsk(instance, nowMs)) {
      this.#throttled += 1
      return ErrorCode.THROTTLING_QUOTA_EXCEEDED
    }
    instance.lastError = ErrorCode.NONE
    return instance
  }

  /** Takes what a client pushes, or says why not. */
  push(request: PushTelemetryRequest, connection: ClientConnection): ErrorCode {
    if (RESERVED_UUIDS.includes(request.clientInstanceId)) return ErrorCode.INVALID_REQUEST
    const nowMs = this.#clock.monotonicMs()
    const instance = this.#instances.of(request.clientInstanceId, connection, nowMs)
    instance.lastError = this.#refusal(request, instance, nowMs) ?? this.#take(request, instance, connection)
    instance.terminating = request.terminating
    return instance.lastError
  }

  figures(): TelemetryFigures {
    const nowMs = this.#clock.monotonicMs()
    return {
      instances: this.#instances.count(nowMs),
      pushes: this.#pushes,
      undecodablePushes: this.#undecodablePushes,
      unknownSubscriptions: this.#unknownSubscriptions,
      throttled: this.#throttled,
      droppedFigures: this.#pushed.dropped,
      clients: this.#pushed.snapshot(nowMs),
    }
  }

  #refusal(request: PushTelemetryRequest, instance: ClientInstance, nowMs: number): ErrorCode | undefined {
    if (instance.terminating) return ErrorCode.INVALID_REQUEST
    if (!mayPush(instance, nowMs) && !request.terminating) {
      this.#throttled += 1
      return ErrorCode.THROTTLING_QUOTA_EXCEEDED
    }
    if (request.subscriptionId !== instance.subscriptionId) {
      this.#unknownSubscriptions += 1
      return ErrorCode.UNKNOWN_SUBSCRIPTION_ID
    }
    if (COMPRESSIONS[request.compressionType] === undefined) return ErrorCode.UNSUPPORTED_COMPRESSION_TYPE
    return request.metrics.length > this.#maxBytes ? ErrorCode.TELEMETRY_TOO_LARGE : undefined
  }

  #take(request: PushTelemetryRequest, instance: ClientInstance, connection: ClientConnection): ErrorCode {
    if (request.metrics.length === 0) return ErrorCode.NONE
    const nowMs = this.#clock.monotonicMs()
    const client = {
      clientInstanceId: instance.id,
      clientId: (connection.clientId ?? '').slice(0, NAME_LENGTH_MAX),
      softwareName: connection.softwareName.slice(0, NAME_LENGTH_MAX),
      softwareVersion: connection.softwareVersion.slice(0, NAME_LENGTH_MAX),
      address: connection.clientHost.slice(1),
      pushIntervalMs: instance.wanted.intervalMs,
    }
    try {
      const codec = COMPRESSIONS[request.compressionType]!
      const metricsData = decompress(codec, request.metrics, DECOMPRESSED_BYTES_MAX)
      this.#pushed.push(client, metricsData, nowMs, instance.keptUntilMs)
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      this.#undecodablePushes += 1
      return ErrorCode.INVALID_RECORD
    }
    this.#pushes += 1
    return ErrorCode.NONE
  }

  #newId(): string {
    for (;;) {
      const id = Buffer.from(this.#random.bytes(16)).toString('base64url')
      // One that begins with a dash is read as an option by command lines.
      if (!id.startsWith('-') && !RESERVED_UUIDS.includes(id) && !this.#instances.has(id)) return id
    }
  }
}
