/**
 * Reads a topic: one split a partition, its position the next offset. Positions live in checkpoints; the group offsets
 * that are committed now and then are for people and their tools, and nothing is read back from them.
 */
import { messageOf, MillraceError } from '../../base/millrace-error.ts'
import { connectClient, type LogClient } from '../../log/client/client.ts'
import { listOffsets } from '../../log/client/admin.ts'
import { Fetcher, type FetchedRecords } from '../../log/client/fetcher.ts'
import { offsetCommit } from '../../log/client/group-admin.ts'
import type {
  DiscoveryContext,
  Source,
  SourceBatch,
  SourceContext,
  SourceReader,
  Split,
  RejectedRecord,
} from '../../stream/connector/source.ts'
import { bytes, type Format } from '../../stream/connector/format.ts'
import { type DecodedRecords, decodeFetched, type KeyedDecoder } from './decode-fetched.ts'
import { deadLetterSink } from './dead-letter.ts'
import { ensureTopic } from './ensure-topic.ts'
import { clusterFor, type KafkaOptions } from './kafka-options.ts'
import { type OpenFormat, opened, SchemaNeeded } from './schemas/record-format.ts'
import { WaitingPartitions } from './waiting-partitions.ts'

/** Group offsets are committed at most this often: they are for people, and each commit costs a write to the disk. */
const GROUP_COMMIT_INTERVAL_MS = 1_000

/** What a source needs of the options. `value` gives events, or what `event` makes them of. */
type KafkaSourceOptions<T> = Omit<KafkaOptions<unknown, unknown>, 'key'> & {
  readonly event?: (value: never, key: never) => T
  readonly tombstone?: (key: never) => T
}

export function kafkaSource<T>(options: KafkaSourceOptions<T>): Source<T> {
  const { onError } = options
  const deadLetter = typeof onError === 'object' ? deadLetterSink(onError.deadLetter, options) : undefined
  return {
    kind: 'kafka',
    replayable: true,
    ...(deadLetter && { deadLetter }),
    discoverSplits: (context) => discoverSplits(options, context),
    createReader: (context) => new KafkaReader(options, context),
  }
}

/** A split's position. `end` is there when the source is bounded. */
interface Position {
  readonly offset: number
  readonly end: number | null
}

async function discoverSplits<T>(
  options: KafkaSourceOptions<T>,
  context: DiscoveryContext,
): Promise<readonly Split[]> {
  const { topic, from = 'earliest', until = 'never', isolation = 'read_committed' } = options
  const client = await connect(options, context)
  try {
    const { partitions } = await ensureTopic(client, options)
    const offsetsAt = async (at: 'earliest' | 'latest' | number): Promise<readonly number[]> => {
      const found = await listOffsets(
        client,
        partitions.map(({ partition }) => ({ topic, partition, at })),
        { isolation },
      )
      return found.map(({ offset }) => offset)
    }
    const latest = await offsetsAt('latest')
    const earliest = await offsetsAt('earliest')
    const start = typeof from === 'object' ? await offsetsAt(from.timestampMs) : { earliest, latest }[from]
    const { knownSplits } = context
    return partitions.map(({ partition }, index) => {
      const end = latest[index] ?? 0
      const isNew = knownSplits !== undefined && !knownSplits.includes(`${topic}-${partition}`)
      const offset = (isNew ? earliest : start)[index] ?? 0
      // No record is that young: begin with the next one.
      const position: Position = { offset: offset < 0 ? end : offset, end: until === 'end' ? end : null }
      return { id: `${topic}-${partition}`, position: { ...position } }
    })
  } finally {
    await client.close()
  }
}

function connect<T>(options: KafkaSourceOptions<T>, context: SourceContext): Promise<LogClient> {
  return connectClient({
    world: context.world,
    ...clusterFor(options, context),
    clientId: `millrace.${context.job}.${context.step}.${context.subtask}`,
  })
}

interface Assigned {
  readonly split: string
  readonly partition: number
  offset: number
  readonly end: number | null
  ended: boolean
}

class KafkaReader<T> implements SourceReader<T> {
  readonly #options: KafkaSourceOptions<T>
  readonly #context: SourceContext
  readonly #format: OpenFormat<T>
  readonly #keyed: (KeyedDecoder<T> & { readonly keyFormat: OpenFormat<unknown> }) | undefined
  #assigned: Assigned[] = []
  /** Ended splits that have not been told yet. */
  #toEnd: Assigned[] = []
  #client: LogClient | undefined
  #fetcher: Fetcher | undefined
  #waiting: WaitingPartitions | undefined
  #committedMs = -Infinity
  #committed = ''

