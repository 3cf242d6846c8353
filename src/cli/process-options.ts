import { Option, type Command } from 'commander'
import type { LogFormat, LogLevel } from '../config/process-settings.ts'
import { type Address, parseAddress, parseBootstrap } from './address.ts'

export const DEFAULT_HTTP: Address = { host: '127.0.0.1', port: 8090 }

/** What `withProcessOptions` gives a command; what is left out is as the configuration has it. */
export interface ProcessOptions {
  /** A file, or `false` for none. */
  readonly config?: string | false
  readonly listen?: Address
  readonly http?: Address | false
  readonly schemaRegistry?: Address
  readonly allowAnonymousBeyondLoopback?: boolean
  readonly data?: string
  readonly logLevel?: LogLevel
  readonly logFormat?: LogFormat
}

/** The options of the commands that are a Millrace process: `start` and `run`. Each wins over the configuration. */
export function withProcessOptions(command: Command): Command {
  return command
    .option(
      '--config <FILE>',
      'configuration; default: millrace.config.ts, .js, .json or .yaml, if there is one here',
    )
    .option('--no-config', 'look for no configuration')
    .addOption(
      new Option(
        '--listen <HOST:PORT>',
        'where Kafka clients connect, without TLS and SASL; port 0 takes a free one (default: 127.0.0.1:9092)',
      ).argParser(parseAddress),
    )
    .addOption(
      new Option(
        '--http <HOST:PORT>',
        'where REST, metrics and the status page are (default: 127.0.0.1:8090)',
      ).argParser(parseAddress),
    )
    .option('--no-http', 'serve no HTTP')
    .addOption(
      new Option(
        '--schema-registry <HOST:PORT>',
        'an address of its own for the schema registry, which is below /registry of --http in any case',
      ).argParser(parseAddress),
    )
    .option(
      '--allow-anonymous-beyond-loopback',
      'let other machines in without asking who they are, where --listen or --http is such an address',
    )
    .option('--data <DIR>', 'directory of the log, checkpoints and savepoints (default: millrace-data)')
    .addOption(
      new Option('--log-level <LEVEL>', 'least important reports to print (default: warn)').choices([
        'debug',
        'info',
        'warn',
        'error',
      ]),
    )
    .addOption(
      new Option(
        '--log-format <FORMAT>',
        'a line for people or JSON for programs; auto: what standard error is (default: auto)',
      ).choices(['auto', 'pretty', 'json']),
    )
}

/** What `withCluster` gives a command. */
export interface ClusterOptions {
  readonly kafka: string
  /** A file that says how to get into the cluster. */
  readonly kafkaConfig?: string
  /** Whether the output is for programs: `--output json`, or `--json` for short. */
  readonly json: boolean
}

/** The options of the commands that talk to a cluster. */
export function withCluster(command: Command): Command {
  return withOutput(
    command
      .addOption(
        new Option('--kafka <HOST:PORT>', 'the log or Kafka cluster to talk to')
          .argParser(parseBootstrap)
          .default('127.0.0.1:9092'),
      )
      .addOption(kafkaConfigOption()),
  )
}

/** How to get into a cluster that asks for TLS or SASL. */
export function kafkaConfigOption(): Option {
  return new Option(
    '--kafka-config <FILE>',
    "TLS and SASL of that cluster: a Java client's .properties, as --command-config of Kafka's tools",
  )
}

/** The options of the commands that talk to a Millrace process over REST. */
export function withHttp(command: Command): Command {
  return withOutput(
    command
      .addOption(
        new Option('--http <HOST:PORT>', 'REST address of the process to talk to')
          .argParser(parseAddress)
          .default(DEFAULT_HTTP, '127.0.0.1:8090'),
      )
      .addHelpText(
        'after',
        '\nA process with an httpToken is shown the one in the variable MILLRACE_HTTP_TOKEN.',
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
