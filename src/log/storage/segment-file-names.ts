/** Names inside a partition's directory, as Kafka writes them: the first offset in 20 digits, then what it is. */

export type SegmentFileKind = 'log' | 'index' | 'timeindex' | 'txnindex' | 'snapshot'

const NAME = /^(\d{20})\.(log|index|timeindex|txnindex|snapshot)$/

export function segmentFileName(offset: number, kind: SegmentFileKind): string {
  return `${String(offset).padStart(20, '0')}.${kind}`
}

/** First offset of a segment whose `.log` is the outcome of a compaction that has not taken its name yet. */
export function parseSwappedLogName(name: string): number | undefined {
  const match = /^(\d{20})\.log\.swap$/.exec(name)
  return match === null ? undefined : Number(match[1])
}

/** What a file is, or undefined when it is not a segment's. */
export function parseSegmentFileName(
  name: string,
): { readonly offset: number; readonly kind: SegmentFileKind } | undefined {
  const match = NAME.exec(name)
  if (match === null) return undefined
  return { offset: Number(match[1]), kind: match[2] as SegmentFileKind }
}

/** `orders-3` → topic `orders`, partition 3; undefined when the name is no partition's. */
export function parsePartitionDirectoryName(
  name: string,
): { readonly topic: string; readonly partition: number } | undefined {
  const match = /^(.+)-(0|[1-9]\d{0,9})$/.exec(name)
  if (match === null) return undefined
  return { topic: match[1]!, partition: Number(match[2]) }
}
