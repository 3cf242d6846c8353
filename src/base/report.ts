/**
 * Structured logging as a function: the parts of Millrace say what happened and with which fields; the command line
 * plugs a real logger in, tests collect or drop the events. `event` is a short constant sentence, so that logs can be
 * searched and counted; everything that varies goes into `fields`.
 */
export type Report = (level: ReportLevel, event: string, fields: Readonly<Record<string, unknown>>) => void

export type ReportLevel = 'debug' | 'info' | 'warn' | 'error'

/** Drops everything. */
export const reportNothing: Report = () => {}
