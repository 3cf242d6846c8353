import type { LogClient } from '../log/client/client.ts'
import { Fetcher, type FetchedRecords, forEachFetchedRecord } from '../log/client/fetcher.ts'
import { offsetCommit, offsetFetch } from '../log/client/group-admin.ts'
import { terminal } from './output.ts'
import { offsetsAt, partitionsOf } from '../server/topic-offsets.ts'

export interface ConsumeOptions {
  readonly json: boolean
  /** A time is in ms since 1970; an offset is one of every partition. */
  readonly from: 'earliest' | 'latest' | number | { readonly offset: number }
  readonly group?: string
  readonly count?: number
  readonly exit: boolean
  readonly keys: boolean
  readonly uncommitted: boolean
}

/** Prints records until the end that the options ask for, or until `stop` resolves. */
export async function consumeTopic(
  client: LogClient,
  topic: string,
  options: ConsumeOptions & { readonly stop: Promise<unknown> },
): Promise<void> {
  const isolation = options.uncommitted ? 'read_uncommitted' : 'read_committed'
  const partitions = await partitionsOf(client, topic)
  const ends = await offsetsAt(client, { topic, partitions, at: 'latest', isolation })
  const endOf = (partition: number): number => ends.get(partition) ?? 0
  // The next offset of every partition.
  const { from } = options
  const positions = await offsetsAt(client, {
    topic,
    partitions,
    at: typeof from === 'object' ? 'earliest' : from,
    isolation,
  })
  if (typeof from === 'object')
    for (const [partition, start] of positions)
      positions.set(partition, Math.min(Math.max(from.offset, start), endOf(partition)))
  if (options.group !== undefined) {
    for (const committed of await offsetFetch(client, options.group))
      if (committed.topic === topic) positions.set(committed.partition, committed.offset)
  }
  const unread = [...positions]
    .map(([partition, offset]) => ({ topic, partition, offset }))
    .filter(({ partition, offset }) => !options.exit || offset < endOf(partition))
  const atEnd = (): boolean =>
    options.exit && [...positions].every(([partition, next]) => next >= endOf(partition))

  const fetcher = new Fetcher(client, { isolation, outOfRange: 'earliest' })
  void options.stop.then(() => fetcher.close())
  fetcher.assign(unread)
  let left = options.count ?? Infinity
  while (left > 0 && !atEnd()) {
    const fetched = await fetcher.poll()
    if (fetched === undefined) break
    const { partition } = fetched
    const printed = print(fetched, {
      ...options,
      most: left,
      end: options.exit ? endOf(partition) : Infinity,
    })
    positions.set(partition, printed.next)
    left -= printed.count
    // Reads no faster than the output is read, and commits below only what has been taken.
    await terminal.flushed()
  }
  fetcher.close()
  if (options.group !== undefined) {
    const offsets = [...positions].map(([partition, offset]) => ({ topic, partition, offset }))
    await offsetCommit(client, options.group, offsets)
  }
}

/** Prints at most `most` records below the offset `end`; says how many, and where to go on. */
function print(
  fetched: FetchedRecords,
  options: ConsumeOptions & { readonly most: number; readonly end: number },
): { readonly count: number; readonly next: number } {
  const { topic, partition } = fetched
  const lines: string[] = []
  let next = fetched.nextOffset
  forEachFetchedRecord(fetched, (cursor) => {
    const { offset, timestampMs } = cursor
    if (offset >= options.end || lines.length >= options.most) {
      next = Math.min(next, offset)
      return
    }
    const key = cursor.key()?.toString() ?? null
    const value = cursor.value()?.toString() ?? null
    if (options.json) {
      const headers = Object.fromEntries(
        cursor.headers().map((header) => [header.key, header.value?.toString() ?? null]),
      )
      lines.push(JSON.stringify({ topic, partition, offset, timestampMs, key, value, headers }))
    } else lines.push(options.keys ? `${key ?? ''}\t${value ?? ''}` : (value ?? ''))
  })
  if (lines.length > 0) terminal.out(lines.join('\n'))
  return { count: lines.length, next }
}
