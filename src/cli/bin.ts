#!/usr/bin/env node
import { Command, CommanderError } from 'commander'
import { addConsume } from './consume.ts'
import { addGroups } from './groups.ts'
import { addList, addSavepoint } from './jobs.ts'
import { ExitCode, reportFailure } from './output.ts'
import { addProduce } from './produce.ts'
import { addRun } from './run.ts'
import { addStart } from './start.ts'
import { addTopics } from './topics.ts'

const program = new Command('millrace')
  .description(
    'Real-time stream processing for TypeScript: a durable log that Kafka clients use, and jobs that process it exactly once.',
  )
  .addHelpText(
    'after',
    '\nFirst steps:\n' +
      '  $ millrace start                        # the log, on 127.0.0.1:9092\n' +
      '  $ echo hello | millrace produce greetings\n' +
      '  $ millrace consume greetings\n' +
      '  $ millrace run job.ts                   # a job, with a log of its own\n' +
      '\nExit codes: 0 done, 1 failed, 2 wrong usage.',
  )
  .showHelpAfterError('(--help says more)')
  .exitOverride()

addStart(program)
addRun(program)
addSavepoint(program)
addList(program)
addTopics(program)
addProduce(program)
addConsume(program)
addGroups(program)

try {
  await program.parseAsync()
  // Whatever a failed connection or an idle timer still holds must not keep a finished command from ending.
  process.exit(ExitCode.OK)
} catch (error) {
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? ExitCode.OK : ExitCode.USAGE)
  reportFailure(error)
  process.exit(ExitCode.FAILED)
}
