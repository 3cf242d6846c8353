import { kafkaTool } from '../../conformance/tools/kafka-tools.ts'
import type { RunningServer } from '../../conformance/tools/start-kafka.ts'
import type { Benchmark, BenchmarkCase, Sample, SideName } from '../harness/benchmark.ts'
import { measureCommand } from '../harness/process-usage.ts'
import {
  clientJvmFlags,
  countServerUse,
  createTopic,
  deleteTopic,
  saidOf,
  serverConfiguration,
  startServer,
  type Guarantee,
} from './log-server.ts'

export interface ProduceLoad {
  readonly records: number
  readonly recordBytes: number
  /** Records a second; -1 for as many as there can be. */
  readonly rate: number
  /** Of `records`, those in front that the figures leave out. */
  readonly warmUpRecords?: number
  readonly settings: Readonly<Record<string, string>>
}

export interface ProduceReport {
  readonly recordsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  readonly clientCpuSeconds: number
}

/** Runs kafka-producer-perf-test and reads the line that it ends with. */
export async function produce(
  server: RunningServer,
  topic: string,
  load: ProduceLoad,
): Promise<ProduceReport> {
  const settings = Object.entries(load.settings).map(([key, value]) => `${key}=${value}`)
  const { stdout, usage } = await measureCommand(
    kafkaTool(
      'kafka-producer-perf-test',
      [
        ...[
          '--topic',
          topic,
          '--num-records',
          String(load.records),
          '--record-size',
          String(load.recordBytes),
        ],
        ...['--throughput', String(load.rate), '--bootstrap-server', server.address],
        ...(load.warmUpRecords === undefined ? [] : ['--warmup-records', String(load.warmUpRecords)]),
        // Once, with all settings behind it: of a repeated option the tool takes the last, and would run with acks=all.
        ...(settings.length === 0 ? [] : ['--command-property', ...settings]),
      ],
      clientJvmFlags,
    ),
  )
  const last = stdout.trim().split('\n').at(-1) ?? ''
  const number = (pattern: RegExp): number => {
    const found = pattern.exec(last)?.[1]
    if (found === undefined) throw new Error(`kafka-producer-perf-test ended with an unknown line: ${last}`)
    return Number(found)
  }
  return {
    recordsPerSecond: number(/, ([\d.]+) records\/sec/),
    p50Ms: number(/([\d.]+) ms 50th/),
    p99Ms: number(/([\d.]+) ms 99th/),
    p999Ms: number(/([\d.]+) ms 99\.9th/),
    clientCpuSeconds: usage.cpuSeconds,
  }
}

interface ProduceSettings {
  readonly partitions: number
  readonly acks: '1' | 'all'
  readonly batchKiB: number
  readonly guarantee?: Guarantee
}

/**
 * 500 MB a run at any record size, and as much before that the tool leaves out of its figures (`--warmup-records`): of
 * the CPU that its JVM takes for the first 500 MB, a third goes into compiling the tool, which is no server's doing.
 */
function recordsOf(recordBytes: number, scale: number): number {
  return Math.max(10_000, Math.round((500_000_000 / recordBytes) * scale))
}

export function logProduce(recordBytes: number): Benchmark {
  return {
    name: `log-produce-${recordBytes}b`,
    what: `kafka-producer-perf-test, records of ${recordBytes} bytes, against Millrace's log and Kafka`,
    rival: 'Kafka',
    needs: ['kafka', 'kafka-tools'],
    configuration: {
      recordBytes,
      records: recordsOf(recordBytes, 1),
      warmUpRecords: recordsOf(recordBytes, 1),
      ...serverConfiguration,
    },
    measures: [
      { key: 'recordsPerSecond', label: 'records/s', better: 'higher', digits: 0 },
      { key: 'serverCpu', label: 'server CPU, s per million records', better: 'lower', digits: 2 },
      { key: 'clientCpu', label: 'client CPU, s per million records', better: 'lower', digits: 2 },
      { key: 'p99Ms', label: 'p99 latency under full load, ms', better: 'lower', digits: 0 },
      { key: 'serverPeakMemoryMiB', label: 'server peak memory, MiB', better: 'lower', digits: 0 },
    ],
    cases: [
      produceCase(recordBytes, { partitions: 1, acks: '1', batchKiB: 16 }),
      produceCase(recordBytes, { partitions: 4, acks: '1', batchKiB: 16 }),
      produceCase(recordBytes, { partitions: 4, acks: '1', batchKiB: 128 }),
      produceCase(recordBytes, { partitions: 1, acks: 'all', batchKiB: 128 }),
      produceCase(recordBytes, { partitions: 4, acks: 'all', batchKiB: 128 }),
      produceCase(recordBytes, { partitions: 1, acks: 'all', batchKiB: 128, guarantee: 'page cache' }),
      produceCase(recordBytes, { partitions: 4, acks: 'all', batchKiB: 128, guarantee: 'page cache' }),
    ],
  }
}

function produceCase(recordBytes: number, produceSettings: ProduceSettings): BenchmarkCase {
  const { partitions, acks, batchKiB, guarantee } = produceSettings
  const settings = { acks, 'batch.size': String(batchKiB * 1024) }
  const plural = partitions === 1 ? '' : 's'
  return {
    name: `${partitions} partition${plural}, acks=${acks}, batches of ${batchKiB} KiB${saidOf(guarantee)}`,
    configuration: { partitions, producer: settings, ...(guarantee && { guarantee }) },
    async open(side: SideName, { scale }) {
      const server = await startServer(side, guarantee)
      const records = recordsOf(recordBytes, scale)
      let topics = 0
      const run = async (amount: number): Promise<Sample> => {
        const topic = `bench-${++topics}`
        await createTopic(server, topic, partitions)
        const used = countServerUse(server)
        const load = { records: 2 * amount, warmUpRecords: amount, recordBytes, rate: -1, settings }
        const report = await produce(server, topic, load)
        const { cpuSeconds, peakMemoryMiB } = used()
        await deleteTopic(server, topic)
        return {
          recordsPerSecond: report.recordsPerSecond,
          serverCpu: (cpuSeconds * 1e6) / load.records,
          clientCpu: (report.clientCpuSeconds * 1e6) / load.records,
          p99Ms: report.p99Ms,
          serverPeakMemoryMiB: peakMemoryMiB,
        }
      }
      return {
        async warmUp() {
          await run(Math.ceil(records / 2))
        },
        run: () => run(records),
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      }
    },
  }
}
