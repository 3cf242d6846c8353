import type { Benchmark, BenchmarkCase } from '../harness/benchmark.ts'
import {
  countServerUse,
  createTopic,
  saidOf,
  serverConfiguration,
  startServer,
  type Guarantee,
} from './log-server.ts'
import { produce } from './log-produce.ts'

const rate = 50_000
const recordBytes = 100

export const logLatency: Benchmark = {
  name: 'log-latency-50k',
  what: "latency of 50,000 records a second (kafka-producer-perf-test) against Millrace's log and Kafka",
  rival: 'Kafka',
  needs: ['kafka', 'kafka-tools'],
  configuration: { recordBytes, rate, seconds: 20, warmUpSeconds: 5, ...serverConfiguration },
  measures: [
    { key: 'p50Ms', label: 'p50 latency, ms', better: 'lower', digits: 0 },
    { key: 'p99Ms', label: 'p99 latency, ms', better: 'lower', digits: 0 },
    { key: 'p999Ms', label: 'p99.9 latency, ms', better: 'lower', digits: 0 },
    { key: 'serverCpu', label: 'server CPU, s per million records', better: 'lower', digits: 2 },
    { key: 'serverPeakMemoryMiB', label: 'server peak memory, MiB', better: 'lower', digits: 0 },
  ],
  cases: [latencyCase('1'), latencyCase('all'), latencyCase('all', 'page cache')],
}

function latencyCase(acks: '1' | 'all', guarantee?: Guarantee): BenchmarkCase {
  return {
    name: `4 partitions, acks=${acks}${saidOf(guarantee)}`,
    configuration: { partitions: 4, producer: { acks }, ...(guarantee && { guarantee }) },
    async open(side, { scale }) {
      const server = await startServer(side, guarantee)
      await createTopic(server, 'bench', 4)
      const seconds = (amount: number): number => Math.max(1, Math.round(rate * amount * scale))
      const load = { recordBytes, rate, settings: { acks } }
      return {
        async warmUp() {
          await produce(server, 'bench', { ...load, records: seconds(10) })
        },
        async run() {
          const used = countServerUse(server)
          const records = seconds(25)
          const report = await produce(server, 'bench', { ...load, records, warmUpRecords: seconds(5) })
          const { cpuSeconds, peakMemoryMiB } = used()
          const { p50Ms, p99Ms, p999Ms } = report
          return {
            p50Ms,
            p99Ms,
            p999Ms,
            serverCpu: (cpuSeconds * 1e6) / records,
            serverPeakMemoryMiB: peakMemoryMiB,
          }
        },
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      }
    },
  }
}
