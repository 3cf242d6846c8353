import { WireError } from '../../base/byte-reader.ts'
import { type BatchHeader, isControl, RecordCursor } from '../protocol/record-batch.ts'
import type { ProducerStates } from './producer-states.ts'
import type { TransactionIndexEntry } from './transaction-index.ts'

/** An end-of-transaction marker as it stands in the log. */
export interface Marker {
  readonly kind: 'commit' | 'abort'
  readonly producerId: number
  readonly producerEpoch: number
  readonly coordinatorEpoch: number
}

/** Takes in a batch that is in the log, record or marker; returns the transaction that it aborted, if it did. */
export function replayBatch(
  producers: ProducerStates,
  header: BatchHeader,
  options: { readonly batch: () => Buffer; readonly nowMs: number },
): TransactionIndexEntry | undefined {
  if (header.producerId < 0) return undefined
  if (!isControl(header.attributes)) {
    producers.apply(header, { baseOffset: header.baseOffset, nowMs: options.nowMs })
    return undefined
  }
  const marker = readMarker(header, options.batch())
  return marker === undefined
    ? undefined
    : applyMarker(producers, marker, { offset: header.baseOffset, nowMs: options.nowMs })
}

/** Ends a transaction by its marker at `offset`; returns what belongs into the transaction index when it was aborted. */
export function applyMarker(
  producers: ProducerStates,
  marker: Marker,
  placed: { readonly offset: number; readonly nowMs: number },
): TransactionIndexEntry | undefined {
  const firstOffset = producers.applyMarker({ ...marker, nowMs: placed.nowMs })
  if (firstOffset === undefined || marker.kind === 'commit') return undefined
  return {
    producerId: marker.producerId,
    firstOffset,
    lastOffset: placed.offset,
    lastStableOffset: producers.oldestOpenOffset() ?? placed.offset + 1,
  }
}

/**
 * Undefined for control records that are not transaction markers, and for damaged ones: a transaction that then seems to
 * be open can be aborted by hand, a log that does not open helps nobody.
 */
function readMarker(header: BatchHeader, batch: Buffer): Marker | undefined {
  const cursor = new RecordCursor()
  try {
    if (!cursor.open(batch).next()) return undefined
  } catch (error) {
    if (error instanceof WireError) return undefined
    throw error
  }
  const key = cursor.key()
  const value = cursor.value()
  // Key: int16 version, int16 type (0 abort, 1 commit). Value: int16 version, int32 coordinator epoch.
  const type = key !== null && key.length >= 4 ? key.readInt16BE(2) : -1
  if (type !== 0 && type !== 1) return undefined
  return {
    kind: type === 0 ? 'abort' : 'commit',
    producerId: header.producerId,
    producerEpoch: header.producerEpoch,
    coordinatorEpoch: value !== null && value.length >= 6 ? value.readInt32BE(2) : 0,
  }
}
