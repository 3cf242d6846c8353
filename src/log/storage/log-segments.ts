import { assert } from '../../base/assert.ts'
import type { Segment } from './segment.ts'

/** The segments of a partition in order of their offsets; the last one takes the appends. Never empty. */
export class LogSegments {
  readonly #segments: Segment[]

  constructor(segments: readonly Segment[]) {
    assert(segments.length > 0, 'a partition has at least one segment')
    this.#segments = [...segments]
  }

  get active(): Segment {
    return this.#segments[this.#segments.length - 1]!
  }

  get first(): Segment {
    return this.#segments[0]!
  }

  get count(): number {
    return this.#segments.length
  }

  at(index: number): Segment | undefined {
    return this.#segments[index]
  }

  all(): readonly Segment[] {
    return this.#segments
  }

  /** Index of the segment that holds `offset`, or would: 0 when the offset is below all. */
  indexOf(offset: number): number {
    const segments = this.#segments
    let high = segments.length - 1
    // Readers are mostly at the tail.
    if (segments[high]!.baseOffset <= offset) return high
    let low = 0
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (segments[middle]!.baseOffset <= offset) low = middle
      else high = middle - 1
    }
    return low
  }

  add(segment: Segment): void {
    assert(segment.baseOffset > this.active.baseOffset, 'segments ascend')
    this.#segments.push(segment)
  }

  /** Takes the oldest `count` segments out of the list; at least one stays. */
  takeFirst(count: number): Segment[] {
    assert(count < this.#segments.length, 'a partition has at least one segment')
    return this.#segments.splice(0, count)
  }

  /** Puts one segment in the place of several that follow one another, none of which is the active one. */
  replace(old: readonly Segment[], replacement: Segment): void {
    const index = this.#segments.indexOf(old[0]!)
    assert(
      index >= 0 && index + old.length < this.#segments.length,
      'what is replaced is there, and not active',
    )
    this.#segments.splice(index, old.length, replacement)
  }

  sizeBytes(): number {
    let total = 0
    for (const segment of this.#segments) total += segment.sizeBytes
    return total
  }
}
