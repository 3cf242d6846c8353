import type { Benchmark, BenchmarkCase } from '../harness/benchmark.ts'
import { measureCommand } from '../harness/process-usage.ts'
import { engineReport, flinkConfiguration, flinkProgram } from './flink.ts'
import { ourJob } from './our-job.ts'

const events = 20_000_000
const auctions = 10_000
const eventsPerMs = 100

export const engineCount: Benchmark = {
  name: 'engine-count',
  what: 'bids made in process, keyed by auction, counted in windows of 10 s: one job of parallelism 1, against Flink',
  rival: 'Flink',
  needs: ['flink'],
  configuration: {
    events,
    auctions,
    eventsPerWindow: eventsPerMs * 10_000,
    measured: 'from the first event made to the last result, after a quarter of the events as a warm-up',
    flink: flinkConfiguration,
  },
  measures: [
    { key: 'perCpuSecond', label: 'events per CPU-second', better: 'higher', digits: 0 },
    { key: 'perSecond', label: 'events/s', better: 'higher', digits: 0 },
    { key: 'peakMemoryMiB', label: 'peak memory, MiB', better: 'lower', digits: 0 },
  ],
  cases: [countCase('whole bids', 'whole'), countCase('Flink given only the key (its fastest)', 'projected')],
}

function countCase(name: string, variant: 'whole' | 'projected'): BenchmarkCase {
  return {
    name,
    configuration: { flinkKeyedStreamHolds: variant === 'whole' ? 'whole bids' : 'auction numbers' },
    async open(side, { scale }) {
      return {
        run: () => runCount(side, { events: Math.round(events * scale), auctions, eventsPerMs, variant }),
        async [Symbol.asyncDispose]() {},
      }
    },
  }
}

/** The checksum of the results that one of the sides printed, by load: the other side must print the same. */
const checksums = new Map<string, string>()

export async function runCount(
  side: 'ours' | 'rival',
  load: {
    readonly events: number
    readonly auctions: number
    readonly eventsPerMs: number
    readonly variant: 'whole' | 'projected'
  },
): Promise<Readonly<Record<string, number>>> {
  const amounts = [load.events, load.auctions, load.eventsPerMs]
  const command =
    side === 'ours' ? ourJob('count', amounts) : flinkProgram('CountJob', [...amounts, load.variant])
  const { stdout, usage } = await measureCommand(command)
  const report = engineReport(stdout)
  const key = amounts.join()
  const expected = checksums.get(key) ?? report.checksum
  checksums.set(key, expected)
  if (report.checksum !== expected)
    throw new Error(`the sides disagree: ${report.checksum} of ${side}, ${expected} before`)
  return {
    perCpuSecond: report.events / report.cpuSeconds,
    perSecond: report.events / report.wallSeconds,
    nsPerEvent: (report.cpuSeconds * 1e9) / report.events,
    peakMemoryMiB: usage.peakMemoryMiB,
  }
}
