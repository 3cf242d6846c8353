/**
 * The command line. A command's file says what it takes; what it does is imported when it runs, so that `--help` and
 * small commands load no server.
 */
import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { addAcls } from './acls.ts'
import { addConfig } from './config.ts'
import { addConfigs } from './configs.ts'
import { addConsume } from './consume.ts'
import { addDumpLog } from './dump-log.ts'
import { addGroups } from './groups.ts'
import { addList, addSavepoint } from './jobs.ts'
import { addMirror } from './mirror.ts'
import { ExitCode } from './output.ts'
import { addProduce } from './produce.ts'
import { reportFailure } from './report-failure.ts'
import { addQuotas } from './quotas.ts'
import { addRun } from './run.ts'
import { addStart } from './start.ts'
import { addTopics } from './topics.ts'
import { addTransactions } from './transactions.ts'
import { addUsers } from './users.ts'

const FIRST_STEPS = `
First steps:
  $ millrace start                            # the log, for Kafka clients on 127.0.0.1:9092
  $ echo hello | millrace produce greetings
  $ millrace consume greetings
  $ millrace run job.ts                       # a job, with a log of its own

\`millrace COMMAND --help\` tells more. Exit codes: 0 done, 1 failed, 2 wrong usage.`

/** Runs the command that the arguments name (`argv` as in `process.argv`) and resolves with its exit code. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  // Who reads the output may have seen enough: `millrace consume … | head`.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? ExitCode.OK : ExitCode.FAILED)
  })
  try {
    await program().parseAsync(argv)
    return Number(process.exitCode ?? ExitCode.OK)
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.OK : ExitCode.USAGE
    reportFailure(error)
    return ExitCode.FAILED
  }
}

/** In the order and groups in which `--help` lists them. */
const COMMANDS: readonly (readonly [heading: string, commands: readonly ((program: Command) => void)[]])[] = [
  ['Processes:', [addStart, addRun, addMirror, addConfig]],
  ['Jobs:', [addList, addSavepoint]],
  ['Records:', [addProduce, addConsume]],
  [
    'Administration, of any Kafka cluster too:',
    [addTopics, addGroups, addConfigs, addUsers, addAcls, addQuotas, addTransactions],
  ],
  ['Files:', [addDumpLog]],
]

function program(): Command {
  const command = new Command('millrace')
    .description(
      'Real-time stream processing for TypeScript: a durable log that Kafka clients use, and jobs that process it exactly once.',
    )
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help for a command')
    .addHelpText('after', FIRST_STEPS)
    .showHelpAfterError('(--help says more)')
    .exitOverride()
  for (const [heading, commands] of COMMANDS) {
    command.commandsGroup(heading)
    for (const add of commands) add(command)
  }
  return command
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
