/**
 * Fetched records as a job's values. Where the format reads many at once for less, the records of a batch go to it in
 * runs; what holds a wrong one is then read again, record by record.
 */
import { messageOf } from '../../base/millrace-error.ts'
import { forEachFetchedRecord, type FetchedRecords } from '../../log/client/fetcher.ts'
import type { RecordCursor } from '../../log/protocol/record-batch.ts'
import type { Format } from '../../stream/connector/format.ts'
import type { RejectedRecord } from '../../stream/connector/source.ts'
import { SchemaNeeded } from './schemas/record-format.ts'

/** Longer runs gain nothing more. */
const RUN_RECORDS = 64
/** What of large values goes into a run: it is copied once. */
const RUN_BYTES = 65_536

export interface DecodedRecords<T> {
  readonly values: readonly T[]
  /** Milliseconds since the Unix epoch, of each value. */
  readonly timestamps: readonly number[]
  readonly rejected: readonly RejectedRecord[]
}

/** Where events are made of values and keys. */
export interface KeyedDecoder<T> {
  readonly keyFormat: Format<unknown>
  readonly event: (value: unknown, key: unknown) => T
  readonly tombstone: ((key: unknown) => T) | undefined
}

interface DecodeOptions<T> {
  readonly format: Format<T>
  /** With it, `format` gives what becomes of a value before its key is looked at. */
  readonly keyed?: KeyedDecoder<T> | undefined
  /** Records from this offset on are left out. */
  readonly end: number
  /** Hears of each record that cannot be decoded, and returns it, or throws. */
  readonly reject: (record: RejectedRecord) => RejectedRecord
}

/**
 * The records up to `end`, in their order. Throws what `reject` throws, `WireError` on a batch that is rubbish, and
 * `SchemaNeeded` where all of them have to be decoded again once there is a schema.
 */
export function decodeFetched<T>(fetched: FetchedRecords, options: DecodeOptions<T>): DecodedRecords<T> {
  return decodeInRuns(fetched, options) ?? decodeOneByOne(fetched, options)
}

function decodeInRuns<T>(
  fetched: FetchedRecords,
  { format, keyed, end }: DecodeOptions<T>,
): DecodedRecords<T> | undefined {
  if (format.decodeRun === undefined || keyed !== undefined) return undefined
  const values: T[] = []
  const timestamps: number[] = []
  let allGood = true
  let bytes: Buffer | undefined
  let bounds: number[] = []
  const endRun = (): void => {
    if (bytes === undefined) return
    const decoded = format.decodeRun!(bytes, bounds)
    if (decoded === undefined) allGood = false
    else for (const value of decoded) values.push(value)
    bytes = undefined
    bounds = []
  }
  forEachFetchedRecord(fetched, (cursor) => {
    if (!allGood || cursor.offset >= end) return
    const { valueStart, valueLength } = cursor
    if (valueLength < 0) {
      allGood = false
      return
    }
    const isFull = bounds.length === 2 * RUN_RECORDS || valueStart + valueLength > bounds[0]! + RUN_BYTES
    if (bytes !== cursor.bytes || isFull) endRun()
    bytes = cursor.bytes
    bounds.push(valueStart, valueStart + valueLength)
    timestamps.push(cursor.timestampMs)
  })
  endRun()
  return allGood ? { values, timestamps, rejected: [] } : undefined
}

function decodeOneByOne<T>(
  fetched: FetchedRecords,
  { format, keyed, end, reject }: DecodeOptions<T>,
): DecodedRecords<T> {
  const { topic, partition } = fetched
  const values: T[] = []
  const timestamps: number[] = []
  const rejected: RejectedRecord[] = []
  forEachFetchedRecord(fetched, (cursor) => {
    if (cursor.offset >= end) return
    try {
      values.push(eventOf(cursor, format, keyed))
      timestamps.push(cursor.timestampMs)
    } catch (error) {
      if (error instanceof SchemaNeeded) throw error
      const place = { topic, partition, offset: cursor.offset }
      const bytes = { key: copyOf(cursor.key()), value: copyOf(cursor.value()) }
      rejected.push(reject({ ...place, ...bytes, reason: messageOf(error) }))
    }
  })
  return { values, timestamps, rejected }
}

function eventOf<T>(cursor: RecordCursor, format: Format<T>, keyed: KeyedDecoder<T> | undefined): T {
  const { bytes, valueStart, valueLength } = cursor
  if (valueLength < 0) {
    if (keyed?.tombstone === undefined) throw new Error('it has no value (a tombstone)')
    return keyed.tombstone(keyOf(cursor, keyed))
  }
  const value = format.decode(bytes, valueStart, valueStart + valueLength)
  return keyed === undefined ? value : keyed.event(value, keyOf(cursor, keyed))
}

function keyOf<T>(cursor: RecordCursor, { keyFormat }: KeyedDecoder<T>): unknown {
  const { bytes, keyStart, keyLength } = cursor
  return keyLength < 0 ? null : keyFormat.decode(bytes, keyStart, keyStart + keyLength)
}

function copyOf(bytes: Buffer | null): Buffer | null {
  return bytes === null ? null : Buffer.from(bytes)
}
