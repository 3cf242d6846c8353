/**
 * A hash table from keys to rows of a few numbers: the accumulators of one slice.
 *
 * Numeric keys: extendible hashing. The directory, indexed by the hash's upper bits, points to segments; a segment is an
 * open-addressed table in one `Float64Array` of rows [key, column, column …], NaN as the key of an empty row. A segment
 * doubles up to 8,192 rows; after that it splits in two, so that no single insert ever moves more than one segment,
 * however many keys there are. A directory that was sized in advance starts out with `NOWHERE` in every place.
 *
 * String keys: a `StringIndex` numbers the rows, which are dense, in blocks of 1,024.
 *
 * Every `locate` marks the row in its segment's or block's bitmap; `takeDirty` visits the marked rows and unmarks them.
 */
import { mixNumber } from '../../../base/hash.ts'
import { StringIndex } from '../../../base/string-index.ts'
import type { Key } from '../operator.ts'

const SEGMENT_ROWS_MIN = 16
const SEGMENT_ROWS_MAX = 8192
/** So many upper bits in common are no accident: such a segment grows, splitting would not help. */
const DEPTH_MAX = 20
const BLOCK_ROWS = 1024

interface Rows {
  data: Float64Array
  dirty: Uint32Array
  /** Some row is marked in `dirty`. */
  touched: boolean
}

interface Segment extends Rows {
  mask: number
  rows: number
  /** At more rows it doubles or splits. */
  rowsMax: number
  /** How many upper bits of the hash all its keys share. */
  depth: number
}

interface Block extends Rows {
  readonly firstRow: number
}

const NOWHERE: Segment = {
  data: new Float64Array([NaN]),
  dirty: new Uint32Array(1),
  touched: true,
  mask: 0,
  rows: 0,
  rowsMax: 0,
  depth: -1,
}

/** The row of a key: columns begin at `data[base + 1]`. */
export type VisitRow = (key: Key, data: Float64Array, base: number) => void

export class AccumulatorTable {
  /** Set by `locate` and `find`: where the row is. */
  data: Float64Array = NOWHERE.data
  base = 0
  readonly #initial: Float64Array
  readonly #stride: number
  #directory: Segment[]
  /** 31 − the number of bits that index the directory. */
  #shift: number
  #touched: Rows[] = []
  #numbers = 0
  readonly #blocks: Block[] = []
  #strings: StringIndex | undefined

  /** `initial` holds a new row's columns; `expectedRows` numeric keys will fit without growing step by step. */
  constructor(initial: readonly number[], expectedRows = 0) {
    this.#initial = Float64Array.from(initial)
    this.#stride = initial.length + 1
    const depth = Math.min(
      DEPTH_MAX,
      Math.max(0, Math.ceil(Math.log2(expectedRows / (SEGMENT_ROWS_MAX / 2)))),
    )
    this.#shift = 31 - depth
    this.#directory = Array.from({ length: 2 ** depth }, () => NOWHERE)
  }

  get size(): number {
    return this.#numbers + (this.#strings?.size ?? 0)
  }

  /** How many numeric keys there are; what the next slice's table may expect. */
  get numericRows(): number {
    return this.#numbers
  }

  /** Finds the key's row, or makes one, and marks it as changed. */
  locate(key: Key): void {
    if (typeof key !== 'number') return this.#locateString(key)
    const hash = mixNumber(key)
    const segment = this.#directory[(hash >>> 1) >>> this.#shift]!
    const { data, mask } = segment
    const stride = this.#stride
    for (let row = hash & mask; ; row = (row + 1) & mask) {
      const base = row * stride
      const held = data[base]!
      if (held === key) {
        segment.dirty[row >>> 5]! |= 1 << row
        if (!segment.touched) this.#touch(segment)
        this.data = data
        this.base = base
        return
      }
      if (held !== held) return this.#insert(key, hash, segment, row)
    }
  }

  /** Finds the key's row without making or marking one; false when there is none. */
  find(key: Key): boolean {
    if (typeof key !== 'number') {
      const row = this.#strings?.find(key) ?? -1
      if (row < 0) return false
      this.#at(row)
      return true
    }
    const hash = mixNumber(key)
    const { data, mask } = this.#directory[(hash >>> 1) >>> this.#shift]!
    for (let row = hash & mask; ; row = (row + 1) & mask) {
      const held = data[row * this.#stride]!
      if (held === key) {
        this.data = data
        this.base = row * this.#stride
        return true
      }
      if (held !== held) return false
    }
  }

  forEach(visit: VisitRow): void {
    for (const segment of new Set(this.#directory)) {
      const { data } = segment
      for (let base = 0; base < data.length; base += this.#stride) {
        const key = data[base]!
        if (key === key) visit(key, data, base)
      }
    }
    this.#strings?.keys.forEach((key, row) => {
      this.#at(row)
      visit(key, this.data, this.base)
    })
  }

