import type { Benchmark, BenchmarkCase } from '../harness/benchmark.ts'
import { runCount } from './engine-count.ts'
import { flinkConfiguration } from './flink.ts'

const events = 20_000_000
/** Ten million events a window, so that even at a million keys what a window gives out is a tenth of what it takes in. */
const eventsPerMs = 1_000

export const engineKeys: Benchmark = {
  name: 'engine-keys',
  what: 'the CPU that an event costs from a thousand keys to a million, same job as engine-count, against Flink',
  rival: 'Flink',
  needs: ['flink'],
  configuration: { events, eventsPerWindow: eventsPerMs * 10_000, flink: flinkConfiguration },
  measures: [
    { key: 'nsPerEvent', label: 'CPU per event, ns', better: 'lower', digits: 0 },
    { key: 'peakMemoryMiB', label: 'peak memory, MiB', better: 'lower', digits: 0 },
  ],
  cases: [1_000, 10_000, 100_000, 1_000_000].map(keysCase),
}

function keysCase(auctions: number): BenchmarkCase {
  return {
    name: `${auctions.toLocaleString('en-US')} keys`,
    configuration: { auctions, flinkKeyedStreamHolds: 'auction numbers' },
    async open(side, { scale }) {
      return {
        run: () =>
          runCount(side, { events: Math.round(events * scale), auctions, eventsPerMs, variant: 'projected' }),
        async [Symbol.asyncDispose]() {},
      }
    },
  }
}
