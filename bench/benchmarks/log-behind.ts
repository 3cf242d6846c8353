import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { kafkaTool } from '../../conformance/tools/kafka-tools.ts'
import type { RunningServer } from '../../conformance/tools/start-kafka.ts'
import type { Benchmark, OpenSide, Sample, SideName } from '../harness/benchmark.ts'
import { measureCommand, usageOfRunning } from '../harness/process-usage.ts'
import { fill, makeTopics, withClient } from './fill-log.ts'
import { produce } from './log-produce.ts'
import { clientJvmFlags, createTopic, serverConfiguration, startServer } from './log-server.ts'

const BACKLOG_BYTES = 4_000_000_000
const BACKLOG_PARTITIONS = 4
const BATCH_BYTES = 1_000_000
const RECORD_BYTES = 1_000
const RATE = 5_000
const SECONDS = 20
const WARM_UP_SECONDS = 5

export const logBehind: Benchmark = {
  name: 'log-behind',
  what: "producers' latency while a consumer far behind reads from the disk, of Millrace's log and Kafka",
  rival: 'Kafka',
  needs: ['kafka', 'kafka-tools'],
  configuration: {
    producer: `kafka-producer-perf-test, ${RATE} records of ${RECORD_BYTES} bytes a second, 4 partitions, acks=1`,
    seconds: SECONDS,
    warmUpSeconds: WARM_UP_SECONDS,
    consumer: 'kafka-consumer-perf-test from the beginning of another topic, again and again',
    backlogBytes: BACKLOG_BYTES,
    cache: "the backlog's pages are dropped from the page cache before each run",
    ...serverConfiguration,
  },
  measures: [
    { key: 'p99AloneMs', label: 'p99 of the producer alone, ms', better: 'lower', digits: 0 },
    { key: 'p99BesideMs', label: 'p99 beside the consumer, ms', better: 'lower', digits: 0 },
    { key: 'worsened', label: 'p99 beside ÷ alone', better: 'lower', digits: 2 },
    { key: 'p999AloneMs', label: 'p99.9 of the producer alone, ms', better: 'lower', digits: 0 },
    { key: 'p999BesideMs', label: 'p99.9 beside the consumer, ms', better: 'lower', digits: 0 },
    { key: 'consumedMBPerSecond', label: 'consumed meanwhile, MB/s', better: 'higher', digits: 0 },
    { key: 'readMBPerSecond', label: 'of that read from the disk, MB/s', better: 'higher', digits: 0 },
    { key: 'serverPeakMemoryMiB', label: 'server peak memory, MiB', better: 'lower', digits: 0 },
  ],
  cases: [{ name: 'one consumer', configuration: {}, open: (side, { scale }) => openBehind(side, scale) }],
}

async function openBehind(side: SideName, scale: number): Promise<OpenSide> {
  const server = await startServer(side)
  const batches = Math.max(20, Math.round((BACKLOG_BYTES * scale) / (BACKLOG_PARTITIONS * BATCH_BYTES)))
  const backlogRecords = await withClient(server.address, async (client) => {
    const backlog = { topics: ['backlog'], partitions: BACKLOG_PARTITIONS }
    await makeTopics(client, backlog)
    return (await fill(client, backlog, { batches, batchBytes: BATCH_BYTES })) * batches * BACKLOG_PARTITIONS
  })
  execFileSync('sync') // Only pages that are written out can be dropped.
  await createTopic(server, 'bench', 4)
  const seconds = Math.max(4, SECONDS * scale)
  const warmUpSeconds = Math.max(2, WARM_UP_SECONDS * scale)
  const produceFor = () =>
    produce(server, 'bench', {
      recordBytes: RECORD_BYTES,
      rate: RATE,
      records: Math.round(RATE * (seconds + warmUpSeconds)),
      warmUpRecords: Math.round(RATE * warmUpSeconds),
      settings: { acks: '1' },
    })
  return {
    async warmUp() {
      await produceFor()
    },
    async run(): Promise<Sample> {
      const alone = await produceFor()
      const readBefore = bytesReadFromDisk(server.pid)
      const startedMs = performance.now()
      let producing = true
      const beside = produceFor().finally(() => (producing = false))
      let consumed = 0
      while (producing) consumed += await consume(server, backlogRecords)
      // The last consumer may have run on alone; its time counts with what it read.
      const tookSeconds = (performance.now() - startedMs) / 1_000
      const { p99Ms, p999Ms } = await beside
      return {
        p99AloneMs: alone.p99Ms,
        p99BesideMs: p99Ms,
        worsened: p99Ms / Math.max(1, alone.p99Ms), // The tool's resolution is a millisecond.
        p999AloneMs: alone.p999Ms,
        p999BesideMs: p999Ms,
        consumedMBPerSecond: (consumed * RECORD_BYTES) / 1e6 / tookSeconds,
        readMBPerSecond: (bytesReadFromDisk(server.pid) - readBefore) / 1e6 / tookSeconds,
        serverPeakMemoryMiB: usageOfRunning(server.pid).peakMemoryMiB,
      }
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

/** Reads the backlog once, as a group that is new; returns how many records it read. */
async function consume(server: RunningServer, records: number): Promise<number> {
  dropFromPageCache(server)
  await measureCommand(
    kafkaTool(
      'kafka-consumer-perf-test',
      [
        ...['--bootstrap-server', server.address, '--topic', 'backlog'],
        ...['--num-records', String(records), '--timeout', '60000'],
      ],
      clientJvmFlags,
    ),
  )
  return records
}

/** Makes the backlog be read from the disk: the pages of its files are dropped from the cache. */
function dropFromPageCache({ dataPath }: RunningServer): void {
  for (const folder of readdirSync(dataPath).filter((name) => name.startsWith('backlog-')))
    for (const name of readdirSync(join(dataPath, folder)).filter((each) => each.endsWith('.log'))) {
      const advise = ['oflag=nocache', 'conv=notrunc,fdatasync', 'count=0', 'status=none']
      execFileSync('dd', [`of=${join(dataPath, folder, name)}`, ...advise])
    }
}

/** What Linux has read from devices for a process so far. */
function bytesReadFromDisk(pid: number): number {
  return Number(/read_bytes: (\d+)/.exec(readFileSync(`/proc/${pid}/io`, 'latin1'))?.[1] ?? 0)
}
