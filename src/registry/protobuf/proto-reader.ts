/** Walks over the tokens of a `.proto` file; what all declarations have in common is read here. */
import { type ProtoOption, type ProtoRange, type ProtoReserved, ProtoSyntaxError } from './proto-file.ts'
import { quoted, textOf, type Token, tokensOf } from './proto-tokens.ts'

const OPENING: readonly string[] = ['{', '[', '<']
const CLOSING: readonly string[] = ['}', ']', '>']
const NO_SPACE_BEFORE: readonly string[] = [':', ',', ';', '.', ']', '/']
const NO_SPACE_BEHIND: readonly string[] = ['.', '/', '[', '-']

export class ProtoReader {
  readonly #tokens: readonly Token[]
  #position = 0

  constructor(source: string) {
    this.#tokens = tokensOf(source)
  }

  get atEnd(): boolean {
    return this.peek().kind === 'end'
  }

  peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#position + ahead, this.#tokens.length - 1)]!
  }

  next(): Token {
    const token = this.peek()
    this.#position++
    return token
  }

  /** Whether a token with this text comes next; it is taken then. */
  take(text: string): boolean {
    const { kind, text: found } = this.peek()
    if (found !== text || kind === 'text') return false
    this.#position++
    return true
  }

  expect(text: string): void {
    if (!this.take(text)) throw this.unexpected(`"${text}"`)
  }

  unexpected(wanted: string): ProtoSyntaxError {
    const { text, line, kind } = this.peek()
    return new ProtoSyntaxError(
      `line ${line}: expected ${wanted}, got ${kind === 'end' ? 'the end of the file' : `"${text}"`}`,
    )
  }

  word(): string {
    if (this.peek().kind !== 'word') throw this.unexpected('a name')
    return this.next().text
  }

  /** A type or an option: words with dots, perhaps with one in front. */
  dotted(): string {
    let name = this.take('.') ? '.' : ''
    name += this.word()
    while (this.take('.')) name += `.${this.word()}`
    return name
  }

  /** Texts that stand side by side are one. */
  string(): string {
    if (this.peek().kind !== 'text') throw this.unexpected('a text')
    let text = ''
    while (this.peek().kind === 'text') text += textOf(this.next().text)
    return text
  }

  integer(): number {
    const sign = this.take('-') ? -1 : 1
    const { kind, text } = this.peek()
    const value = /^0[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number(text)
    if (kind !== 'number' || !Number.isSafeInteger(value)) throw this.unexpected('a whole number')
    this.#position++
    return value === 0 ? 0 : sign * value
  }

  /** `option name = value;`, behind its first word. */
  option(): ProtoOption {
    const option = this.#assignment()
    this.expect(';')
    return option
  }

  /** `[name = value, …]`, if there. */
  optionsInBrackets(): readonly ProtoOption[] {
    const options: ProtoOption[] = []
    if (!this.take('[')) return options
    while (!this.take(']')) {
      options.push(this.#assignment())
      if (!this.take(',') && this.peek().text !== ']') throw this.unexpected('"," or "]"')
    }
    return options
  }

  /** `reserved …;`, behind its first word. */
  reserved(max: number): ProtoReserved {
    const ranges: ProtoRange[] = []
    const names: string[] = []
    do {
      const { kind } = this.peek()
      if (kind === 'text') names.push(this.string())
      else if (kind === 'word') names.push(this.word())
      else ranges.push(this.#range(max))
    } while (this.take(','))
    this.expect(';')
    return { ranges, names }
  }

  ranges(max: number): readonly ProtoRange[] {
    const ranges: ProtoRange[] = []
    do ranges.push(this.#range(max))
    while (this.take(','))
    return ranges
  }

  #range(max: number): ProtoRange {
    const from = this.integer()
    if (!this.take('to')) return { from, to: from }
    return { from, to: this.take('max') ? max : this.integer() }
  }

  #assignment(): ProtoOption {
    let name = ''
    do {
      if (name !== '') name += '.'
      if (this.take('(')) {
        name += `(${this.dotted()})`
        this.expect(')')
      } else {
        name += this.word()
      }
    } while (this.take('.'))
    this.expect('=')
    return { name, value: this.#constant() }
  }

  #constant(): string {
    if (this.peek().text === '{' && this.peek().kind === 'sign') return this.#aggregate()
    const { kind } = this.peek()
    if (kind === 'text') return quoted(this.string())
    const sign = this.take('-') ? '-' : this.take('+') ? '' : ''
    if (kind === 'word') return sign + this.dotted()
    if (this.peek().kind !== 'number' && this.peek().kind !== 'word') throw this.unexpected('a value')
    return sign + this.next().text
  }

  /** A message in text format: kept token by token, with one way of spacing. */
  #aggregate(): string {
    let written = ''
    let before = ''
    let depth = 0
    do {
      const { kind, text } = this.peek()
      if (kind === 'end') throw this.unexpected('"}"')
      if (kind === 'sign' && OPENING.includes(text)) depth++
      if (kind === 'sign' && CLOSING.includes(text)) depth--
      const isTight = NO_SPACE_BEHIND.includes(before) || (kind === 'sign' && NO_SPACE_BEFORE.includes(text))
      const token = kind === 'text' ? quoted(this.string()) : this.next().text
      written += before === '' || isTight ? token : ` ${token}`
      before = token
    } while (depth > 0)
    return written
  }
}