  constructor(options: KafkaSourceOptions<T>, context: SourceContext) {
    const { topic, value, keyFormat = bytes(), event, tombstone } = options
    this.#options = options
    this.#context = context
    this.#format = opened(value as Format<T>, { ...context, topic, part: 'value' })
    this.#keyed = event && {
      keyFormat: opened(keyFormat, { ...context, topic, part: 'key' }),
      event: event as KeyedDecoder<T>['event'],
      tombstone: tombstone as KeyedDecoder<T>['tombstone'],
    }
  }

  async open(splits: readonly Split[]): Promise<void> {
    const { topic, isolation = 'read_committed' } = this.#options
    await Promise.all([this.#format.prepareDecode?.(), this.#keyed?.keyFormat.prepareDecode?.()])
    this.#assigned = splits.map((split) => ({ ...readPosition(split), ended: false }))
    this.#client = await connect(this.#options, this.#context)
    await ensureTopic(this.#client, this.#options)
    const fetcher = new Fetcher(this.#client, { isolation })
    this.#fetcher = fetcher
    this.#waiting = new WaitingPartitions({
      poll: () => this.#poll(),
      assign: (positions) => fetcher.assign(positions),
      unassign: (partitions) => fetcher.unassign(partitions),
    })
    this.#toEnd = this.#assigned.filter((one) => one.end !== null && one.offset >= one.end)
    for (const one of this.#toEnd) one.ended = true
    this.#fetcher.assign(
      this.#assigned
        .filter((one) => !one.ended)
        .map(({ partition, offset }) => ({ topic, partition, offset })),
    )
  }

  async poll(): Promise<SourceBatch<T> | 'end'> {
    const told = this.#toEnd.pop()
    if (told !== undefined) return emptyBatch(told.split, { caughtUp: true, splitEnded: true })
    if (this.#assigned.every((one) => one.ended)) return 'end'
    const fetched = await this.#waiting?.next()
    if (fetched === undefined) return 'end'
    const assigned = this.#assigned.find((one) => one.partition === fetched.partition)
    if (assigned === undefined) return this.poll()
    const decoded = this.#decode(fetched, assigned)
    // That there is more keeps the split from being taken for an idle one while it waits.
    if (decoded === undefined) return emptyBatch(assigned.split, { caughtUp: false, splitEnded: false })
    const batch = this.#batchOf(fetched, assigned, decoded)
    assigned.offset = fetched.nextOffset
    if (assigned.end !== null && assigned.offset >= assigned.end) {
      assigned.ended = true
      this.#fetcher?.unassign([fetched])
      return { ...batch, splitEnded: true }
    }
    return batch
  }

  snapshot(): readonly Split[] {
    return this.#assigned.map(({ split, offset, end }) => ({ id: split, position: { offset, end } }))
  }

  async onCheckpointComplete(positions: readonly Split[]): Promise<void> {
    const nowMs = this.#context.world.clock.monotonicMs()
    const state = JSON.stringify(positions)
    if (
      this.#client === undefined ||
      state === this.#committed ||
      nowMs < this.#committedMs + GROUP_COMMIT_INTERVAL_MS
    )
      return
    this.#committedMs = nowMs
    this.#committed = state
    const { topic, groupId = `millrace.${this.#context.job}.${this.#context.step}` } = this.#options
    const offsets = positions.map((split) => {
      const { partition, offset } = readPosition(split)
      return { topic, partition, offset }
    })
    // What people see may be a second old or, while the coordinator is away, older; the job does not depend on it.
    await offsetCommit(this.#client, groupId, offsets).catch(() => (this.#committed = ''))
  }

  async close(): Promise<void> {
    this.#fetcher?.close()
    await this.#client?.close()
  }

  async #poll(): Promise<FetchedRecords | undefined> {
    try {
      return await this.#fetcher?.poll()
    } catch (error) {
      if (error instanceof MillraceError) throw this.#named(error)
      throw error
    }
  }

  #named(error: MillraceError): MillraceError {
    const { job, step } = this.#context
    const { code, place, fix } = error
    return new MillraceError({
      code,
      job,
      step,
      ...place,
      message: `the topic cannot be read on: ${messageOf(error)}`,
      ...(fix !== undefined && { fix }),
      cause: error,
    })
  }

  /** Undefined where a schema is missing: the records come again with it. */
  #decode(fetched: FetchedRecords, { end }: Assigned): DecodedRecords<T> | undefined {
    const options = { format: this.#format, keyed: this.#keyed, end: end ?? Infinity, reject: this.#reject }
    try {
      return decodeFetched(fetched, options)
    } catch (error) {
      if (!(error instanceof SchemaNeeded)) throw error
      this.#waiting?.setAside(fetched, error.ready)
      return undefined
    }
  }

  #batchOf(fetched: FetchedRecords, { split }: Assigned, decoded: DecodedRecords<T>): SourceBatch<T> {
    const visibleEnd = fetched.lastStableOffset >= 0 ? fetched.lastStableOffset : fetched.highWatermark
    const lag = Math.max(0, visibleEnd - fetched.nextOffset)
    return { splitId: split, ...decoded, caughtUp: fetched.caughtUp, lag }
  }

  readonly #reject = (record: RejectedRecord): RejectedRecord => {
    if ((this.#options.onError ?? 'fail') !== 'fail') return record
    const { topic, partition, offset, reason } = record
    const { job, step } = this.#context
    throw new MillraceError({
      code: 'MR_BAD_RECORD',
      job,
      step,
      topic,
      partition,
      offset,
      message: `the record cannot be decoded: ${reason}.`,
      fix: "Set onError to 'skip' or { deadLetter: topic } to go on without such records, or mend the producer.",
    })
  }
}

function emptyBatch<T>(
  splitId: string,
  state: { readonly caughtUp: boolean; readonly splitEnded: boolean },
): SourceBatch<T> {
  return { splitId, values: [], timestamps: [], rejected: [], ...state }
}

function readPosition(split: Split): Omit<Assigned, 'ended'> {
  const { offset, end } = split.position as unknown as Position
  return { split: split.id, partition: Number(split.id.slice(split.id.lastIndexOf('-') + 1)), offset, end }
}
