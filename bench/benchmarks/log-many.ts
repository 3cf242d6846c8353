import { paths } from '../../conformance/tools/paths.ts'
import type { Benchmark, BenchmarkCase, Sample } from '../harness/benchmark.ts'
import { measureCommand } from '../harness/process-usage.ts'
import { countServerUse, serverConfiguration, startServer } from './log-server.ts'

const PRODUCERS = 1_000
const RECORDS_A_SECOND = 50
const TOPICS = 500
const PARTITIONS_PER_TOPIC = 10
const GROUPS = 500
const WARM_UP_SECONDS = 10
const SECONDS = 30

/** The line that the load's program ends with. */
interface Report {
  readonly errors: number
  readonly missing: number
  /** Read again after a group's rebalance. */
  readonly repeated: number
  readonly records: number
  readonly ackP50Ms: number
  readonly ackP99Ms: number
  readonly arrivalP50Ms: number
  readonly arrivalP99Ms: number
  readonly firstError?: string
}

export const logMany: Benchmark = {
  name: 'log-many',
  what: "1,000 producers of 50 records a second, 5,000 partitions, 500 groups, against Millrace's log and Kafka",
  rival: 'Kafka',
  needs: ['kafka', 'many-clients'],
  configuration: {
    producers: PRODUCERS,
    recordsASecondOfEach: RECORDS_A_SECOND,
    recordBytes: 100,
    topics: TOPICS,
    partitions: TOPICS * PARTITIONS_PER_TOPIC,
    groups: GROUPS,
    warmUpSeconds: WARM_UP_SECONDS,
    seconds: SECONDS,
    latency: 'from when a record was due to be sent, the linger of 100 ms included',
    ...serverConfiguration,
    client: { library: 'franz-go 1.22.2, one client a producer and a group member, all in one process' },
  },
  measures: [
    { key: 'errors', label: 'errors', better: 'lower', digits: 0 },
    { key: 'missing', label: 'records that did not arrive', better: 'lower', digits: 0 },
    { key: 'repeated', label: 'records that arrived again', better: 'lower', digits: 0 },
    { key: 'recordsPerSecond', label: 'records/s acknowledged', better: 'higher', digits: 0 },
    { key: 'ackP50Ms', label: 'p50 to the acknowledgement, ms', better: 'lower', digits: 1 },
    { key: 'ackP99Ms', label: 'p99 to the acknowledgement, ms', better: 'lower', digits: 1 },
    { key: 'arrivalP50Ms', label: 'p50 to the reader, ms', better: 'lower', digits: 1 },
    { key: 'arrivalP99Ms', label: 'p99 to the reader, ms', better: 'lower', digits: 1 },
    { key: 'serverCpu', label: 'server CPU, s per million records', better: 'lower', digits: 1 },
    { key: 'clientCpu', label: 'client CPU, s per million records', better: 'lower', digits: 1 },
    { key: 'serverPeakMemoryMiB', label: 'server peak memory, MiB', better: 'lower', digits: 0 },
  ],
  cases: [manyCase('1'), manyCase('all')],
}

function manyCase(acks: '1' | 'all'): BenchmarkCase {
  return {
    name: `acks=${acks}`,
    configuration: { producer: { acks, lingerMs: 100 } },
    async open(side, { scale }) {
      const server = await startServer(side)
      const scaled = (amount: number): number => Math.max(1, Math.round(amount * scale))
      const seconds = Math.max(5, scaled(SECONDS))
      const warmUpSeconds = Math.max(2, scaled(WARM_UP_SECONDS))
      const run = async (): Promise<Sample> => {
        const used = countServerUse(server)
        const amounts = [scaled(PRODUCERS), RECORDS_A_SECOND, scaled(TOPICS), PARTITIONS_PER_TOPIC]
        const { stdout, usage } = await measureCommand({
          command: paths.manyClients,
          args: [server.address, ...[...amounts, scaled(GROUPS), warmUpSeconds, seconds].map(String), acks],
        })
        const { cpuSeconds, peakMemoryMiB } = used()
        const { firstError, ...report } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Report
        if (firstError !== undefined) console.error(`the first error of ${side}: ${firstError}`)
        // The program's records and the CPU of server and client are of the warm-up too.
        const recordsOfAll = (report.records * (seconds + warmUpSeconds)) / seconds
        return {
          ...report,
          recordsPerSecond: report.records / seconds,
          serverCpu: (cpuSeconds * 1e6) / recordsOfAll,
          clientCpu: (usage.cpuSeconds * 1e6) / recordsOfAll,
          serverPeakMemoryMiB: peakMemoryMiB,
        }
      }
      return { run, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
    },
  }
}
