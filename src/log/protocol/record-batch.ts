/** Record batches, all of it: the header, the builder, the reader, and the control batches that end transactions. */
import { WireError } from '../../base/byte-reader.ts'
import { controlRecordKey, ControlRecordType, endTxnMarker } from './internal/control-records.ts'
import { RecordBatchBuilder } from './record-batch-builder.ts'
import { RecordCursor } from './record-cursor.ts'

export * from './batch-header.ts'
export type { Compression } from './compression.ts'
export { type BatchOptions, RecordBatchBuilder, type RecordInput } from './record-batch-builder.ts'
export { forEachRecord, RecordCursor, type RecordHeader, type RecordVisitor } from './record-cursor.ts'

export interface ControlBatchOptions {
  readonly kind: 'commit' | 'abort'
  readonly producerId: number
  readonly producerEpoch: number
  readonly coordinatorEpoch: number
  readonly timestampMs: number
}

/** The batch with one record that ends a transaction in a partition; the base offset is 0 until the log sets it. */
export function controlBatch(options: ControlBatchOptions): Buffer {
  const builder = new RecordBatchBuilder({ initialCapacity: 128 })
  builder.append({
    timestampMs: options.timestampMs,
    key: controlRecordKey.encode({
      type: options.kind === 'commit' ? ControlRecordType.COMMIT : ControlRecordType.ABORT,
    }),
    value: endTxnMarker.encode({ coordinatorEpoch: options.coordinatorEpoch }),
  })
  const { producerId, producerEpoch } = options
  return builder.build({ producerId, producerEpoch, baseSequence: -1, transactional: true, control: true })
}

/** Which end a control batch marks; `other` for kinds that are not about transactions. Throws `WireError` on rubbish. */
export function readControlType(batch: Buffer): 'commit' | 'abort' | 'other' {
  const cursor = new RecordCursor().open(batch)
  if (!cursor.next()) throw new WireError('a control batch without a record')
  const key = cursor.key()
  if (key === null) throw new WireError('a control record without a key')
  const { type } = controlRecordKey.decode(key)
  if (type === ControlRecordType.COMMIT) return 'commit'
  return type === ControlRecordType.ABORT ? 'abort' : 'other'
}
