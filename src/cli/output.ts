/** What the command ends with. */
export const ExitCode = {
  OK: 0,
  /** The work failed: a job that could not go on, a cluster that refused. */
  FAILED: 1,
  /** The command line was wrong. */
  USAGE: 2,
} as const

/** Where a command writes: results on standard output, progress and errors on standard error. */
export interface Terminal {
  out(text: string): void
  /** For people, beginning with `millrace: `; where the log is JSON, a line of it (`notesAsJson`). */
  note(text: string, level?: 'info' | 'error'): void
  /** A line that the next one overwrites, on a terminal; nothing elsewhere. */
  progress(text: string): void
  /** Resolves once whoever reads the output has taken all of it: pipes are written in the background. */
  flushed(): Promise<void>
  readonly interactive: boolean
}

type JsonNote = (text: string, level: 'info' | 'error') => void

let jsonNote: JsonNote | undefined

/** From now on notes go where the log goes: who reads it as JSON is to find nothing else there. */
export function notesAsJson(print: JsonNote): void {
  jsonNote = print
}

export const terminal: Terminal = {
  out: (text) => void process.stdout.write(`${text}\n`),
  note: (text, level = 'info') => {
    if (jsonNote === undefined) process.stderr.write(`${clearLine()}${text}\n`)
    else jsonNote(text.replace(/^millrace: /, ''), level)
  },
  progress: (text) => {
    if (process.stderr.isTTY) process.stderr.write(`${clearLine()}${text}`)
  },
  flushed: async () => {
    const streams = [process.stdout, process.stderr]
    await Promise.all(streams.map((stream) => new Promise((resolve) => stream.write('', resolve))))
  },
  interactive: process.stdout.isTTY,
}

function clearLine(): string {
  return process.stderr.isTTY ? '\r\u001b[2K' : ''
}

/**
 * Text on one line, without what a terminal obeys: names of groups and clients are whatever somebody elsewhere has chosen,
 * and are to forge neither a line nor what stands in it.
 */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu, (character) =>
    character === '\n' ? String.raw`\n` : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** Columns as wide as their widest cell; numbers to the right. */
export function renderTable(
  heads: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string {
  const cells = [heads, ...rows].map((row) =>
    row.map((cell) => (typeof cell === 'number' ? cell.toLocaleString('en') : printable(cell))),
  )
  const widths = heads.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)))
  const right = heads.map(
    (_, column) => rows.length > 0 && rows.every((row) => typeof row[column] === 'number'),
  )
  return cells
    .map((row) =>
      row
        .map((cell, column) =>
          right[column] === true ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** Names and values, a line each. */
export function renderFields(fields: Readonly<Record<string, string>>): string {
  const width = Math.max(...Object.keys(fields).map((name) => name.length))
  return Object.entries(fields)
    .map(([name, value]) => `${name.padEnd(width)}  ${printable(value)}`)
    .join('\n')
}

/** Prints rows as a table for people, or as one JSON array for programs; `none` is said when there are no rows. */
export function printRows<T extends Readonly<Record<string, string | number>>>(
  rows: readonly T[],
  options: { readonly columns: readonly (keyof T & string)[]; readonly json: boolean; readonly none: string },
): void {
  const { columns, json, none } = options
  if (json) return terminal.out(JSON.stringify(rows, null, 2))
  if (rows.length === 0) return terminal.note(`millrace: ${none}`)
  const heads = columns.map((name) => name.toUpperCase())
  terminal.out(
    renderTable(
      heads,
      rows.map((row) => columns.map((name) => row[name] ?? '')),
    ),
  )
}
