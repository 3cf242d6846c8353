/** Clusters and records for tests of the mirror. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { reportNothing } from '../base/report.ts'
import { type Broker, startBroker } from '../log/broker/broker.ts'
import { listOffsets } from '../log/client/admin.ts'
import { connectClient, type LogClient } from '../log/client/client.ts'
import { Fetcher, forEachFetchedRecord } from '../log/client/fetcher.ts'
import { nodeWorld } from '../world/node.ts'

export interface TestCluster extends AsyncDisposable {
  readonly address: string
  readonly client: LogClient
}

/** The log in this process, in a directory of its own. */
export async function startCluster(): Promise<TestCluster> {
  const world = nodeWorld()
  const dataPath = mkdtempSync(join(tmpdir(), 'millrace-mirror-'))
  const broker: Broker = await startBroker({
    world,
    dataPath,
    listen: { host: '127.0.0.1', port: 0 },
    report: reportNothing,
  })
  const address = `127.0.0.1:${broker.port}`
  const client = await connectClient({ world, bootstrap: address })
  return {
    address,
    client,
    async [Symbol.asyncDispose]() {
      await client.close()
      await broker.close()
      rmSync(dataPath, { recursive: true, force: true })
    },
  }
}

export interface SeenRecord {
  readonly offset: number
  readonly timestampMs: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: string
}

/** All that a reader sees of a partition. */
export async function recordsOf(
  client: LogClient,
  topic: string,
  options: { readonly partition?: number; readonly isolation?: 'read_committed' | 'read_uncommitted' } = {},
): Promise<SeenRecord[]> {
  const { partition = 0, isolation = 'read_committed' } = options
  const at = { topic, partition }
  const [start, end] = await listOffsets(
    client,
    [
      { ...at, at: 'earliest' },
      { ...at, at: 'latest' },
    ],
    { isolation },
  )
  const seen: SeenRecord[] = []
  const fetcher = new Fetcher(client, { isolation, maxWaitMs: 50 })
  try {
    if (start!.offset < end!.offset) fetcher.assign([{ ...at, offset: start!.offset }])
    for (let next = start!.offset; next < end!.offset;) {
      const fetched = await fetcher.poll()
      if (fetched === undefined) break
      forEachFetchedRecord(fetched, (cursor) => {
        seen.push({
          offset: cursor.offset,
          timestampMs: cursor.timestampMs,
          key: cursor.key()?.toString() ?? null,
          value: cursor.value()?.toString() ?? null,
          headers: JSON.stringify(cursor.headers().map(({ key, value }) => [key, value?.toString() ?? null])),
        })
      })
      next = fetched.nextOffset
    }
  } finally {
    fetcher.close()
  }
  return seen
}
