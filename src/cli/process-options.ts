import { Option, type Command } from 'commander'
import type { ReportLevel } from '../base/report.ts'
import { type Address, parseAddress, parseBootstrap } from './address.ts'

export const DEFAULT_LISTEN: Address = { host: '127.0.0.1', port: 9092 }
export const DEFAULT_HTTP: Address = { host: '127.0.0.1', port: 8090 }
export const DEFAULT_DATA = 'millrace-data'

export interface ProcessOptions {
  readonly listen: Address
  readonly http: Address | false
  readonly data: string
  readonly logLevel: ReportLevel
}

/** The options of the commands that are a Millrace process: `start` and `run`. */
export function withProcessOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--listen <HOST:PORT>', 'where Kafka clients connect; port 0 takes a free one')
        .argParser(parseAddress)
        .default(DEFAULT_LISTEN, '127.0.0.1:9092'),
    )
    .addOption(
      new Option('--http <HOST:PORT>', 'where REST, metrics and the status page are')
        .argParser(parseAddress)
        .default(DEFAULT_HTTP, '127.0.0.1:8090'),
    )
    .option('--no-http', 'serve no HTTP')
    .option('--data <DIR>', 'directory of the log, checkpoints and savepoints', DEFAULT_DATA)
    .addOption(
      new Option('--log-level <LEVEL>', 'least important reports to print')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('warn'),
    )
}

/** What `withCluster` gives a command. */
export interface ClusterOptions {
  readonly kafka: string
  /** Whether the output is for programs: `--output json`, or `--json` for short. */
  readonly json: boolean
}

/** The options of the commands that talk to a cluster. */
export function withCluster(command: Command): Command {
  return withOutput(
    command.addOption(
      new Option('--kafka <HOST:PORT>', 'the log or Kafka cluster to talk to')
        .argParser(parseBootstrap)
        .default('127.0.0.1:9092'),
    ),
  )
}

/** The options of the commands that talk to a Millrace process over REST. */
export function withHttp(command: Command): Command {
  return withOutput(
    command.addOption(
      new Option('--http <HOST:PORT>', 'REST address of the process to talk to')
        .argParser(parseAddress)
        .default(DEFAULT_HTTP, '127.0.0.1:8090'),
    ),
  )
}

/** `--output FORMAT`, and `--json` for short: either sets `json`. */
export function withOutput(command: Command): Command {
  return command
    .addOption(
      new Option('--output <FORMAT>', 'a table for people, or JSON for programs')
        .choices(['table', 'json'])
        .default('table'),
    )
    .option('--json', 'short for --output json', false)
    .hook('preAction', (_, action) => {
      if (action.opts()['output'] === 'json') action.setOptionValue('json', true)
    })
}
