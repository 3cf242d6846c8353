import type { Command } from 'commander'
import { ExitCode, terminal } from './output.ts'
import { withOutput } from './process-options.ts'
import { examples } from './settings.ts'

export function addDumpLog(program: Command): void {
  withOutput(
    program
      .command('dump-log')
      .argument('<PATH...>', 'segments, partitions’ directories, or the log’s directory')
      .summary('show what lies in the files of a log, and check it')
      .description(
        'Shows batches, indexes, aborted transactions and producers of a log that may be running or not, and checks the ' +
          'checksums, the offsets and what the indexes point to. Kafka’s own files are read as well. Exit code 1: something is ' +
          'not as it has to be.',
      ),
  )
    .option('--records', 'also the records; of groups and transactions, what they mean', false)
    .option('--quiet', 'only what is wrong', false)
    .addHelpText(
      'after',
      examples(
        'millrace dump-log millrace-data/log/orders-0',
        'millrace dump-log millrace-data/log/__consumer_offsets-2/00000000000000000000.log --records --output json',
        'millrace dump-log millrace-data/log --quiet',
      ),
    )
    .action(
      async (
        paths: readonly string[],
        options: { readonly json: boolean; readonly records: boolean; readonly quiet: boolean },
      ) => {
        const { dumpFile, filesToDump } = await import('./dump/dump-files.ts')
        const { json, quiet } = options
        const total = { files: 0, batches: 0, records: 0, problems: 0 }
        for (const file of paths.flatMap(filesToDump)) {
          const lines: string[] = []
          let heading = json || quiet ? '' : `${total.files === 0 ? '' : '\n'}${file}\n`
          const add = (line: string): void => {
            lines.push(heading + line)
            heading = ''
          }
          const { files, batches, records } = dumpFile(file, options, {
            line(line) {
              if (!quiet) add(json ? JSON.stringify({ file, ...line }) : lineOf(line))
              if (lines.length >= LINES_AT_ONCE) terminal.out(lines.splice(0).join('\n'))
            },
            problem(at, what) {
              total.problems += 1
              add(
                json
                  ? JSON.stringify({ file, kind: 'problem', at, problem: what })
                  : `${quiet ? `${file}: ` : '  '}WRONG at ${at}: ${what}`,
              )
            },
          })
          if (lines.length > 0) terminal.out(lines.join('\n'))
          // Reads no faster than the output is read.
          await terminal.flushed()
          total.files += files
          total.batches += batches
          total.records += records
        }
        const counted = [
          [total.files, 'file', 'files'],
          [total.batches, 'batch', 'batches'],
          [total.records, 'record', 'records'],
          [total.problems, 'problem', 'problems'],
        ] as const
        const text = counted.map(([n, one, more]) => `${n.toLocaleString('en')} ${n === 1 ? one : more}`)
        terminal.note(`millrace: ${text.join(', ')}`)
        if (total.problems > 0) process.exitCode = ExitCode.FAILED
      },
    )
}

const LINES_AT_ONCE = 1_000

/** What is not worth a word in a line for people. */
const PLAIN: Readonly<Record<string, unknown>> = {
  compression: 'none',
  timestampType: 'CreateTime',
  producerId: -1,
  producerEpoch: -1,
  baseSequence: -1,
  transactional: false,
  control: null,
  leaderEpoch: 0,
  crcValid: true,
  coordinatorEpoch: -1,
  transactionFirstOffset: -1,
}

/** `kind name=value name=value`, as Kafka’s tool has it; times as people write them. */
function lineOf({ kind, ...fields }: Readonly<Record<string, unknown>>): string {
  const details = Object.entries(fields)
    .filter(([name, value]) => !(name in PLAIN && PLAIN[name] === value) && name !== 'crc')
    .map(([name, value]) => `${name}=${valueText(name, value)}`)
  return `${kind === 'record' ? '    ' : '  '}${String(kind)}  ${details.join(' ')}`
}

function valueText(name: string, value: unknown): string {
  if (/timestamp/i.test(name) && typeof value === 'number' && value >= 0 && value < 8.64e15)
    return new Date(value).toISOString()
  return typeof value === 'string' && /^[\w.:-]+$/.test(value) ? value : JSON.stringify(value)
}
