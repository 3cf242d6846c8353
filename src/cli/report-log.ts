import { pino } from 'pino'
import type { Report, ReportLevel } from '../base/report.ts'
import { terminal } from './output.ts'

const RANK: Readonly<Record<ReportLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 }

/** Prints what the parts of Millrace report: a line for people on a terminal, JSON (pino's) where nobody looks. */
export function reportLog(least: ReportLevel): Report {
  if (process.stderr.isTTY) {
    return (level, event, fields) => {
      if (RANK[level] < RANK[least]) return
      const details = Object.entries(fields)
        .filter(([, value]) => value !== undefined)
        .map(
          ([name, value]) =>
            `${name}=${value instanceof Error ? value.message : typeof value === 'object' ? JSON.stringify(value) : String(value)}`,
        )
      terminal.note(
        `${new Date().toISOString().slice(11, 23)} ${level.padEnd(5)} ${event}  ${details.join(' ')}`.trimEnd(),
      )
    }
  }
  const logger = pino({ level: least }, pino.destination({ fd: 2, sync: true }))
  return (level, event, fields) => logger[level](fields, event)
}