  /** Visits the rows that were located since the last call. */
  takeDirty(visit: VisitRow): void {
    for (const rows of this.#touched) {
      const { data, dirty } = rows
      const firstRow = 'firstRow' in rows ? (rows as Block).firstRow : undefined
      for (let word = 0; word < dirty.length; word++) {
        for (let bits = dirty[word]!; bits !== 0; bits &= bits - 1) {
          const row = word * 32 + 31 - Math.clz32(bits & -bits)
          const base = row * this.#stride
          visit(firstRow === undefined ? data[base]! : this.#strings!.keys[firstRow + row]!, data, base)
        }
        dirty[word] = 0
      }
      rows.touched = false
    }
    this.#touched = []
  }

  /** Forgets which rows were located. */
  clearDirty(): void {
    for (const rows of this.#touched) {
      rows.dirty.fill(0)
      rows.touched = false
    }
    this.#touched = []
  }

  #touch(rows: Rows): void {
    rows.touched = true
    this.#touched.push(rows)
  }

  #insert(key: number, hash: number, segment: Segment, row: number): void {
    if (segment.rows >= segment.rowsMax) {
      this.#makeRoom(hash, segment)
      return this.locate(key)
    }
    const base = row * this.#stride
    const { data } = segment
    // `-0` is the same key as `0`.
    data[base] = key + 0
    data.set(this.#initial, base + 1)
    segment.rows++
    this.#numbers++
    segment.dirty[row >>> 5]! |= 1 << row
    if (!segment.touched) this.#touch(segment)
    this.data = data
    this.base = base
  }

  #makeRoom(hash: number, segment: Segment): void {
    const bits = 31 - this.#shift
    const capacity = segment.mask + 1
    if (segment === NOWHERE) {
      const rows = bits === 0 ? SEGMENT_ROWS_MIN : SEGMENT_ROWS_MAX
      this.#directory[(hash >>> 1) >>> this.#shift] = this.#emptySegment(rows, bits)
      return
    }
    if (capacity < SEGMENT_ROWS_MAX || segment.depth >= DEPTH_MAX) {
      const grown = this.#emptySegment(capacity * 2, segment.depth)
      this.#move(segment, () => grown)
      this.#replace(hash, segment.depth, () => grown)
      return
    }
    if (segment.depth === bits) {
      this.#directory = this.#directory.flatMap((each) => [each, each])
      this.#shift--
    }
    const depth = segment.depth + 1
    const halves = [this.#emptySegment(capacity, depth), this.#emptySegment(capacity, depth)] as const
    const half = (keyHash: number): Segment => halves[((keyHash >>> 1) >>> (31 - depth)) & 1 ? 1 : 0]
    this.#move(segment, half)
    this.#replace(hash, segment.depth, (index) => halves[(index >>> (31 - this.#shift - depth)) & 1 ? 1 : 0])
  }

  /** Points every place of the directory that the old segment had to a new one. */
  #replace(hash: number, depth: number, pick: (index: number) => Segment): void {
    const places = 2 ** (31 - this.#shift - depth)
    const first = Math.floor(((hash >>> 1) >>> this.#shift) / places) * places
    for (let index = first; index < first + places; index++) this.#directory[index] = pick(index)
  }

  #move(from: Segment, pick: (hash: number) => Segment): void {
    const stride = this.#stride
    for (let row = 0; row <= from.mask; row++) {
      const key = from.data[row * stride]!
      if (key !== key) continue
      const hash = mixNumber(key)
      const to = pick(hash)
      let free = hash & to.mask
      while (!Number.isNaN(to.data[free * stride]!)) free = (free + 1) & to.mask
      for (let column = 0; column < stride; column++) {
        to.data[free * stride + column] = from.data[row * stride + column]!
      }
      to.rows++
      if ((from.dirty[row >>> 5]! & (1 << row)) === 0) continue
      to.dirty[free >>> 5]! |= 1 << free
      if (!to.touched) this.#touch(to)
    }
    if (!from.touched) return
    from.dirty.fill(0)
    this.#touched.splice(this.#touched.indexOf(from), 1)
  }

  #emptySegment(rows: number, depth: number): Segment {
    return {
      data: new Float64Array(rows * this.#stride).fill(NaN),
      dirty: new Uint32Array(Math.max(1, rows >>> 5)),
      touched: false,
      mask: rows - 1,
      rows: 0,
      rowsMax: Math.floor(rows * 0.7),
      depth,
    }
  }

  #locateString(key: string): void {
    const strings = (this.#strings ??= new StringIndex())
    const before = strings.size
    const row = strings.add(key)
    if (row === before) {
      if (row % BLOCK_ROWS === 0) this.#blocks.push(this.#emptyBlock(row))
      this.#at(row)
      this.data.set(this.#initial, this.base + 1)
    } else {
      this.#at(row)
    }
    const block = this.#blocks[(row / BLOCK_ROWS) | 0]!
    block.dirty[(row % BLOCK_ROWS) >>> 5]! |= 1 << row
    if (!block.touched) this.#touch(block)
  }

  #emptyBlock(firstRow: number): Block {
    const data = new Float64Array(BLOCK_ROWS * this.#stride)
    return { data, dirty: new Uint32Array(BLOCK_ROWS / 32), touched: false, firstRow }
  }

  #at(row: number): void {
    this.data = this.#blocks[(row / BLOCK_ROWS) | 0]!.data
    this.base = (row % BLOCK_ROWS) * this.#stride
  }
}
