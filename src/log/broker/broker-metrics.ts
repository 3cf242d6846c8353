/**
 * What the broker counts about itself. Counting is a few additions per request and per partition of a request, never
 * per record; whoever wants rates takes two snapshots.
 */
import type { ClientMetrics } from './client-figures.ts'
import type { LogFigures } from './log-figures.ts'
import type { TelemetryFigures } from './telemetry/client-telemetry.ts'

/** What is counted as it happens: a snapshot, plain data that can cross threads. Counts run from the broker's start. */
export interface BrokerCounts {
  readonly uptimeMs: number
  readonly connections: number
  readonly connectionsAccepted: number
  /** Connections that the broker closed because of what came over them. */
  readonly connectionsRejected: number
  /** Connections that were not let in: there were too many, or they came too quickly. */
  readonly connectionsRefused: number
  /** Clients that proved who they are by SASL, and those that could not. */
  readonly authenticationsSucceeded: number
  readonly authenticationsFailed: number
  /** What clients were refused because of access rules: one for each resource of a request. */
  readonly authorizationsDenied: number
  /** Requests after which their client had to be quiet for a while, because of a quota. */
  readonly requestsThrottled: number
  readonly bytesIn: number
  readonly bytesOut: number
  readonly apis: readonly ApiMetrics[]
  readonly topics: readonly TopicMetrics[]
}

/** With what is looked at only when somebody asks: connections, the log, groups. */
export interface BrokerMetrics extends BrokerCounts, LogFigures {
  readonly listeners: readonly { readonly listener: string; readonly connections: number }[]
  readonly clients: readonly ClientMetrics[]
  /** What clients tell of themselves. */
  readonly telemetry: TelemetryFigures
}

export interface ApiMetrics {
  readonly api: string
  readonly requests: number
  readonly latencyMsTotal: number
  readonly latencyMsMax: number
  /** Requests by latency; bucket i counts those under `LATENCY_BUCKETS_MS[i]`, the last one all the rest. */
  readonly latencyBuckets: readonly number[]
}

export interface TopicMetrics {
  readonly topic: string
  readonly messagesIn: number
  readonly bytesIn: number
  readonly bytesOut: number
  /** Batches that clients wanted appended, and those that were refused. */
  readonly produceRequests: number
  readonly produceFailures: number
}

/** Upper bounds of the latency buckets; a fetch's long poll counts as latency. */
export const LATENCY_BUCKETS_MS: readonly number[] = [
  0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 5000,
]

/** The counters themselves, incremented in place. */
export class BrokerCounters {
  connectionsAccepted = 0
  connectionsClosed = 0
  connectionsRejected = 0
  connectionsRefused = 0
  authenticationsSucceeded = 0
  authenticationsFailed = 0
  authorizationsDenied = 0
  requestsThrottled = 0
  bytesIn = 0
  bytesOut = 0
  readonly #startedMs: number
  readonly #apis = new Map<string, ApiCounter>()
  readonly #topics = new Map<string, TopicCounter>()

  constructor(options: { readonly nowMonotonicMs: number }) {
    this.#startedMs = options.nowMonotonicMs
  }

  /** The counter of an API, to be kept by its caller. */
  api(name: string): ApiCounter {
    let counter = this.#apis.get(name)
    if (counter === undefined) this.#apis.set(name, (counter = new ApiCounter(name)))
    return counter
  }

  topic(name: string): TopicCounter {
    let counter = this.#topics.get(name)
    if (counter === undefined) this.#topics.set(name, (counter = newTopicCounter(name)))
    return counter
  }

  forgetTopic(name: string): void {
    this.#topics.delete(name)
  }

  snapshot(nowMonotonicMs: number): BrokerCounts {
    return {
      uptimeMs: nowMonotonicMs - this.#startedMs,
      connections: this.connectionsAccepted - this.connectionsClosed,
      connectionsAccepted: this.connectionsAccepted,
      connectionsRejected: this.connectionsRejected,
      connectionsRefused: this.connectionsRefused,
      authenticationsSucceeded: this.authenticationsSucceeded,
      authenticationsFailed: this.authenticationsFailed,
      authorizationsDenied: this.authorizationsDenied,
      requestsThrottled: this.requestsThrottled,
      bytesIn: this.bytesIn,
      bytesOut: this.bytesOut,
      apis: [...this.#apis.values()].filter((api) => api.requests > 0).map((api) => api.snapshot()),
      topics: [...this.#topics.values()].map((topic) => ({ ...topic })),
    }
  }
}

export type TopicCounter = { -readonly [Name in keyof TopicMetrics]: TopicMetrics[Name] }

export class ApiCounter {
  readonly #name: string
  requests = 0
  #latencyMsTotal = 0
  #latencyMsMax = 0
  readonly #buckets = new Array<number>(LATENCY_BUCKETS_MS.length + 1).fill(0)

  constructor(name: string) {
    this.#name = name
  }

  count(latencyMs: number): void {
    this.requests += 1
    this.#latencyMsTotal += latencyMs
    if (latencyMs > this.#latencyMsMax) this.#latencyMsMax = latencyMs
    let bucket = 0
    while (bucket < LATENCY_BUCKETS_MS.length && latencyMs >= LATENCY_BUCKETS_MS[bucket]!) bucket += 1
    this.#buckets[bucket]! += 1
  }

  snapshot(): ApiMetrics {
    return {
      api: this.#name,
      requests: this.requests,
      latencyMsTotal: this.#latencyMsTotal,
      latencyMsMax: this.#latencyMsMax,
      latencyBuckets: [...this.#buckets],
    }
  }
}

function newTopicCounter(topic: string): TopicCounter {
  return { topic, messagesIn: 0, bytesIn: 0, bytesOut: 0, produceRequests: 0, produceFailures: 0 }
}
