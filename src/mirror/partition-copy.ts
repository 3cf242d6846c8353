/** One partition on its way to the target: what both ways of copying it have in common. */
import type { FetchedRecords } from '../log/client/fetched-records.ts'
import type { PartitionStatus } from './mirror-options.ts'

export interface PartitionPlace {
  /** At the source. */
  readonly topic: string
  /** At the target. */
  readonly target: string
  readonly partition: number
}

/** Writes a partition's records, in order. */
export interface PartitionCopy {
  readonly place: PartitionPlace
  readonly offsets: 'identical' | 'translated'
  /** The next offset of the source that is to be copied. */
  readonly position: number
  /** Takes what was fetched next; resolves when more may come, which can be before it is stored. */
  take(fetched: FetchedRecords): Promise<void>
  /** Resolves when all that was taken is durable and visible. */
  finish(): Promise<void>
  /** The offset at the target for an offset of the source up to `position`; undefined when it is not known (any more). */
  translate(offset: number): number | undefined
}

/** What is known of a partition, over the lives of the connections: it stays while one side is away. */
export class PartitionProgress {
  readonly place: PartitionPlace
  offsets: 'identical' | 'translated' = 'identical'
  position = 0
  start = 0
  end = 0
  records = 0
  bytes = 0
  filled = 0
  lost = 0

  constructor(place: PartitionPlace) {
    this.place = place
  }

  get lag(): number {
    return Math.max(0, this.end - this.position)
  }

  status(): PartitionStatus {
    const { place, offsets, position, start, end, lag, records, filled, lost } = this
    return { ...place, offsets, position, start, end, lag, records, filled, lost }
  }
}
