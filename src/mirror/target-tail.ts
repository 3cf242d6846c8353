/**
 * Where a partition whose offsets are kept ends at the target, and how its writer's numbering goes on.
 *
 * Exactly once without a transaction: the mirror writes under one producer id for ever, and a record's sequence number is
 * one more than that of the record before. A log takes a batch only if its number follows the last one, and knows a batch
 * that it has; so what is written can only be the next records of the source, whoever sends them: this process, one that
 * was killed and whose requests still arrive, or one that was taken for dead. What was stored is then read off the log's
 * end itself: there is no second truth that a crash could let fall behind.
 *
 * End and number must be of the same moment, so both come from the last batch that this producer has written.
 */
import { listOffsets } from '../log/client/admin.ts'
import { Fetcher, forEachFetchedRecord } from '../log/client/fetcher.ts'
import type { LogClient } from '../log/client/log-client.ts'
import type { ProducerIdentity } from '../log/client/producer.ts'
import { describeProducers } from '../log/client/transaction-admin.ts'
import { type BatchHeader, forEachRecord, readBatchHeader } from '../log/protocol/record-batch.ts'
import { sleep } from '../world/world.ts'

interface Place {
  readonly topic: string
  readonly partition: number
}

export interface TargetTail {
  readonly start: number
  /** The offset that the next record gets. */
  readonly end: number
  /** The sequence number that the next record must have. */
  readonly sequence: number
  /** The newest record that this producer has written, as far as it is near the end. */
  readonly last: TailRecord | undefined
}

export interface TailRecord {
  readonly offset: number
  readonly timestampMs: number
  readonly key: Buffer | null
  readonly value: Buffer | null
}

const SEQUENCE_MODULUS = 2 ** 31
/** Batches at the end that are looked through for one of this producer: what lies behind it are markers and fillers. */
const BATCHES_MAX = 200
const LOOK_AGAIN_MS = 500

export async function tailOf(
  client: LogClient,
  place: Place,
  producer: ProducerIdentity,
): Promise<TargetTail> {
  for (;;) {
    const before = await boundsOf(client, place)
    if (!(await isDurable(client, place, before.end))) {
      // A gap that is filled behind what a power cut takes back would come to lie in its place.
      await sleep(client.world.clock, LOOK_AGAIN_MS / 10)
      continue
    }
    const found = await lastBatchOf(client, place, { ...before, producer })
    if (found !== undefined) {
      const { header, batch } = found
      const sequence = (header.baseSequence + header.recordCount) % SEQUENCE_MODULUS
      return { ...before, sequence, last: lastRecordOf(batch) }
    }
    const known = await lastSequenceOf(client, place, producer)
    if (known === undefined) return { ...before, sequence: 0, last: undefined }
    // The log knows the producer, but no batch of it is near the end: wait until nothing is on its way any more.
    await sleep(client.world.clock, LOOK_AGAIN_MS)
    const after = await boundsOf(client, place)
    if (after.end === before.end && (await lastSequenceOf(client, place, producer)) === known)
      return { ...after, sequence: (known + 1) % SEQUENCE_MODULUS, last: undefined }
  }
}

async function boundsOf(
  client: LogClient,
  place: Place,
): Promise<{ readonly start: number; readonly end: number }> {
  const [start, end] = await listOffsets(
    client,
    [
      { ...place, at: 'earliest' },
      { ...place, at: 'latest' },
    ],
    { isolation: 'read_uncommitted' },
  )
  return { start: start!.offset, end: end!.offset }
}

/** Whether readers of what is committed may see up to there: nothing of it can be lost any more. */
async function isDurable(client: LogClient, place: Place, end: number): Promise<boolean> {
  const [stable] = await listOffsets(client, [{ ...place, at: 'latest' }], { isolation: 'read_committed' })
  return stable!.offset >= end
}

/** Goes back from the end, a batch at a time. */
async function lastBatchOf(
  client: LogClient,
  place: Place,
  {
    start,
    end,
    producer,
  }: { readonly start: number; readonly end: number; readonly producer: ProducerIdentity },
): Promise<{ readonly header: BatchHeader; readonly batch: Buffer } | undefined> {
  let offset = end - 1
  for (let looked = 0; looked < BATCHES_MAX && offset >= start; looked++) {
    const batch = await batchAt(client, { ...place, offset })
    if (batch === undefined) return undefined
    const header = readBatchHeader(batch, 0)
    const { producerId, producerEpoch } = producer
    if (header.producerId === producerId && header.producerEpoch === producerEpoch) return { header, batch }
    offset = header.baseOffset - 1
  }
  return undefined
}

/** The batch that holds an offset, or the first one behind it. */
export async function batchAt(
  client: LogClient,
  position: Place & { readonly offset: number },
): Promise<Buffer | undefined> {
  const fetcher = new Fetcher(client, {
    isolation: 'read_uncommitted',
    maxWaitMs: 100,
    partitionMaxBytes: 1,
    outOfRange: 'fail',
  })
  try {
    fetcher.assign([position])
    const fetched = await fetcher.poll()
    return fetched?.batches[0]
  } finally {
    fetcher.close()
  }
}

/** The first record that a `read_committed` reader sees from an offset on, before `end`. */
export async function firstVisibleOffset(
  client: LogClient,
  position: Place & { readonly offset: number },
  end: number,
): Promise<number | undefined> {
  if (position.offset >= end) return undefined
  const fetcher = new Fetcher(client, { isolation: 'read_committed', maxWaitMs: 100, outOfRange: 'fail' })
  try {
    fetcher.assign([position])
    for (;;) {
      const fetched = await fetcher.poll()
      let first: number | undefined
      if (fetched !== undefined) forEachFetchedRecord(fetched, ({ offset }) => void (first ??= offset))
      if (first !== undefined && first < end) return first
      if (fetched === undefined || first !== undefined || fetched.nextOffset >= end) return undefined
    }
  } finally {
    fetcher.close()
  }
}

export function lastRecordOf(batch: Buffer): TailRecord | undefined {
  let last: TailRecord | undefined
  forEachRecord(batch, (offset, timestampMs, key, value) => {
    last = { offset, timestampMs, key, value }
  })
  return last
}

async function lastSequenceOf(
  client: LogClient,
  { topic, partition }: Place,
  { producerId }: ProducerIdentity,
): Promise<number | undefined> {
  const producers = await describeProducers(client, [topic])
  return producers.find((one) => one.partition === partition && one.producerId === producerId)?.lastSequence
}
