import type { Clock, Random } from '../../world/world.ts'
import type { FetchRequest } from '../protocol/apis/fetch.ts'
import { ErrorCode } from '../protocol/error-code.ts'

/**
 * Incremental fetch sessions (KIP-227): the broker remembers which partitions a consumer fetches, so that a request
 * names only what changed and an answer holds only partitions that have something to say.
 *
 * A session belongs to whoever knows its id and next epoch. When all slots are taken, the least recently used session
 * is given up if it has been silent for two minutes; otherwise the newcomer gets none and sends full requests.
 */
export class FetchSessions {
  readonly #slots: number
  readonly #clock: Clock
  readonly #random: Random
  /** Least recently used first. */
  readonly #sessions = new Map<number, FetchSession>()

  constructor(options: { readonly slots: number; readonly clock: Clock; readonly random: Random }) {
    this.#slots = options.slots
    this.#clock = options.clock
    this.#random = options.random
  }

  /** What this request wants to read, after the session (if it has one) took over its changes. */
  begin(
    request: FetchRequest,
    options: { readonly byTopicId: boolean },
  ): FetchPlan | { readonly kind: 'refused'; readonly error: ErrorCode } {
    const { sessionId, sessionEpoch } = request
    if (sessionEpoch === FINAL_EPOCH || sessionEpoch === INITIAL_EPOCH) {
      this.#sessions.delete(sessionId)
      const partitions = new Map<string, FetchedPartition>()
      addPartitions(partitions, request, options.byTopicId)
      const id = sessionEpoch === FINAL_EPOCH ? 0 : this.#create(partitions, options.byTopicId)
      return { kind: 'full', sessionId: id, partitions }
    }
    const session = this.#sessions.get(sessionId)
    if (session === undefined) return { kind: 'refused', error: ErrorCode.FETCH_SESSION_ID_NOT_FOUND }
    if (session.byTopicId !== options.byTopicId)
      return { kind: 'refused', error: ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR }
    if (session.nextEpoch !== sessionEpoch)
      return { kind: 'refused', error: ErrorCode.INVALID_FETCH_SESSION_EPOCH }
    addPartitions(session.partitions, request, options.byTopicId)
    for (const { topic, topicId, partitions } of request.forgottenTopicsData) {
      for (const partition of partitions)
        session.partitions.delete(keyOf(options.byTopicId ? topicId : topic, partition))
    }
    this.#sessions.delete(sessionId)
    if (session.partitions.size === 0) return { kind: 'full', sessionId: 0, partitions: session.partitions }
    this.#sessions.set(sessionId, session)
    session.nextEpoch = session.nextEpoch === MAX_EPOCH ? 1 : session.nextEpoch + 1
    session.lastUsedMs = this.#clock.monotonicMs()
    return { kind: 'incremental', sessionId, partitions: session.partitions }
  }

  get size(): number {
    return this.#sessions.size
  }

  #create(partitions: Map<string, FetchedPartition>, byTopicId: boolean): number {
    if (partitions.size === 0 || this.#slots === 0) return 0
    const nowMs = this.#clock.monotonicMs()
    if (this.#sessions.size >= this.#slots) {
      const [oldestId, oldest] = this.#sessions.entries().next().value!
      if (nowMs - oldest.lastUsedMs < EVICTABLE_AFTER_MS) return 0
      this.#sessions.delete(oldestId)
    }
    let id: number
    do id = this.#random.uint32() >>> 1 || 1
    while (this.#sessions.has(id))
    this.#sessions.set(id, { byTopicId, partitions, nextEpoch: 1, lastUsedMs: nowMs })
    return id
  }
}

/** What one fetch request wants to read. `incremental` answers leave out partitions with nothing new. */
export interface FetchPlan {
  readonly kind: 'full' | 'incremental'
  /** 0: no session. */
  readonly sessionId: number
  /** In the order in which they are served. */
  readonly partitions: Map<string, FetchedPartition>
}

/** A partition as a consumer wants it, and what it was last told about it. */
export interface FetchedPartition {
  /** Empty when the client named the topic by id. */
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  currentLeaderEpoch: number
  fetchOffset: number
  lastFetchedEpoch: number
  maxBytes: number
  /** As last answered; -1 before. */
  toldHighWatermark: number
  toldLogStartOffset: number
}

interface FetchSession {
  readonly byTopicId: boolean
  readonly partitions: Map<string, FetchedPartition>
  nextEpoch: number
  lastUsedMs: number
}

const INITIAL_EPOCH = 0
const FINAL_EPOCH = -1
const MAX_EPOCH = 2_147_483_647
const EVICTABLE_AFTER_MS = 120_000

function keyOf(topic: string, partition: number): string {
  return `${topic}:${partition}`
}

function addPartitions(
  target: Map<string, FetchedPartition>,
  request: FetchRequest,
  byTopicId: boolean,
): void {
  for (const { topic, topicId, partitions } of request.topics) {
    for (const {
      partition,
      currentLeaderEpoch,
      fetchOffset,
      lastFetchedEpoch,
      partitionMaxBytes,
    } of partitions) {
      const key = keyOf(byTopicId ? topicId : topic, partition)
      const known = target.get(key)
      if (known === undefined) {
        target.set(key, {
          topic,
          topicId,
          partition,
          currentLeaderEpoch,
          fetchOffset,
          lastFetchedEpoch,
          maxBytes: partitionMaxBytes,
          toldHighWatermark: -1,
          toldLogStartOffset: -1,
        })
      } else {
        known.currentLeaderEpoch = currentLeaderEpoch
        known.fetchOffset = fetchOffset
        known.lastFetchedEpoch = lastFetchedEpoch
        known.maxBytes = partitionMaxBytes
      }
    }
  }
}
