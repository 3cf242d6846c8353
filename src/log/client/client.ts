/**
 * A client of a Kafka cluster (the embedded log is one too): finds brokers, leaders and coordinators, keeps one
 * connection per broker and channel, and hands requests over. Everything else here (admin, fetcher, producer,
 * transactions) is built on `LogClient.request`.
 *
 * One `request` is one attempt. A broken connection is thrown to the caller, who knows whether the request may be sent
 * again; `retry` does that for the ones that may. Connecting again to an address that failed waits a little longer each
 * time, so that no caller's loop becomes a storm.
 */
import { messageOf, MillraceError } from '../../base/millrace-error.ts'
import { sleep, type World } from '../../world/world.ts'
import type { AnyApi, Api } from '../protocol/api-schema.ts'
import { metadataApi } from '../protocol/apis/metadata.ts'
import { ErrorCode } from '../protocol/error-code.ts'
import { backoffMs } from './backoff.ts'
import { BrokerConnection } from './broker-connection.ts'
import {
  type BrokerAddress,
  type ClusterMetadata,
  clusterMetadataOf,
  type TopicMetadata,
} from './cluster-metadata.ts'
import { Coordinators } from './coordinators.ts'
import { isAboutSecurity, isWorthRetrying, KafkaError } from './kafka-error.ts'
import type { Destination, LogClient, RequestOptions } from './log-client.ts'
import type { ClientSecurity } from './security.ts'

export type { Destination, LogClient, RequestOptions } from './log-client.ts'

export interface ClientOptions {
  readonly world: Pick<World, 'clock' | 'network' | 'random'>
  /** `host:port`, several separated by commas; any that answers will do. */
  readonly bootstrap: string
  /** Shown in the broker's logs and quotas; default `millrace`. */
  readonly clientId?: string
  /** How long a request may stay unanswered, and how long `retry` goes on; default 30,000 ms. */
  readonly requestTimeoutMs?: number
  /** TLS and SASL; default: neither. */
  readonly security?: ClientSecurity
  /** Aborting it closes the client. */
  readonly signal?: AbortSignal
}

const DEFAULT_REQUEST_TIMEOUT_MS = 30_000
const CONNECT_TIMEOUT_MS = 10_000

/**
 * Connects to the first bootstrap address that answers. Throws `MR_CONNECT_FAILED` or `MR_NOT_KAFKA` when none does, and
 * what is wrong between the two sides' security: `MR_TLS_UNTRUSTED`, `MR_TLS_FAILED`, `MR_TLS_INVALID`,
 * `MR_TLS_EXPECTED`, `MR_SASL_MECHANISM`, `MR_AUTHENTICATION_FAILED`, `MR_TOKEN_UNAVAILABLE`.
 */
export async function connectClient(options: ClientOptions): Promise<LogClient> {
  const client = new Client(options)
  try {
    await client.metadata([])
  } catch (error) {
    await client.close()
    throw error
  }
  return client
}

class Client implements LogClient {
  readonly world: ClientOptions['world']
  readonly clientId: string
  readonly requestTimeoutMs: number
  readonly #bootstrap: readonly BrokerAddress[]
  readonly #security: ClientSecurity
  readonly #coordinators: Coordinators
  readonly #connections = new Map<string, Promise<BrokerConnection>>()
  readonly #failures = new Map<string, { count: number; notBeforeMs: number }>()
  readonly #topics = new Map<string, TopicMetadata>()
  /** The last request of each channel to a broker that is not yet written. */
  readonly #turns = new Map<string, Promise<void>>()
  readonly #ended = new AbortController()
  #brokers: ReadonlyMap<number, BrokerAddress> = new Map()
  #controllerId = -1
  #isKafka = false

  constructor(options: ClientOptions) {
    this.world = options.world
    this.clientId = options.clientId ?? 'millrace'
    this.requestTimeoutMs = options.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS
    this.#bootstrap = parseBootstrap(options.bootstrap)
    this.#security = options.security ?? {}
    this.#coordinators = new Coordinators(this)
    options.signal?.addEventListener('abort', () => void this.close(), { once: true })
    if (options.signal?.aborted === true) this.#ended.abort()
  }

  async metadata(
    topics?: readonly string[],
    options: { readonly autoCreate?: boolean } = {},
  ): Promise<ClusterMetadata> {
    const response = await this.request(metadataApi, {
      topics: topics === undefined ? null : topics.map((name) => ({ name })),
      allowAutoTopicCreation: options.autoCreate ?? false,
    })
    const metadata = clusterMetadataOf(response)
    this.#brokers = metadata.brokers
    this.#controllerId = metadata.controllerId
    for (const topic of metadata.topics.values()) {
      if (topic.errorCode === ErrorCode.NONE) this.#topics.set(topic.name, topic)
      else this.#topics.delete(topic.name)
    }
    return metadata
  }

