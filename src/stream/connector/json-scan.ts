/** What is wrong with the bytes of a record. */
export class JsonScanError extends Error {
  override readonly name = 'JsonScanError'
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/** Node's own conversion without the argument checks of `toString`, which cost as much as the conversion. */
interface Latin1Source {
  latin1Slice(start: number, end: number): string
}

/**
 * Scans the members of one JSON object after the other. It remembers the names of the record before, wanted or not, in
 * their order, so that a name is normally recognised by comparing its bytes with the one that stood there last time.
 * A class and not closures: several scanners in one isolate then share one optimised code.
 */
export class JsonScanner {
  readonly #byName: ReadonlyMap<string, number>
  /** Names as they stood in the last record, with quotes and colon. */
  readonly #lastNames: Buffer[] = []
  /** For each of `#lastNames`, the index of the wanted name, or -1. */
  readonly #lastIndexes: number[] = []
  #bytes: Buffer = Buffer.alloc(0)
  #start = 0
  #at = 0
  #end = 0
  #member = 0

  constructor(names: readonly string[]) {
    this.#byName = new Map(names.map((name, index) => [name, index]))
  }

  /** Begins an object; false when it has no member. */
  open(source: Buffer, start: number, end: number): boolean {
    this.#bytes = source
    this.#start = start
    this.#at = start
    this.#end = end
    this.#member = 0
    this.#space()
    if (this.#at >= end || source[this.#at] !== OPEN_BRACE) this.#fail('an opening brace is missing')
    this.#at++
    this.#space()
    return source[this.#at] === CLOSE_BRACE ? this.#close() : true
  }

  /** Reads a member's name and colon; the index of a wanted name, or -1. */
  key(): number {
    const member = this.#member++
    const expected = this.#lastNames[member]
    if (expected !== undefined && this.#matches(expected)) {
      this.#at += expected.length
      if ((this.#bytes[this.#at] as number) <= 0x20) this.#space()
      return this.#lastIndexes[member] as number
    }
    return this.#learn(member)
  }

  /** Goes on after a member's value; false at the end, which must be the end of the bytes. */
  next(): boolean {
    const bytes = this.#bytes
    if (bytes[this.#at] !== COMMA) this.#space()
    if (bytes[this.#at] === CLOSE_BRACE) return this.#close()
    if (bytes[this.#at] !== COMMA) this.#fail('a comma or the closing brace is missing')
    this.#at++
    if (bytes[this.#at] !== QUOTE) this.#space()
    return true
  }

  skip(): void {
    const byte = this.#bytes[this.#at] as number
    if (byte === QUOTE) this.#pastString()
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) this.#pastNested()
    else {
      const start = this.#at
      this.#at = this.#endOfLiteral()
      if (this.#at === start) this.#fail('a value is missing')
    }
  }

  /** Moves past `null` when that is the value. */
  isNull(): boolean {
    return this.#literal('null')
  }

  integer(name: string): number {
    const bytes = this.#bytes
    const end = this.#end
    const start = this.#at
    const negative = bytes[start] === 0x2d
    const digits = negative ? start + 1 : start
    let at = digits
    let value = 0
    while (at < end) {
      const digit = (bytes[at] as number) - 0x30
      if (digit < 0 || digit > 9) break
      value = value * 10 + digit
      at++
    }
    const count = at - digits
    const simple = count > 0 && count < 16 && (count === 1 || bytes[digits] !== 0x30)
    if (simple && at === this.#endOfLiteralAt(at)) {
      this.#at = at
      return negative ? -value : value
    }
    // Too long to be surely exact, or written as 1e3 or 1.0: the slow way decides.
    const parsed = this.number(name)
    return Number.isSafeInteger(parsed) ? parsed : this.#wrong(name, 'a safe integer')
  }

  number(name: string): number {
    const end = this.#endOfLiteral()
    const text = this.#latin1(this.#at, end)
    if (!NUMBER.test(text)) this.#wrong(name, 'a number')
    this.#at = end
    return Number(text)
  }

  string(name: string): string {
    if (this.#bytes[this.#at] !== QUOTE) this.#wrong(name, 'a string')
    return this.#readString()
  }

  boolean(name: string): boolean {
    if (this.#literal('true')) return true
    return this.#literal('false') ? false : this.#wrong(name, 'a boolean')
  }

  #learn(member: number): number {
    const start = this.#at
    if (this.#bytes[start] !== QUOTE) this.#fail('a name is missing')
    const index = this.#byName.get(this.#readString()) ?? -1
    this.#space()
    if (this.#bytes[this.#at] !== COLON) this.#fail('a colon is missing')
    this.#at++
    this.#lastNames[member] = Buffer.from(this.#bytes.subarray(start, this.#at))
    this.#lastIndexes[member] = index
    this.#space()
    return index
  }

  #matches(name: Buffer): boolean {
    const bytes = this.#bytes
    const start = this.#at
    const length = name.length
    if (start + length > this.#end) return false
    for (let i = 0; i < length; i++) if (bytes[start + i] !== name[i]) return false
    return true
  }

  #readString(): string {
    const start = this.#at
    if (this.#pastString()) return this.#latin1(start + 1, this.#at - 1)
    try {
      return JSON.parse(this.#bytes.toString('utf8', start, this.#at)) as string
    } catch {
      return this.#fail('a malformed escape in a string')
    }
  }

  /** Moves past a string whose opening quote is here; true when it holds neither escapes nor bytes above ASCII. */
  #pastString(): boolean {
    const bytes = this.#bytes
    const end = this.#end
    let seen = 0
    for (let i = this.#at + 1; i < end; i++) {
      const byte = bytes[i] as number
      if (byte === QUOTE) {
        this.#at = i + 1
        return seen < 0x80
      }
      seen |= byte
      if (byte === BACKSLASH) {
        seen |= 0x80
        i++
      } else if (byte < 0x20) this.#fail('a control character in a string')
    }
    return this.#fail('a string without its end')
  }

  #pastNested(): void {
    const open: number[] = []
    do {
      if (this.#at >= this.#end) this.#fail('a value without its end')
      const byte = this.#bytes[this.#at] as number
      if (byte === QUOTE) {
        this.#pastString()
        continue
      }
      if (byte === OPEN_BRACE || byte === OPEN_BRACKET) open.push(byte + 2)
      else if ((byte === CLOSE_BRACE || byte === CLOSE_BRACKET) && open.pop() !== byte)
        this.#fail('braces do not match')
      this.#at++
    } while (open.length > 0)
  }

  #literal(text: string): boolean {
    const end = this.#at + text.length
    if (end > this.#end || end !== this.#endOfLiteralAt(end)) return false
    for (let i = 0; i < text.length; i++) if (this.#bytes[this.#at + i] !== text.charCodeAt(i)) return false
    this.#at = end
    return true
  }

  #endOfLiteral(): number {
    return this.#endOfLiteralAt(this.#at)
  }

  #endOfLiteralAt(start: number): number {
    const bytes = this.#bytes
    const end = this.#end
    let at = start
    while (at < end) {
      const byte = bytes[at] as number
      if (byte === COMMA || byte === CLOSE_BRACE || byte <= 0x20) break
      at++
    }
    return at
  }

  #space(): void {
    const bytes = this.#bytes
    while (this.#at < this.#end) {
      const byte = bytes[this.#at]
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return
      this.#at++
    }
  }

  #close(): false {
    this.#at++
    this.#space()
    return this.#at === this.#end ? false : this.#fail('something follows the object')
  }

  #latin1(start: number, end: number): string {
    return (this.#bytes as unknown as Latin1Source).latin1Slice(start, end)
  }

  #wrong(name: string, kind: string): never {
    return this.#fail(`the field ${name} is not ${kind}`)
  }

  #fail(message: string): never {
    throw new JsonScanError(
      `not a JSON object of the expected form: ${message} at byte ${this.#at - this.#start}`,
    )
  }
}
