/** Reads what lies beside a segment's `.log`: indexes, aborted transactions, producers. */
import { readSync } from 'node:fs'
import { BATCH_HEADER_BYTES, readBatchHeader } from '../../log/protocol/record-batch.ts'
import { decodeProducerSnapshot } from '../../log/storage/producer-snapshot.ts'
import type { DumpSink } from './dump-sink.ts'

/** The `.log` that an index belongs to. */
export interface IndexedLog {
  readonly fd: number
  readonly sizeBytes: number
}

const OFFSET_ENTRY_BYTES = 8
const TIME_ENTRY_BYTES = 12
const ABORTED_ENTRY_BYTES = 34

/** int32 offset − base, int32 position. Each entry is compared with the batch that it points to. */
export function dumpOffsetIndex(
  bytes: Buffer,
  { baseOffset, log }: { readonly baseOffset: number; readonly log: IndexedLog | undefined },
  sink: DumpSink,
): void {
  wholeEntries(bytes, OFFSET_ENTRY_BYTES, sink)
  const head = Buffer.alloc(BATCH_HEADER_BYTES)
  let lastOffset = -1
  for (const [entry, at] of entriesOf(bytes, OFFSET_ENTRY_BYTES)) {
    const offset = baseOffset + bytes.readInt32BE(at)
    const position = bytes.readInt32BE(at + 4)
    sink.line({ kind: 'offset-index', offset, position })
    if (offset <= lastOffset) sink.problem(`entry ${entry}`, `the offset ${offset} does not ascend`)
    lastOffset = offset
    if (log === undefined) continue
    if (position < 0 || position + BATCH_HEADER_BYTES > log.sizeBytes) {
      sink.problem(`entry ${entry}`, `the position ${position} is behind the end of the log`)
      continue
    }
    readSync(log.fd, head, 0, BATCH_HEADER_BYTES, position)
    const header = readBatchHeader(head, 0)
    const [first, last] = [header.baseOffset, header.baseOffset + header.lastOffsetDelta]
    if (header.magic !== 2 || offset < first || offset > last)
      sink.problem(`entry ${entry}`, `no batch with offset ${offset} begins at position ${position}`)
  }
}

/** int64 timestamp, int32 offset − base. */
export function dumpTimeIndex(
  bytes: Buffer,
  { baseOffset }: { readonly baseOffset: number },
  sink: DumpSink,
): void {
  wholeEntries(bytes, TIME_ENTRY_BYTES, sink)
  let lastMs = -1
  for (const [entry, at] of entriesOf(bytes, TIME_ENTRY_BYTES)) {
    const timestampMs = Number(bytes.readBigInt64BE(at))
    sink.line({ kind: 'time-index', timestampMs, offset: baseOffset + bytes.readInt32BE(at + 8) })
    if (timestampMs <= lastMs) sink.problem(`entry ${entry}`, `the time ${timestampMs} does not ascend`)
    lastMs = timestampMs
  }
}

/** int16 version, int64 producer id, first offset, last offset, last stable offset. */
export function dumpTransactionIndex(bytes: Buffer, sink: DumpSink): void {
  wholeEntries(bytes, ABORTED_ENTRY_BYTES, sink)
  for (let at = 0; at + ABORTED_ENTRY_BYTES <= bytes.length; at += ABORTED_ENTRY_BYTES) {
    sink.line({
      kind: 'aborted-transaction',
      producerId: Number(bytes.readBigInt64BE(at + 2)),
      firstOffset: Number(bytes.readBigInt64BE(at + 10)),
      lastOffset: Number(bytes.readBigInt64BE(at + 18)),
      lastStableOffset: Number(bytes.readBigInt64BE(at + 26)),
    })
  }
}

export function dumpProducers(bytes: Buffer, sink: DumpSink): void {
  const producers = decodeProducerSnapshot(bytes, -1)
  if (producers === undefined)
    return sink.problem('the whole', 'this is no snapshot of producers, or damaged')
  for (const producer of producers) {
    const last = producer.batches.at(-1)
    sink.line({
      kind: 'producer',
      producerId: producer.producerId,
      producerEpoch: producer.producerEpoch,
      coordinatorEpoch: producer.coordinatorEpoch,
      lastSequence: last?.lastSequence ?? -1,
      lastOffset: last?.lastOffset ?? -1,
      lastTimestampMs: last?.timestampMs ?? -1,
      transactionFirstOffset: producer.transactionFirstOffset,
    })
  }
}

function wholeEntries(bytes: Buffer, entryBytes: number, sink: DumpSink): void {
  const rest = bytes.length % entryBytes
  if (rest > 0) sink.problem('the end', `${rest} bytes are left behind the last entry of ${entryBytes} bytes`)
}

/**
 * The entries that are in use: Kafka makes the indexes of the active segment as large as they may become. No entry is
 * all zeros: the first batch of a segment is in no index.
 */
function* entriesOf(bytes: Buffer, entryBytes: number): Iterable<readonly [entry: number, at: number]> {
  for (let at = 0; at + entryBytes <= bytes.length; at += entryBytes) {
    if (bytes.subarray(at, at + entryBytes).every((byte) => byte === 0)) return
    yield [at / entryBytes, at]
  }
}
