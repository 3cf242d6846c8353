import { type Command, InvalidArgumentError, Option } from 'commander'
import type { PartitionProducer } from '../log/client/transaction-admin.ts'
import { TRANSACTION_STATUSES } from '../log/coordinator/transaction/transaction-status.ts'
import { wholeNumber } from './address.ts'
import { withClient } from './cluster.ts'
import { printRows, renderFields, terminal } from './output.ts'
import { type ClusterOptions, withCluster } from './process-options.ts'
import { examples, repeated } from './settings.ts'

interface HangingOptions {
  readonly topic?: readonly string[]
  readonly silentMs: number
}

export function addTransactions(program: Command): void {
  const transactions = program
    .command('transactions')
    .summary('list, describe and abort transactions')
    .description('Transactions and their producers, of this log or any Kafka cluster.')
  withCluster(transactions.command('list'))
    .description(
      'Lists transactional ids; with --hanging, transactions that hold readers up and that nobody ends.',
    )
    .option(
      '--state <STATE>',
      `only these, of ${TRANSACTION_STATUSES.join(', ')}; repeat it for more`,
      readState,
    )
    .option(
      '--hanging',
      'look at the partitions for transactions that their coordinator does not know',
      false,
    )
    .option('--topic <TOPIC>', 'with --hanging: only in this topic; repeat it for more', repeated)
    .addOption(silentOption())
    .addHelpText(
      'after',
      examples(
        'millrace transactions list --state Ongoing',
        'millrace transactions list --hanging --topic orders',
      ),
    )
    .action(
      async (
        options: ClusterOptions &
          HangingOptions & { readonly state?: readonly string[]; readonly hanging: boolean },
      ) => {
        const { listTransactions, findHanging } = await import('../log/client/transaction-admin.ts')
        if (options.hanging) {
          const found = await withClient(options, async (client) => {
            const topics = options.topic ?? [...(await client.metadata()).topics.keys()]
            return findHanging(client, { topics, silentMs: options.silentMs })
          })
          printHanging(found, options)
          return
        }
        const found = await withClient(options, (client) =>
          listTransactions(client, { states: options.state ?? [] }),
        )
        const rows = found.map(({ transactionalId, state, producerId }) => ({
          'transactional id': transactionalId,
          state,
          'producer id': String(producerId),
        }))
        if (options.json) return terminal.out(JSON.stringify(found, null, 2))
        printRows(rows, {
          columns: ['transactional id', 'state', 'producer id'],
          json: false,
          none: 'no transactional ids',
        })
      },
    )
  withCluster(transactions.command('describe').argument('<TRANSACTIONAL_ID>'))
    .description('Shows the transaction of a transactional id, and its partitions.')
    .addHelpText('after', examples('millrace transactions describe billing-1'))
    .action(async (id: string, options: ClusterOptions) => {
      const { describeTransaction } = await import('../log/client/transaction-admin.ts')
      const found = await withClient(options, (client) => describeTransaction(client, id))
      if (found === undefined) {
        const { transactionNotFound } = await import('../server/not-found.ts')
        throw transactionNotFound(id)
      }
      if (options.json) return terminal.out(JSON.stringify(found, null, 2))
      terminal.out(
        renderFields({
          'transactional id': found.transactionalId,
          state: found.state,
          'producer id': String(found.producerId),
          'producer epoch': String(found.producerEpoch),
          timeout: `${found.timeoutMs} ms`,
          started: found.startTimeMs < 0 ? '–' : new Date(found.startTimeMs).toISOString(),
          partitions:
            found.partitions.map(({ topic, partition }) => `${topic}-${partition}`).join(' ') || '–',
        }),
      )
    })
  withCluster(transactions.command('producers').argument('<TOPIC>'))
    .description(
      'Shows the producers that the partitions of a topic remember, and what they have open there.',
    )
    .addHelpText('after', examples('millrace transactions producers orders'))
    .action(async (topic: string, options: ClusterOptions) => {
      const { describeProducers } = await import('../log/client/transaction-admin.ts')
      const found = await withClient(options, (client) => describeProducers(client, [topic]))
      if (options.json) return terminal.out(JSON.stringify(found, null, 2))
      printRows(found.map(producerRow), { columns: PRODUCER_COLUMNS, json: false, none: 'no producers' })
    })
  withCluster(transactions.command('abort').argument('[TRANSACTIONAL_ID]'))
    .description(
      'Ends the transaction of a transactional id, and fences its producer. With --hanging: writes the abort markers of ' +
        'transactions that no coordinator ends any more, of a topic or of one partition.',
    )
    .option('--hanging', 'those that `millrace transactions list --hanging` shows', false)
    .option('--topic <TOPIC>', 'with --hanging: where; repeat it for more', repeated)
    .addOption(
      new Option('--partition <N>', 'with --hanging: only in this partition').argParser(wholeNumber(0)),
    )
    .addOption(
      new Option('--start-offset <OFFSET>', 'with --hanging: only the one that began here').argParser(
        wholeNumber(0),
      ),
    )
    .addOption(silentOption())
    .addHelpText(
      'after',
      examples(
        'millrace transactions abort billing-1',
        'millrace transactions abort --hanging --topic orders --partition 3 --start-offset 4711 --silent-ms 0',
      ),
    )
    .action(
      async (
        id: string | undefined,
        options: ClusterOptions &
          HangingOptions & {
            readonly hanging: boolean
            readonly partition?: number
            readonly startOffset?: number
          },
        command: Command,
      ) => {
        const { topic: topics, hanging, partition, startOffset, silentMs } = options
        if (hanging === (id !== undefined) || (hanging && topics === undefined))
          command.error('error: name a transactional id, or --hanging with --topic')
        const admin = await import('../log/client/transaction-admin.ts')
        if (id !== undefined) {
          await withClient(options, (client) => admin.abortTransaction(client, id))
          terminal.note(`millrace: the transaction of ${id} is ended, its producer fenced`)
          return
        }
        const ended = await withClient(options, async (client) => {
          const found = await admin.findHanging(client, { topics: topics ?? [], silentMs })
          const wanted = found.filter(
            (one) =>
              (partition === undefined || one.partition === partition) &&
              (startOffset === undefined || one.currentTxnStartOffset === startOffset),
          )
          for (const producer of wanted) await admin.abortHanging(client, producer)
          return wanted
        })
        printHanging(ended, options)
      },
    )
}

