import { type Command, InvalidArgumentError, Option } from 'commander'
import { listOffsets } from '../log/client/admin.ts'
import type { LogClient } from '../log/client/client.ts'
import { Fetcher, type FetchedRecords, forEachFetchedRecord } from '../log/client/fetcher.ts'
import { offsetCommit, offsetFetch } from '../log/client/group-admin.ts'
import { wholeNumber } from './address.ts'
import { withClient } from './cluster.ts'
import { terminal } from './output.ts'
import { withCluster } from './process-options.ts'
import { stopSignal } from './stop-signals.ts'

interface ConsumeOptions {
  readonly kafka: string
  readonly json: boolean
  readonly from: 'earliest' | 'latest' | number
  readonly group?: string
  readonly count?: number
  readonly exit: boolean
  readonly keys: boolean
  readonly uncommitted: boolean
}

export function addConsume(program: Command): void {
  withCluster(
    program
      .command('consume')
      .argument('<TOPIC>')
      .summary('print the records of a topic')
      .description(
        'Prints the values of a topic, a line each, and waits for more until Ctrl-C. --json prints whole records.',
      ),
  )
    .addOption(
      new Option('--from <WHERE>', 'earliest, latest, or a time: 2026-01-31T12:00:00Z')
        .argParser(readStart)
        .default('earliest'),
    )
    .option('--group <GROUP>', 'go on where this group left off, and commit what was printed at the end')
    .addOption(new Option('--count <N>', 'end after so many records').argParser(wholeNumber(1)))
    .option('--exit', 'end where the topic ends now', false)
    .option('--keys', 'print "key<TAB>value"', false)
    .option('--uncommitted', 'also records of transactions that are open or were aborted', false)
    .addHelpText('after', '\nExample:\n  $ millrace consume alerts --from latest')
    .action(async (topic: string, options: ConsumeOptions) => {
      const stop = stopSignal()
      await withClient(options.kafka, (client) => consume(client, topic, { ...options, stop }))
    })
}

async function consume(
  client: LogClient,
  topic: string,
  options: ConsumeOptions & { readonly stop: Promise<unknown> },
): Promise<void> {
  const isolation = options.uncommitted ? 'read_uncommitted' : 'read_committed'
  const { partitions } = await client.topic(topic)
  const offsetsAt = (at: ConsumeOptions['from']): ReturnType<typeof listOffsets> =>
    listOffsets(
      client,
      partitions.map(({ partition }) => ({ topic, partition, at })),
      { isolation },
    )
  const ends = new Map((await offsetsAt('latest')).map(({ partition, offset }) => [partition, offset]))
  const committed = options.group === undefined ? [] : await offsetFetch(client, options.group)
  const start = (await offsetsAt(options.from)).map(({ partition, offset }) => {
    const left = committed.find((one) => one.topic === topic && one.partition === partition)
    return { topic, partition, offset: left?.offset ?? (offset < 0 ? (ends.get(partition) ?? 0) : offset) }
  })
  const positions = new Map(start.map(({ partition, offset }) => [partition, offset]))
  const atEnd = (): boolean =>
    options.exit && [...ends].every(([partition, end]) => (positions.get(partition) ?? 0) >= end)
  const fetcher = new Fetcher(client, { isolation })
  fetcher.assign(
    start.filter(({ partition, offset }) => !options.exit || offset < (ends.get(partition) ?? 0)),
  )
  void options.stop.then(() => fetcher.close())
  let left = options.count ?? Infinity
  while (left > 0 && !atEnd()) {
    const fetched = await fetcher.poll()
    if (fetched === undefined) break
    left -= print(
      fetched,
      { ...options, left, end: options.exit ? (ends.get(fetched.partition) ?? 0) : Infinity },
      positions,
    )
  }
  fetcher.close()
  if (options.group !== undefined) {
    await offsetCommit(
      client,
      options.group,
      [...positions].map(([partition, offset]) => ({ topic, partition, offset })),
    )
  }
}

function print(
  fetched: FetchedRecords,
  options: ConsumeOptions & { readonly left: number; readonly end: number },
  positions: Map<number, number>,
): number {
  const lines: string[] = []
  const { topic, partition } = fetched
  let next = fetched.nextOffset
  forEachFetchedRecord(fetched, (cursor) => {
    if (cursor.offset >= options.end) return
    if (lines.length >= options.left) {
      next = Math.min(next, cursor.offset)
      return
    }
    const key = cursor.key()?.toString() ?? null
    const value = cursor.value()?.toString() ?? null
    if (options.json) {
      const headers = Object.fromEntries(
        cursor.headers().map((header) => [header.key, header.value?.toString() ?? null]),
      )
      lines.push(
        JSON.stringify({
          topic,
          partition,
          offset: cursor.offset,
          timestampMs: cursor.timestampMs,
          key,
          value,
          headers,
        }),
      )
    } else lines.push(options.keys ? `${key ?? ''}\t${value ?? ''}` : (value ?? ''))
  })
  if (lines.length > 0) terminal.out(lines.join('\n'))
  positions.set(partition, next)
  return lines.length
}

function readStart(text: string): 'earliest' | 'latest' | number {
  if (text === 'earliest' || text === 'latest') return text
  const timeMs = Date.parse(text)
  if (Number.isNaN(timeMs))
    throw new InvalidArgumentError(`expected earliest, latest or a time such as 2026-01-31T12:00:00Z.`)
  return timeMs
}
