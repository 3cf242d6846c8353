import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { MillraceError, messageOf } from '../base/millrace-error.ts'
import { terminal } from './output.ts'
import { wasReported } from './report-log.ts'

/** Tells the user what went wrong, once; a stack trace only for our own bugs. */
export function reportFailure(error: unknown): void {
  if (error instanceof MillraceError) {
    if (!wasReported(error.message)) terminal.note(`millrace: ${error.message}`, 'error')
    const page = fileURLToPath(new URL(`../../docs/errors/${error.code}.md`, import.meta.url))
    if (existsSync(page)) terminal.note(`millrace: more about it in ${page}`, 'error')
  } else if (error instanceof Error) terminal.note(`millrace: ${error.stack ?? error.message}`, 'error')
  else terminal.note(`millrace: ${messageOf(error)}`, 'error')
}
