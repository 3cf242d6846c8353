import { join } from 'node:path'
import type { Command } from '../../conformance/tools/command.ts'

/** The command that runs one of the programs of bench/jobs, each a Millrace job with the rival's arguments and report. */
export function ourJob(program: 'count' | 'kafka-count', args: readonly (string | number)[]): Command {
  const file = join(import.meta.dirname, '..', 'jobs', `run-${program}.ts`)
  return { command: process.execPath, args: ['--conditions=millrace-source', file, ...args.map(String)] }
}