  knownTopic(name: string): TopicMetadata | undefined {
    return this.#topics.get(name)
  }

  topic(
    name: string,
    options: { readonly autoCreate?: boolean; readonly timeoutMs?: number } = {},
  ): Promise<TopicMetadata> {
    return this.retry(async () => {
      const topic = (await this.metadata([name], options)).topics.get(name)
      const errorCode = topic?.errorCode ?? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
      const leaderless = topic?.partitions.some((one) => one.leader < 0) === true
      if (topic !== undefined && errorCode === ErrorCode.NONE && !leaderless) return topic
      throw new KafkaError(leaderless ? ErrorCode.LEADER_NOT_AVAILABLE : errorCode, {
        doing: 'looking the topic up',
        topic: name,
        needs: {
          topic: `Describe on the topic ${name}${options.autoCreate === true ? ', and Create to make it' : ''}`,
        },
      })
    }, options)
  }

  async request<Req, Res, ReqInput, ResInput>(
    api: Api<Req, Res, ReqInput, ResInput>,
    body: ReqInput,
    options: RequestOptions = {},
  ): Promise<Res> {
    const turn = this.#takeTurn(options)
    let answer: Promise<Res>
    try {
      const connection = await this.#connectionFor(options)
      await turn.before
      const version = connection.versionOf(api, options.maxVersion)
      answer = connection.request(api, body, {
        version,
        timeoutMs: options.timeoutMs ?? this.requestTimeoutMs,
      })
    } finally {
      turn.end()
    }
    return answer
  }

