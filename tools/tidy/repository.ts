/** The files of the repository as the tidy rules see them. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const CODE_FOLDERS = ['src', 'tools', 'examples', 'simulation', 'conformance', 'survival', 'fuzz', 'bench']
const SKIPPED = new Set(['node_modules', 'dist', 'target', '.git', '.cache', '.data'])

export interface SourceFile {
  /** Relative to the repository, with `/`. */
  readonly path: string
  readonly text: string
  /** The text with comments and the insides of strings blanked out, at the same positions. */
  readonly code: string
}

export interface Repository {
  readonly sources: readonly SourceFile[]
  /** Markdown files: path and text. */
  readonly documents: readonly { readonly path: string; readonly text: string }[]
  exists(path: string): boolean
}

export function readRepository(root: string): Repository {
  const paths = new Set(walk(root, ''))
  const code = [...paths].filter(
    (path) => path.endsWith('.ts') && CODE_FOLDERS.some((folder) => path.startsWith(`${folder}/`)),
  )
  const documents = [...paths].filter((path) => path.endsWith('.md'))
  const read = (path: string): string => readFileSync(join(root, path), 'utf8')
  return repositoryOf({
    sources: Object.fromEntries(code.map((path) => [path, read(path)])),
    documents: Object.fromEntries(documents.map((path) => [path, read(path)])),
    others: paths,
  })
}

/** A repository of given texts by path. */
export function repositoryOf(files: {
  readonly sources: Readonly<Record<string, string>>
  readonly documents?: Readonly<Record<string, string>>
  readonly others?: ReadonlySet<string>
}): Repository {
  const documents = files.documents ?? {}
  const directories = new Set<string>()
  for (const path of files.others ?? []) {
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1))
      directories.add(path.slice(0, at))
  }
  return {
    sources: Object.entries(files.sources).map(([path, text]) => ({
      path,
      text,
      code: withoutCommentsAndStrings(text),
    })),
    documents: Object.entries(documents).map(([path, text]) => ({ path, text })),
    exists: (path) =>
      path in files.sources || path in documents || files.others?.has(path) === true || directories.has(path),
  }
}

/** Tests and what only tests use: they may import anything and touch the platform. */
export function isTest(path: string): boolean {
  return /(\.test|-suite|\.test-kit|-for-tests)\.ts$/.test(path)
}

/** The line number of a position in a text. */
export function lineOf(text: string, position: number): number {
  let line = 1
  for (let at = text.indexOf('\n'); at >= 0 && at < position; at = text.indexOf('\n', at + 1)) line++
  return line
}

function* walk(root: string, folder: string): Iterable<string> {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (SKIPPED.has(entry.name)) continue
    if (entry.isDirectory()) yield* walk(root, path)
    else yield path
  }
}

const COMMENT_STRING_OR_PATTERN =
  /\/\/[^\n]*|\/\*[^]*?\*\/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|(?<=[=(,:!&|?{};\n]\s*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\//g

/** Blanks comments, strings, templates (with what they embed) and regular expressions; keeps quotes and line breaks. */
export function withoutCommentsAndStrings(text: string): string {
  return text.replace(COMMENT_STRING_OR_PATTERN, (match) => {
    const first = match[0] ?? ''
    const blank = match.replace(/[^\n]/g, ' ')
    return first === '/' ? blank : `${first}${blank.slice(1, -1)}${first}`
  })
}
