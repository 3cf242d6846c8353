/**
 * How large a regular expression becomes when its repetitions are written out, in single matchers: what compiling it takes
 * in memory, and matching it for every character. `(ab{3}){5}` is 20. Classes and escapes count as one; what is no
 * expression has some size too, and is refused when it is compiled.
 */
export function regexSize(source: string): number {
  /** What groups that are open held before them, and their last matcher. */
  const open: number[] = []
  let size = 0
  let last = 0
  for (const [token] of source.matchAll(TOKEN)) {
    if (token === '(') {
      open.push(size)
      size = 0
      last = 0
    } else if (token === ')') {
      last = size + 1
      size = (open.pop() ?? 0) + last
    } else if (token.length > 2 && token.startsWith('{')) {
      const [least = 1, most] = token.slice(1, -1).split(',', 2)
      const times = Math.max(Number(least) + 1, Number(most ?? 0))
      size += last * (times - 1)
      last *= times
    } else {
      last = token.startsWith(QUOTED) ? token.length : 1
      size += last
    }
  }
  for (const before of open) size += before
  return size
}

const QUOTED = String.raw`\Q`
const TOKEN =
  /\\Q[^]*?(?:\\E|$)|\\[pP]\{[^}]*\}|\\x\{[^}]*\}|\\[^]|\[\^?\]?(?:\[:\^?\w*:\]|\\[^]|[^\]])*\]?|\{\d+(?:,\d*)?\}|[^]/gu
