/** Words, numbers, texts and signs of a `.proto` file; comments and white space are left out. */
import { ProtoSyntaxError } from './proto-file.ts'

export interface Token {
  readonly kind: 'word' | 'number' | 'text' | 'sign' | 'end'
  /** As written; of a text, with its quotes. */
  readonly text: string
  readonly line: number
}

const PATTERN =
  /(?<space>\s+|\/\/[^\n]*|\/\*[^]*?\*\/)|(?<word>[A-Za-z_]\w*)|(?<number>0[xX][\da-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?f?)|(?<text>"(?:[^"\\\n]|\\[^])*"|'(?:[^'\\\n]|\\[^])*')|(?<sign>[{}()[\]<>;,=.:/+-])/y

/** Throws `ProtoSyntaxError` for a character that the language does not have. The last token is the end. */
export function tokensOf(source: string): readonly Token[] {
  const tokens: Token[] = []
  const pattern = new RegExp(PATTERN)
  let line = 1
  while (pattern.lastIndex < source.length) {
    const at = pattern.lastIndex
    const groups = pattern.exec(source)?.groups
    if (groups === undefined) {
      throw new ProtoSyntaxError(`line ${line}: unexpected ${JSON.stringify(source[at])}`)
    }
    for (const kind of ['word', 'number', 'text', 'sign'] as const) {
      const text = groups[kind]
      if (text !== undefined) tokens.push({ kind, text, line })
    }
    for (let i = at; i < pattern.lastIndex; i++) if (source[i] === '\n') line++
  }
  tokens.push({ kind: 'end', text: '', line })
  return tokens
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
}

/** What a quoted text says. */
export function textOf(quoted: string): string {
  return quoted
    .slice(1, -1)
    .replaceAll(
      /\\(?:x([\da-fA-F]{1,2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{1,3})|([^]))/g,
      (_all, hex?: string, short?: string, long?: string, octal?: string, other = '') => {
        const code = hex ?? short ?? long
        if (code !== undefined) return String.fromCodePoint(Number.parseInt(code, 16))
        if (octal !== undefined) return String.fromCodePoint(Number.parseInt(octal, 8))
        return ESCAPES[other as string] ?? (other as string)
      },
    )
}

export function quoted(text: string): string {
  return `"${text.replaceAll(/["\\\n\r\t]/g, (sign) => ({ '\n': '\\n', '\r': '\\r', '\t': '\\t' })[sign] ?? `\\${sign}`)}"`
}
