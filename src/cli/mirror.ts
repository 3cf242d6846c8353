import { type Command, InvalidArgumentError, Option } from 'commander'
import { parseBootstrap, wholeNumber } from './address.ts'
import { withOutput } from './process-options.ts'
import { stopSignal } from './stop-signals.ts'

/** What the command line says. */
export interface MirrorCommandOptions {
  readonly from: string
  readonly fromConfig?: string
  readonly to: string
  readonly toConfig?: string
  readonly topics: readonly string[]
  readonly exclude: readonly string[]
  readonly groups?: readonly string[]
  readonly prefix: string
  readonly name?: string
  readonly offsets: 'auto' | 'identical' | 'translated'
  readonly onLost: 'stop' | 'skip'
  readonly once: boolean
  readonly wait: number
  readonly every: number
  readonly json: boolean
}

const MORE = `
Patterns: * is anything, ? one character, /…/ a regular expression. Quote them.

Examples:
  $ millrace mirror --from 127.0.0.1:9092 --to central:9092 --topics orders 'sensors.*'
  $ millrace mirror --from old:9092 --to 127.0.0.1:9092 --topics '*' --groups '*' --once
  $ millrace mirror --from edge:9092 --to central:9093 --to-config central.properties --topics '*' --prefix edge-7.`

export function addMirror(program: Command): void {
  withOutput(
    program
      .command('mirror')
      .summary('copy topics from one cluster to another, and keep copying')
      .description(
        'Copies topics with their settings, partitions, records and offsets, each record once, whatever is cut or killed ' +
          'meanwhile. Either side is Millrace or Kafka. Progress is kept at the target; while one side is away it waits.',
      ),
  )
    .addOption(bootstrapOption('--from <HOST:PORT>', 'the cluster to copy from'))
    .option('--from-config <FILE>', "its TLS and SASL: a Java client's .properties")
    .addOption(bootstrapOption('--to <HOST:PORT>', 'the cluster to copy to'))
    .option('--to-config <FILE>', "its TLS and SASL: a Java client's .properties")
    .addOption(new Option('--topics <PATTERN...>', 'topics to copy').makeOptionMandatory())
    .addOption(new Option('--exclude <PATTERN...>', 'topics to leave out').default([], 'none'))
    .option('--groups <PATTERN...>', 'consumer groups whose offsets are carried over too')
    .option('--prefix <TEXT>', "put before the topics' names at the target", '')
    .option('--name <NAME>', "under which the target keeps the progress (default: the source's cluster id)")
    .addOption(
      new Option(
        '--offsets <HOW>',
        'auto: keep them where the partition at the target is empty, else translate them; identical: fail where they cannot be kept',
      )
        .choices(['auto', 'identical', 'translated'])
        .default('auto'),
    )
    .addOption(
      new Option('--on-lost <WHAT>', 'when the source has deleted what was not copied yet')
        .choices(['stop', 'skip'])
        .default('stop'),
    )
    .option('--once', 'end when all is copied that is there now; fail when no topic fits', false)
    .addOption(
      new Option('--wait <SECONDS>', 'with --once: how long a cluster may be away before this fails')
        .argParser(wholeNumber(1))
        .default(60),
    )
    .addOption(
      new Option('--every <SECONDS>', 'how often progress is told where there is no terminal')
        .argParser(wholeNumber(1))
        .default(10),
    )
    .addHelpText('after', MORE)
    .action(async (options: MirrorCommandOptions) => {
      const stop = stopSignal({ announce: true })
      const { runMirror } = await import('./mirror-run.ts')
      await runMirror(options, stop)
    })
}

function bootstrapOption(flags: string, description: string): Option {
  return new Option(flags, description)
    .argParser((text) => {
      if (text.trim() === '') throw new InvalidArgumentError('Expected HOST:PORT.')
      return parseBootstrap(text)
    })
    .makeOptionMandatory()
}
