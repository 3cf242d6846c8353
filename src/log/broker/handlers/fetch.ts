/**
 * Fetch: what partitions hold from an offset on, at once or as soon as there is enough of it.
 *
 * Records leave as the segment file holds them; nothing here looks at one. A request that finds less than `minBytes`
 * waits for its partitions to advance, for `maxWaitMs`, or for its client to go away, whichever comes first. A
 * read_committed reader stops at the last stable offset, and waits for that to advance.
 */
import { messageOf, MillraceError } from '../../../base/millrace-error.ts'
import type { FetchRequest, FetchResponseInput } from '../../protocol/apis/fetch.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { compressionOf, readBatchHeader, splitBatches } from '../../protocol/record-batch.ts'
import type { PartitionLog, ReadResult } from '../../storage/partition-log.ts'
import type { FetchedPartition, FetchPlan } from '../fetch-sessions.ts'
import { quotaClient } from '../quotas/hold-to-quota.ts'
import { AclOperation, mayOnTopic } from '../security/access.ts'
import type { BrokerServices, Handler, RequestContext } from '../services.ts'

type TopicResponse = NonNullable<FetchResponseInput['responses']>[number]
type PartitionResponse = NonNullable<TopicResponse['partitions']>[number]

const BY_TOPIC_ID_FROM = 13
const ZSTD_FROM = 10
const NO_RECORDS = Buffer.alloc(0)
const LARGE_ANSWER_BYTES = 65_536

export const handleFetch: Handler<FetchRequest, FetchResponseInput> = (request, context) => {
  const plan = context.services.fetchSessions.begin(request, {
    byTopicId: context.apiVersion >= BY_TOPIC_ID_FROM,
  })
  if (plan.kind === 'refused') return { errorCode: plan.error, sessionId: 0, responses: [] }
  const fetch = new Fetch(request, plan, context)
  const cold = fetch.preload()
  return cold === undefined ? serve(fetch, request, plan) : cold.then(() => serve(fetch, request, plan))
}

/** The records above all: nearly every answer has waited, and kept them until the next collection of the whole heap. */
export function releaseFetch({ responses }: FetchResponseInput): void {
  if (responses !== undefined) (responses as TopicResponse[]).length = 0
}

function serve(
  fetch: Fetch,
  request: FetchRequest,
  plan: FetchPlan,
): FetchResponseInput | Promise<FetchResponseInput> {
  const first = fetch.collect()
  if (first.complete || request.maxWaitMs <= 0 || plan.partitions.size === 0) return fetch.answer(first)
  fetch.discard(first)
  return fetch.wait()
}

interface Collected {
  readonly partitions: readonly { readonly fetched: FetchedPartition; readonly response: PartitionResponse }[]
  /** Enough bytes, or something that the client has to know at once. */
  readonly complete: boolean
}

class Fetch {
  readonly #request: FetchRequest
  readonly #plan: FetchPlan
  readonly #services: BrokerServices
  readonly #context: RequestContext
  readonly #readCommitted: boolean

  constructor(request: FetchRequest, plan: FetchPlan, context: RequestContext) {
    this.#request = request
    this.#plan = plan
    this.#context = context
    this.#services = context.services
    this.#readCommitted = request.isolationLevel === 1
  }

