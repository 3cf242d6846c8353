import { createRequire } from 'node:module'
import type * as Pino from 'pino'
import type { Report, ReportLevel } from '../base/report.ts'
import type { LogFormat } from '../config/process-settings.ts'
import { notesAsJson, printable, terminal } from './output.ts'

const RANK: Readonly<Record<ReportLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 }

/** Reasons of errors that have been printed, of which the last ones may be what the command ends with. */
const reportedReasons: string[] = []
const REASONS_KEPT = 20

/** Prints what the parts of Millrace report: a line for people, or JSON (pino's) for programs. */
export function reportLog({ level: least, format }: { level: ReportLevel; format: LogFormat }): Report {
  const pretty = format === 'pretty' || (format === 'auto' && process.stderr.isTTY)
  const print = pretty ? printLine : printJson()
  if (!pretty) notesAsJson((text, level) => print(level, text, {}))
  return (level, event, fields) => {
    if (RANK[level] < RANK[least]) return
    print(level, event, fields)
    if (level !== 'error' || typeof fields['reason'] !== 'string') return
    reportedReasons.push(fields['reason'])
    if (reportedReasons.length > REASONS_KEPT) reportedReasons.shift()
  }
}

/** Whether an error with this message has been printed already. */
export function wasReported(message: string): boolean {
  return reportedReasons.includes(message)
}

const printLine: Report = (level, event, fields) =>
  terminal.note(reportLine(new Date(), { level, event, fields }))

function printJson(): Report {
  let logger: Pino.Logger | undefined
  return (level, event, fields) => {
    logger ??= makeLogger()
    logger[level](fields, event)
  }
}

/** Loaded with the first line that is printed, which often never comes: 14 ms of CPU of every start. */
function makeLogger(): Pino.Logger {
  const { pino } = createRequire(import.meta.url)('pino') as typeof Pino
  return pino({ level: 'debug' }, pino.destination({ fd: 2, sync: true }))
}

export function reportLine(
  at: Date,
  { level, event, fields }: { level: ReportLevel; event: string; fields: Readonly<Record<string, unknown>> },
): string {
  const details = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${textOf(value)}`)
  return `${at.toISOString().slice(11, 23)} ${level.padEnd(5)} ${event}  ${details.join(' ')}`.trimEnd()
}

function textOf(value: unknown): string {
  if (value instanceof Error) return printable(value.message)
  return printable(typeof value === 'string' ? value : (JSON.stringify(value) ?? 'undefined'))
}
