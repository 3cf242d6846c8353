import { kafkaTool } from '../../conformance/tools/kafka-tools.ts'
import type { RunningServer } from '../../conformance/tools/start-kafka.ts'
import type { Benchmark, BenchmarkCase } from '../harness/benchmark.ts'
import { measureCommand } from '../harness/process-usage.ts'
import {
  clientJvmFlags,
  countServerUse,
  createTopic,
  serverConfiguration,
  startServer,
} from './log-server.ts'

const RECORD_BYTES = 100
const RECORDS = 20_000

export const logEndToEnd: Benchmark = {
  name: 'log-e2e',
  what: "latency from a producer to a consumer, one record at a time (kafka-e2e-latency), of Millrace's log and Kafka",
  rival: 'Kafka',
  needs: ['kafka', 'kafka-tools'],
  configuration: { recordBytes: RECORD_BYTES, records: RECORDS, ...serverConfiguration },
  measures: [
    { key: 'meanMs', label: 'mean, ms', better: 'lower', digits: 3 },
    { key: 'p50Ms', label: 'p50, ms', better: 'lower', digits: 0 },
    { key: 'p99Ms', label: 'p99, ms', better: 'lower', digits: 0 },
    { key: 'p999Ms', label: 'p99.9, ms', better: 'lower', digits: 0 },
    { key: 'serverCpu', label: 'server CPU, ms per thousand records', better: 'lower', digits: 1 },
  ],
  cases: [endToEndCase('1'), endToEndCase('all')],
}

function endToEndCase(acks: '1' | 'all'): BenchmarkCase {
  return {
    name: `acks=${acks}`,
    configuration: {
      partitions: 1,
      producer: { acks },
      tool: 'its defaults (no linger, one record in flight)',
    },
    async open(side, { scale }) {
      const server = await startServer(side)
      const records = Math.max(1_000, Math.round(RECORDS * scale))
      let topics = 0
      const run = async (amount: number) => {
        const topic = `bench-${++topics}` // The tool reads a topic from its end, and fails when it is not empty at first.
        await createTopic(server, topic, 1)
        return await measureLatency(server, topic, { records: amount, acks })
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

async function measureLatency(
  server: RunningServer,
  topic: string,
  { records, acks }: { readonly records: number; readonly acks: string },
) {
  const used = countServerUse(server)
  const { stdout } = await measureCommand(
    kafkaTool(
      'kafka-e2e-latency',
      [
        ...['--bootstrap-server', server.address, '--topic', topic, '--num-records', String(records)],
        ...['--producer-acks', acks, '--record-size', String(RECORD_BYTES)],
      ],
      clientJvmFlags,
    ),
  )
  const { cpuSeconds } = used()
  const number = (pattern: RegExp): number => {
    const found = pattern.exec(stdout)?.[1]
    if (found === undefined) throw new Error(`kafka-e2e-latency ended with an unknown line: ${stdout}`)
    return Number(found)
  }
  return {
    meanMs: number(/Avg latency: ([\d.]+) ms/),
    p50Ms: number(/50th = (\d+)/),
    p99Ms: number(/99th = (\d+)/),
    p999Ms: number(/99\.9th = (\d+)/),
    serverCpu: (cpuSeconds * 1e6) / records,
  }
}
