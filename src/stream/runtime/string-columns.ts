/**
 * Strings between threads. Each column of strings has a dictionary at both ends, filled with what comes by first; a
 * string that is in it crosses as a number, any other as its bytes:
 *
 *   word in the column   │ 0 │ long? │ place           │        known: where it stands in the dictionary
 *                        │ 1 │ encoding │ length       │        its bytes are the next in the frame's text; takes the
 *                                                             dictionary's next place, if that is kept and has room
 *
 * Most strings of events repeat (names, categories, keys), and making a string out of bytes costs the platform far more
 * than anything else that a frame needs: measured, about 130 ns against 5 for one that is known.
 *
 * A dictionary that few strings are found in costs time for nothing. Such a column does without for a while, then begins
 * with an empty one; the frame tells the reader so before its text.
 */
import { StringIndex } from '../../base/string-index.ts'

const BYTES = 0x80000000
/** Of a place: in the dictionary of long strings. */
const LONG = 0x40000000
const UTF8 = 0x40000000
/** For strings with unpaired surrogates, which have no UTF-8. */
const UTF16 = 0x20000000
const LENGTH = 0x1fffffff

/** Of a frame: strings that it carries as bytes are kept; or they are not, and the dictionary is empty again. */
const KEEPS = 0
const WITHOUT = 1

const ENTRIES_MAX = 16_384
const KEPT_CHARACTERS_MAX = 256
/** After so many strings it is seen whether the dictionary helps; if not, so many frames go without. */
const TRIAL = 8192
const FRAMES_WITHOUT = 100
/**
 * Strings up to this length are copied and looked up here; calling the platform costs more than they do. Longer ones
 * have a dictionary of their own, a `Map`: its hash is the faster one for them, and constants have it at hand.
 */
const SHORT = 24

/** The bytes of a frame's strings, in the order in which its rows are read. */
export class TextWriter {
  buffer: Buffer = Buffer.allocUnsafeSlow(1 << 14)
  position = 0

  /** Writes the text and gives its word. */
  write(text: string): number {
    const { length } = text
    if (this.position + length * 3 > this.buffer.length) this.#grow(length * 3)
    const { buffer, position } = this
    if (length <= SHORT) {
      let n = 0
      for (; n < length; n++) {
        const code = text.charCodeAt(n)
        if (code > 127) break
        buffer[position + n] = code
      }
      if (n === length) {
        this.position = position + length
        return (BYTES | length) >>> 0
      }
    }
    const wellFormed = text.isWellFormed()
    const written = buffer.write(text, position, wellFormed ? 'utf8' : 'utf16le')
    this.position = position + written
    const encoding = written === length ? 0 : wellFormed ? UTF8 : UTF16
    return (BYTES | encoding | written) >>> 0
  }

  #grow(size: number): void {
    const bigger = Buffer.allocUnsafeSlow(Math.max(2 * this.buffer.length, this.position + size))
    this.buffer.copy(bigger, 0, 0, this.position)
    this.buffer = bigger
  }
}

export class TextReader {
  readonly #buffer: Buffer
  #position: number

  constructor(buffer: Buffer, position: number) {
    this.#buffer = buffer
    this.#position = position
  }

  read(word: number): string {
    const start = this.#position
    this.#position = start + (word & LENGTH)
    const encoding = (word & UTF8) !== 0 ? 'utf8' : (word & UTF16) !== 0 ? 'utf16le' : 'latin1'
    return this.#buffer.toString(encoding, start, this.#position)
  }
}

/** The sending end of a column. */
export class StringColumnWriter {
  readonly #text: TextWriter
  #short = new StringIndex()
  #long = new Map<string, number>()
  #found = 0
  #asked = 0
  #framesWithout = 0

  constructor(text: TextWriter) {
    this.#text = text
  }

  /** Begins a frame and gives what the reader must be told. */
  begin(): number {
    if (this.#framesWithout > 0) {
      this.#framesWithout--
    } else if (this.#asked >= TRIAL) {
      if (this.#found * 2 < this.#asked) {
        this.#framesWithout = FRAMES_WITHOUT
        this.#short = new StringIndex()
        this.#long = new Map()
      }
      this.#asked = this.#found = 0
    }
    return this.#framesWithout > 0 ? WITHOUT : KEEPS
  }

  /** The word of the column for this string. */
  word(text: string): number {
    if (this.#framesWithout > 0 || text.length > KEPT_CHARACTERS_MAX) return this.#text.write(text)
    this.#asked++
    const place = text.length <= SHORT ? this.#placeOfShort(text) : this.#placeOfLong(text)
    if (place < 0) return this.#text.write(text)
    this.#found++
    return place
  }

  /** −1 for one that the reader does not have yet. */
  #placeOfShort(text: string): number {
    const short = this.#short
    const { size } = short
    const place = size < ENTRIES_MAX ? short.add(text) : short.find(text)
    return place === size ? -1 : place
  }

  #placeOfLong(text: string): number {
    const long = this.#long
    const place = long.get(text)
    if (place !== undefined) return place | LONG
    if (long.size < ENTRIES_MAX) long.set(text, long.size)
    return -1
  }
}

/** The receiving end of a column. */
export class StringColumnReader {
  #short: string[] = []
  #long: string[] = []
  #text!: TextReader
  #keeps = false

  begin(text: TextReader, told: number): void {
    this.#text = text
    this.#keeps = told === KEEPS
    if (this.#keeps || this.#short.length + this.#long.length === 0) return
    this.#short = []
    this.#long = []
  }

  read(word: number): string {
    if (word < LONG) return this.#short[word]!
    if (word < BYTES) return this.#long[word - LONG]!
    const text = this.#text.read(word)
    if (this.#keeps && text.length <= KEPT_CHARACTERS_MAX) {
      const kept = text.length <= SHORT ? this.#short : this.#long
      if (kept.length < ENTRIES_MAX) kept.push(text)
    }
    return text
  }
}