  async versionOf(api: AnyApi, options: RequestOptions = {}): Promise<number> {
    return (await this.#connectionFor(options)).versionOf(api, options.maxVersion)
  }

  async feature(name: string): Promise<number> {
    return (await this.#connectionFor({})).features.get(name) ?? 0
  }

  async retry<T>(attempt: () => Promise<T>, options: { readonly timeoutMs?: number } = {}): Promise<T> {
    const { clock } = this.world
    const deadlineMs = clock.monotonicMs() + (options.timeoutMs ?? this.requestTimeoutMs)
    for (let round = 0; ; round++) {
      try {
        return await attempt()
      } catch (error) {
        const pauseMs = backoffMs(this.world.random, round)
        const late = clock.monotonicMs() + pauseMs >= deadlineMs
        if (late || !isWorthRetrying(error) || this.#ended.signal.aborted) throw error
        await sleep(clock, pauseMs, this.#ended.signal)
      }
    }
  }

  forgetCoordinator(destination: Destination): void {
    if (typeof destination === 'object') this.#coordinators.forget(destination)
  }

  closeChannel(channel: string): void {
    for (const [key, connection] of this.#connections) {
      if (!key.endsWith(`/${channel}`)) continue
      this.#connections.delete(key)
      closeWhenOpen(connection)
    }
  }

  async close(): Promise<void> {
    this.#ended.abort()
    const connections = [...this.#connections.values()]
    this.#connections.clear()
    for (const connection of connections) closeWhenOpen(connection)
    await Promise.allSettled(connections)
  }

  /** Requests of a channel to a broker go out as they came, also those that wait for a connection in different places. */
  #takeTurn({ node, channel = 'main' }: RequestOptions): Turn {
    if (typeof node !== 'number') return { before: undefined, end: () => undefined }
    const key = `${node}/${channel}`
    const before = this.#turns.get(key)
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#turns.set(key, promise)
    const end = (): void => {
      if (this.#turns.get(key) === promise) this.#turns.delete(key)
      resolve()
    }
    return { before, end }
  }

  async #connectionFor(options: RequestOptions): Promise<BrokerConnection> {
    const channel = options.channel ?? 'main'
    const node = await this.#resolve(options.node ?? 'any')
    if (node === 'any') return this.#connectToAny(channel)
    let address = this.#brokers.get(node)
    if (address === undefined) {
      await this.metadata([])
      address = this.#brokers.get(node)
    }
    if (address === undefined) {
      throw new MillraceError({
        code: 'MR_CONNECT_FAILED',
        message: `the cluster has no broker ${node} now.`,
      })
    }
    return this.#connectTo(address, channel)
  }

  async #resolve(destination: Destination): Promise<number | 'any'> {
    if (typeof destination === 'object') return this.#coordinators.find(destination)
    if (destination !== 'controller') return destination
    return this.#controllerId < 0 ? 'any' : this.#controllerId
  }

  /** A broker that is connected already, or the first that can be. */
  async #connectToAny(channel: string): Promise<BrokerConnection> {
    const candidates = [...this.#brokers.values(), ...this.#bootstrap]
    for (const candidate of candidates) {
      const connection = await this.#connections.get(keyOf(candidate, channel))?.catch(() => undefined)
      if (connection !== undefined && !connection.closed) return connection
    }
    const failures: unknown[] = []
    for (const candidate of candidates) {
      try {
        return await this.#connectTo(candidate, channel)
      } catch (error) {
        // Another broker would not take a wrong password either, and some lock the user out after a few.
        if (isAboutSecurity(error)) throw error
        failures.push(error)
        if (this.#ended.signal.aborted) break
      }
    }
    if (failures.length === 1) throw failures[0]
    throw new MillraceError({
      code: 'MR_CONNECT_FAILED',
      message: `none of the brokers answers: ${failures.map(messageOf).join('; ')}`,
      fix: 'Check the bootstrap addresses, and that the cluster runs.',
    })
  }

  async #connectTo(address: BrokerAddress, channel: string): Promise<BrokerConnection> {
    const key = keyOf(address, channel)
    const existing = this.#connections.get(key)
    if (existing !== undefined) {
      const connection = await existing
      if (!connection.closed) return connection
      if (this.#connections.get(key) === existing) this.#connections.delete(key)
      return this.#connectTo(address, channel)
    }
    const opening = this.#open(address)
    this.#connections.set(key, opening)
    try {
      return await opening
    } catch (error) {
      if (this.#connections.get(key) === opening) this.#connections.delete(key)
      throw error
    }
  }

  async #open(address: BrokerAddress): Promise<BrokerConnection> {
    const { clock } = this.world
    const key = `${address.host}:${address.port}`
    const failure = this.#failures.get(key)
    if (failure !== undefined) {
      await sleep(clock, Math.max(0, failure.notBeforeMs - clock.monotonicMs()), this.#ended.signal)
    }
    if (this.#ended.signal.aborted) throw clientClosed()
    try {
      const timeoutMs = Math.min(CONNECT_TIMEOUT_MS, this.requestTimeoutMs)
      const connection = await BrokerConnection.open({
        ...address,
        world: this.world,
        clientId: this.clientId,
        timeoutMs,
        isKafka: this.#isKafka,
        security: this.#security,
      })
      this.#isKafka = true
      this.#failures.delete(key)
      if (this.#ended.signal.aborted) {
        connection.close(clientClosed())
        throw clientClosed()
      }
      return connection
    } catch (error) {
      const count = (failure?.count ?? 0) + 1
      this.#failures.set(key, {
        count,
        notBeforeMs: clock.monotonicMs() + backoffMs(this.world.random, count),
      })
      throw this.#explained(error, address)
    }
  }

  /** An address that only the cluster's metadata names is often one that is meant for other networks: say so. */
  #explained(error: unknown, address: BrokerAddress): unknown {
    const given = this.#bootstrap.some((one) => one.host === address.host && one.port === address.port)
    if (given || !(error instanceof MillraceError) || error.code !== 'MR_CONNECT_FAILED') return error
    return new MillraceError({
      code: 'MR_CONNECT_FAILED',
      message: `the cluster says that broker ${address.nodeId} is at this address, and no connection can be made to it.`,
      fix: "Check that the broker runs and that its advertised address (Kafka's advertised.listeners) is reachable from here.",
      peer: `${address.host}:${address.port}`,
      cause: error,
    })
  }
}

interface Turn {
  /** Resolves once the request before has been written, or has failed. */
  readonly before: Promise<void> | undefined
  readonly end: () => void
}

function keyOf(address: BrokerAddress, channel: string): string {
  return `${address.host}:${address.port}/${channel}`
}

function closeWhenOpen(connection: Promise<BrokerConnection>): void {
  connection.then(
    (open) => open.close(),
    () => undefined,
  )
}

function clientClosed(): MillraceError {
  return new MillraceError({ code: 'MR_CLIENT_CLOSED', message: 'the client is closed.' })
}

function parseBootstrap(bootstrap: string): BrokerAddress[] {
  return bootstrap.split(',').map((part, index) => {
    const match = /^\s*(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})\s*$/.exec(part)
    const port = Number(match?.[3])
    if (match === null || port > 65_535 || port === 0) {
      throw new MillraceError({
        code: 'MR_BAD_ADDRESS',
        message: `"${part.trim()}" is not an address of the form host:port.`,
        fix: 'Give one or more addresses such as 127.0.0.1:9092, separated by commas.',
      })
    }
    return { nodeId: -1 - index, host: match[1] ?? match[2]!, port }
  })
}
