/** A batch on its way: filled, sent, perhaps sent again, then delivered or given up. */
import { crc32c } from '../../base/crc32c.ts'
import { type Compression, RecordBatchBuilder, type RecordInput } from '../protocol/record-batch.ts'

/** Told once for each record: its offset, or -1 when the broker only knows that it has it already; or the error. */
export type Delivered = (
  error: Error | undefined,
  place: { readonly partition: number; readonly offset: number },
) => void

export interface ProducerIdentity {
  readonly producerId: number
  readonly producerEpoch: number
}

interface Stamp extends ProducerIdentity {
  readonly sequence: number
}

const BASE_OFFSET_AT = 0
const LEADER_EPOCH_AT = 12
const CRC_AT = 17
const ATTRIBUTES_AT = 21
const RECORD_COUNT_AT = 57
const PRODUCER_ID_AT = 43
const TWO_POW_32 = 2 ** 32
const COMPRESSION_BITS = 0x07
const TRANSACTIONAL_BIT = 0x10

export class PendingBatch {
  readonly openedAtMs: number
  /** Bytes charged against the producer's memory. */
  sizeBytes = 0
  recordCount = 0
  /** Takes no more records. */
  sealed = false
  /** -1 until it is sent for the first time under the partition's identity. */
  sequence = -1
  /** Earliest time (monotonic) of the next attempt. */
  notBeforeMs = 0
  attempts = 0
  /** Whether an attempt ended without saying that it did not store the batch. */
  mayBeStored = false
  readonly #builder: RecordBatchBuilder
  #built: Buffer | undefined
  #stamp: Stamp | undefined
  #delivered: { readonly index: number; readonly tell: Delivered }[] = []

  constructor(options: { readonly nowMs: number; readonly initialCapacity: number }) {
    this.openedAtMs = options.nowMs
    this.#builder = new RecordBatchBuilder(options)
  }

  /** A batch that was built elsewhere. Its bytes are copied before they are changed. */
  static of(batch: Buffer, options: { readonly nowMs: number; readonly delivered: Delivered }): PendingBatch {
    const pending = new PendingBatch({ nowMs: options.nowMs, initialCapacity: 0 })
    pending.#built = batch
    pending.#delivered = [{ index: 0, tell: options.delivered }]
    pending.recordCount = batch.readInt32BE(RECORD_COUNT_AT)
    pending.sizeBytes = batch.length
    pending.sealed = true
    return pending
  }

  /** Returns how many bytes the record takes. */
  append(record: RecordInput, delivered: Delivered | undefined): number {
    if (delivered !== undefined) this.#delivered.push({ index: this.recordCount, tell: delivered })
    this.recordCount++
    const size = this.#builder.append(record)
    this.sizeBytes += size
    return size
  }

  get estimatedSizeBytes(): number {
    return this.#builder.estimatedSizeBytes
  }

  /** The bytes to send under this identity and `sequence`. */
  bytes(
    options: ProducerIdentity & { readonly transactional: boolean; readonly compression: Compression },
  ): Buffer {
    const stamp = {
      producerId: options.producerId,
      producerEpoch: options.producerEpoch,
      sequence: this.sequence,
    }
    if (this.#built === undefined)
      this.#built = this.#builder.build({ ...options, baseSequence: this.sequence })
    else if (!isSame(this.#stamp, stamp)) this.#built = restamped(this.#built, stamp, options)
    this.#stamp = stamp
    return this.#built
  }

  settle(
    error: Error | undefined,
    { partition, baseOffset }: { readonly partition: number; readonly baseOffset: number },
  ): void {
    const delivered = this.#delivered
    this.#delivered = []
    for (const { index, tell } of delivered)
      tell(error, { partition, offset: baseOffset < 0 ? -1 : baseOffset + index })
  }
}

function isSame(a: Stamp | undefined, b: Stamp): boolean {
  return a?.producerId === b.producerId && a.producerEpoch === b.producerEpoch && a.sequence === b.sequence
}

/**
 * A copy under another identity: the original may still be queued on a connection, or be a part of what was fetched.
 * What a log has written into the batch (offset, epoch of its leader, when to forget tombstones) is taken out.
 */
function restamped(
  original: Buffer,
  stamp: Stamp,
  { transactional }: { readonly transactional: boolean },
): Buffer {
  const batch = Buffer.from(original)
  batch.fill(0, BASE_OFFSET_AT, BASE_OFFSET_AT + 8)
  batch.writeInt32BE(-1, LEADER_EPOCH_AT)
  const codec = batch.readInt16BE(ATTRIBUTES_AT) & COMPRESSION_BITS
  batch.writeInt16BE(transactional ? codec | TRANSACTIONAL_BIT : codec, ATTRIBUTES_AT)
  batch.writeInt32BE(Math.floor(stamp.producerId / TWO_POW_32), PRODUCER_ID_AT)
  batch.writeUInt32BE(stamp.producerId >>> 0, PRODUCER_ID_AT + 4)
  batch.writeInt16BE(stamp.producerEpoch, PRODUCER_ID_AT + 8)
  batch.writeInt32BE(stamp.sequence, PRODUCER_ID_AT + 10)
  batch.writeUInt32BE(crc32c(batch.subarray(ATTRIBUTES_AT)), CRC_AT)
  return batch
}
