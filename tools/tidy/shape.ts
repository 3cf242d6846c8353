/** Names and sizes of files, and words that must not be in them. */
import { lineOf } from './repository.ts'
import type { Repository } from './repository.ts'

const MAX_LINES = 500
const EMPTY_WORDS = new Set(['manager', 'helper', 'helpers', 'util', 'utils', 'impl', 'common', 'misc'])

/** Files that may be longer, each with its reason. */
const LONGER: Readonly<Record<string, string>> = {}

export function shapeFindings(repository: Repository): string[] {
  const findings: string[] = []
  for (const { path, text, code } of repository.sources) {
    const name = path.slice(path.lastIndexOf('/') + 1)
    const word = name.split(/[-.]/).find((part) => EMPTY_WORDS.has(part))
    if (word !== undefined) findings.push(`${path}: "${word}" does not say what the file is for`)
    if (!/^[a-z0-9]+(?:[-.][a-z0-9]+)*\.ts$/.test(name)) findings.push(`${path}: file names are kebab-case`)
    const lines = text.split('\n').length - 1
    if (lines > MAX_LINES && LONGER[path] === undefined) {
      findings.push(`${path}: ${lines} lines; split it by what a reader looks for (at most ${MAX_LINES})`)
    }
    for (const match of code.matchAll(
      /^\s*(?:export\s+)?(?:declare\s+)?(?:const\s+)?(enum|namespace)\s+\w+/gm,
    )) {
      findings.push(`${path}:${lineOf(code, match.index)}: no ${match[1]}: unions and modules instead`)
    }
    if (path.startsWith('tools/tidy')) continue
    for (const match of text.matchAll(/\b(?:TODO|FIXME|XXX)\b/g)) {
      findings.push(`${path}:${lineOf(text, match.index)}: ${match[0]}: do it, or file an issue`)
    }
  }
  for (const path of Object.keys(LONGER)) {
    if (!repository.exists(path)) findings.push(`tools/tidy/shape.ts: exempts ${path}, which does not exist`)
  }
  return findings
}