  /** What to wait for before `collect`, so that it finds in memory what lies far behind; undefined when it will. */
  preload(): Promise<unknown> | undefined {
    let pending: Promise<void>[] | undefined
    let left = Math.min(this.#request.maxBytes, this.#services.config['fetch.max.bytes'])
    for (const fetched of this.#plan.partitions.values()) {
      if (left <= 0) break
      const found = this.#find(fetched)
      if (typeof found === 'number') continue
      const maxBytes = Math.min(fetched.maxBytes, left)
      const cold = found.preload({ offset: fetched.fetchOffset, maxBytes })
      if (cold === undefined) continue
      left -= maxBytes
      ;(pending ??= []).push(cold)
    }
    return pending === undefined ? undefined : Promise.all(pending)
  }

  /** Reads every partition, within the limits of the request. */
  collect(): Collected {
    const partitions: { fetched: FetchedPartition; response: PartitionResponse }[] = []
    const { buffers, config, quotas } = this.#services
    let left = Math.min(this.#request.maxBytes, config['fetch.max.bytes'], buffers.roomBytes)
    if (quotas.active)
      left = Math.min(
        left,
        quotas.fetchBytesMax(quotaClient(this.#context.connection, this.#context.clientId)),
      )
    let bytes = 0
    let urgent = false
    for (const fetched of this.#plan.partitions.values()) {
      const response = this.#read(fetched, left, bytes === 0)
      const size = sizeOf(response)
      bytes += size
      left = Math.max(0, left - size)
      if (response.errorCode !== ErrorCode.NONE || response.divergingEpoch !== undefined) urgent = true
      partitions.push({ fetched, response })
    }
    return { partitions, complete: urgent || bytes >= this.#request.minBytes }
  }

  /** Gives back the memory of an answer that will not be sent. */
  discard(collected: Collected): void {
    for (const { response } of collected.partitions) this.#services.buffers.give(response.records as Buffer)
  }

  wait(): Promise<FetchResponseInput> {
    const { clock, waiters } = this.#services
    const logs = this.#logs()
    return new Promise((resolve) => {
      const finish = (collected: Collected): void => {
        timer.cancel()
        stopWaiting()
        stopWatchingClient()
        resolve(this.answer(collected))
      }
      const look = (): void => {
        if (!this.#mayHaveGrown()) return
        const collected = this.collect()
        if (collected.complete) finish(collected)
        else this.discard(collected)
      }
      const stopWaiting = waiters.wait(logs, { look, giveUp: () => finish(this.collect()) })
      const timer = clock.schedule(this.#request.maxWaitMs, () => finish(this.collect()))
      const stopWatchingClient = this.#context.connection.onClose(() =>
        finish({ partitions: [], complete: true }),
      )
    })
  }

  answer(collected: Collected): FetchResponseInput {
    const topics = new Map<string, { topic: string; topicId: string; partitions: PartitionResponse[] }>()
    let bytes = 0
    for (const { fetched, response } of collected.partitions) {
      if (this.#plan.kind === 'incremental' && !isNews(fetched, response)) continue
      fetched.toldHighWatermark = response.highWatermark
      fetched.toldLogStartOffset = response.logStartOffset ?? -1
      const size = sizeOf(response)
      bytes += size
      if (size > 0) {
        this.#countBytes(fetched, size)
        // Whoever was served goes to the end, so that a busy partition does not starve the others of a session.
        if (this.#plan.sessionId !== 0) this.#moveToEnd(fetched)
      }
      const key = fetched.topic === '' ? fetched.topicId : fetched.topic
      const topic = topics.get(key)
      if (topic !== undefined) topic.partitions.push(response)
      else topics.set(key, { topic: fetched.topic, topicId: fetched.topicId, partitions: [response] })
    }
    if (bytes >= LARGE_ANSWER_BYTES) this.#countUnsent(bytes)
    return { errorCode: ErrorCode.NONE, sessionId: this.#plan.sessionId, responses: [...topics.values()] }
  }

  /** One append may answer many fetches in a turn; only after it do their connections know what clients took. */
  #countUnsent(bytes: number): void {
    const { buffers, clock } = this.#services
    buffers.unsentBytes += bytes
    clock.defer(() => (buffers.unsentBytes -= bytes))
  }

  #read(fetched: FetchedPartition, maxBytes: number, minOneBatch: boolean): PartitionResponse {
    const found = this.#find(fetched)
    if (typeof found === 'number') return { ...refused(fetched, found), abortedTransactions: [] }
    const epochError = checkLeaderEpoch(fetched.currentLeaderEpoch, found.leaderEpoch)
    if (epochError !== ErrorCode.NONE) return refused(fetched, epochError)
    let read: ReadResult
    try {
      read = found.read({
        offset: fetched.fetchOffset,
        maxBytes: Math.min(fetched.maxBytes, maxBytes),
        isolation: this.#readCommitted ? 'read_committed' : 'read_uncommitted',
        minOneBatch,
        buffers: this.#services.buffers,
      })
    } catch (error) {
      this.#services.report('error', 'records could not be read', {
        topic: found.topic,
        partition: found.partition,
        offset: fetched.fetchOffset,
        reason: messageOf(error),
      })
      const isDamage = error instanceof MillraceError && error.code === 'MR_LOG_DAMAGED'
      return refused(fetched, isDamage ? ErrorCode.CORRUPT_MESSAGE : ErrorCode.KAFKA_STORAGE_ERROR)
    }
    if (read.kind === 'out-of-range') return refused(fetched, ErrorCode.OFFSET_OUT_OF_RANGE)
    if (this.#readCommitted && found.durableOffset < found.lastStableOffset) askForSync(found)
    if (this.#context.apiVersion < ZSTD_FROM && holdsZstd(read.records)) {
      return refused(fetched, ErrorCode.UNSUPPORTED_COMPRESSION_TYPE)
    }
    return {
      partitionIndex: fetched.partition,
      errorCode: ErrorCode.NONE,
      highWatermark: read.highWatermark,
      lastStableOffset: read.lastStableOffset,
      logStartOffset: read.logStartOffset,
      abortedTransactions: this.#readCommitted ? read.abortedTransactions : null,
      records: read.records,
    }
  }

  #find(fetched: FetchedPartition): PartitionLog | ErrorCode {
    const { logDirectory } = this.#services
    const byId = this.#context.apiVersion >= BY_TOPIC_ID_FROM
    const topic = byId ? logDirectory.topicById(fetched.topicId) : logDirectory.topic(fetched.topic)
    const name = byId ? topic?.name : fetched.topic
    if (name !== undefined && !mayOnTopic(this.#context, AclOperation.READ, name))
      return ErrorCode.TOPIC_AUTHORIZATION_FAILED
    if (topic === undefined) return byId ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    return topic.partitions[fetched.partition] ?? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
  }

  #logs(): PartitionLog[] {
    const logs: PartitionLog[] = []
    for (const fetched of this.#plan.partitions.values()) {
      const found = this.#find(fetched)
      if (typeof found !== 'number') logs.push(found)
    }
    return logs
  }

  /** Cheap, and true whenever `collect` could find something. */
  #mayHaveGrown(): boolean {
    for (const fetched of this.#plan.partitions.values()) {
      const found = this.#find(fetched)
      if (typeof found === 'number') return true
      const end = this.#readCommitted
        ? Math.min(found.lastStableOffset, found.durableOffset)
        : found.endOffset
      if (fetched.fetchOffset < end || fetched.fetchOffset < found.logStartOffset) return true
      if (this.#readCommitted && found.durableOffset < found.lastStableOffset) askForSync(found)
    }
    return false
  }

  #moveToEnd(fetched: FetchedPartition): void {
    const { partitions } = this.#plan
    const key = `${this.#context.apiVersion >= BY_TOPIC_ID_FROM ? fetched.topicId : fetched.topic}:${fetched.partition}`
    partitions.delete(key)
    partitions.set(key, fetched)
  }

  #countBytes(fetched: FetchedPartition, size: number): void {
    const { logDirectory, metrics } = this.#services
    const name = fetched.topic !== '' ? fetched.topic : logDirectory.topicById(fetched.topicId)?.name
    if (name !== undefined) metrics.topic(name).bytesOut += size
  }
}

/** -1 is a client that does not check; this node's epoch is the leader's. */
export function checkLeaderEpoch(claimed: number, current: number): ErrorCode {
  if (claimed < 0 || claimed === current) return ErrorCode.NONE
  return claimed < current ? ErrorCode.FENCED_LEADER_EPOCH : ErrorCode.UNKNOWN_LEADER_EPOCH
}

/** A read_committed reader sees only what a power cut cannot take back; somebody has to bring it to the device. */
function askForSync(log: PartitionLog): void {
  // A failing sync stops the partition and is reported there.
  log.sync().catch(() => undefined)
}

function isNews(fetched: FetchedPartition, response: PartitionResponse): boolean {
  return (
    sizeOf(response) > 0 ||
    response.errorCode !== ErrorCode.NONE ||
    response.highWatermark !== fetched.toldHighWatermark ||
    response.logStartOffset !== fetched.toldLogStartOffset
  )
}

function refused(fetched: FetchedPartition, errorCode: ErrorCode): PartitionResponse {
  return {
    partitionIndex: fetched.partition,
    errorCode,
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
    abortedTransactions: null,
    records: NO_RECORDS,
  }
}

function sizeOf(response: PartitionResponse): number {
  return (response.records as Buffer).length
}

function holdsZstd(records: Buffer): boolean {
  return splitBatches(records).some((batch) => compressionOf(readBatchHeader(batch, 0).attributes) === 'zstd')
}
