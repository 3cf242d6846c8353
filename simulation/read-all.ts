import { listOffsets } from '../src/log/client/admin.ts'
import { Fetcher } from '../src/log/client/fetcher.ts'
import type { LogClient } from '../src/log/client/log-client.ts'
import { recordsOf } from './clients.ts'
import { BrokenPromise, placeOf } from './history.ts'
import type { StoredRecord } from './history.ts'

/** Everything from the earliest to the latest offset. A transaction that nobody ended would keep the latter back. */
export async function readAll(
  client: LogClient,
  at: { readonly topic: string; readonly partition: number },
  isolation: 'read_committed' | 'read_uncommitted',
): Promise<StoredRecord[]> {
  const queries = [
    { ...at, at: 'earliest' as const },
    { ...at, at: 'latest' as const },
  ]
  const [earliest, latest] = await listOffsets(client, queries, { isolation: 'read_uncommitted' })
  const fetcher = new Fetcher(client, { isolation, maxWaitMs: 50 })
  const records: StoredRecord[] = []
  const deadlineMs = client.world.clock.monotonicMs() + 60_000
  let next = earliest!.offset
  fetcher.assign([{ ...at, offset: next }])
  const late = client.world.clock.schedule(60_000, () => fetcher.close())
  try {
    while (next < latest!.offset) {
      const fetched = await fetcher.poll()
      if (fetched === undefined || client.world.clock.monotonicMs() > deadlineMs) {
        throw new BrokenPromise(
          `${placeOf(at.topic, at.partition)}: ${isolation} ends at ${next} of ${latest!.offset}`,
        )
      }
      records.push(...recordsOf(fetched))
      next = fetched.nextOffset
    }
  } finally {
    late.cancel()
    fetcher.close()
  }
  return records
}