function readState(text: string, earlier?: readonly string[]): readonly string[] {
  const state = TRANSACTION_STATUSES.find((one) => one.toLowerCase() === text.toLowerCase())
  if (state === undefined)
    throw new InvalidArgumentError(
      `Expected one of ${TRANSACTION_STATUSES.join(', ')}, not ${JSON.stringify(text)}.`,
    )
  return repeated(state, earlier)
}

/** Longer than any transaction may take by Kafka's defaults, as Kafka's own tool has it. */
const SILENT_MS = 15 * 60_000

function silentOption(): Option {
  return new Option('--silent-ms <MS>', 'with --hanging: how long the producer must have been silent')
    .argParser(wholeNumber(0))
    .default(SILENT_MS)
}

const PRODUCER_COLUMNS = [
  'topic',
  'partition',
  'producer id',
  'epoch',
  'last write',
  'open since offset',
] as const

function producerRow(one: PartitionProducer): Record<(typeof PRODUCER_COLUMNS)[number], string | number> {
  return {
    topic: one.topic,
    partition: one.partition,
    'producer id': String(one.producerId),
    epoch: one.producerEpoch,
    'last write': one.lastTimestamp < 0 ? '–' : new Date(one.lastTimestamp).toISOString(),
    'open since offset': one.currentTxnStartOffset < 0 ? '–' : String(one.currentTxnStartOffset),
  }
}

function printHanging(found: readonly PartitionProducer[], { json }: { readonly json: boolean }): void {
  if (json) return terminal.out(JSON.stringify(found, null, 2))
  printRows(found.map(producerRow), { columns: PRODUCER_COLUMNS, json: false, none: 'none hangs' })
}
