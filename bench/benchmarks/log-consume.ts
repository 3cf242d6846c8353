import { kafkaTool } from '../../conformance/tools/kafka-tools.ts'
import type { Benchmark, BenchmarkCase } from '../harness/benchmark.ts'
import { measureCommand } from '../harness/process-usage.ts'
import {
  clientJvmFlags,
  countServerUse,
  createTopic,
  serverConfiguration,
  startServer,
} from './log-server.ts'
import { produce } from './log-produce.ts'

/** 1 GB a run at any record size. */
function recordsOf(recordBytes: number, scale: number): number {
  return Math.max(20_000, Math.round((1_000_000_000 / recordBytes) * scale))
}

export function logConsume(recordBytes: number): Benchmark {
  return {
    name: `log-consume-${recordBytes}b`,
    what: `kafka-consumer-perf-test, records of ${recordBytes} bytes, against Millrace's log and Kafka`,
    rival: 'Kafka',
    needs: ['kafka', 'kafka-tools'],
    configuration: { recordBytes, records: recordsOf(recordBytes, 1), ...serverConfiguration },
    measures: [
      { key: 'recordsPerSecond', label: 'records/s while fetching', better: 'higher', digits: 0 },
      { key: 'serverCpu', label: 'server CPU, s per million records', better: 'lower', digits: 3 },
      { key: 'clientCpu', label: 'client CPU, s per million records', better: 'lower', digits: 2 },
      { key: 'serverPeakMemoryMiB', label: 'server peak memory, MiB', better: 'lower', digits: 0 },
    ],
    cases: [consumeCase(recordBytes, 1), consumeCase(recordBytes, 4)],
  }
}

function consumeCase(recordBytes: number, partitions: number): BenchmarkCase {
  return {
    name: `${partitions} partition${partitions === 1 ? '' : 's'}`,
    configuration: {
      partitions,
      producedIn: 'batches of 128 KiB',
      consumer: "the tool's defaults, group of one",
    },
    async open(side, { scale }) {
      const server = await startServer(side)
      const records = recordsOf(recordBytes, scale)
      await createTopic(server, 'bench', partitions)
      await produce(server, 'bench', {
        records,
        recordBytes,
        rate: -1,
        settings: { 'batch.size': '131072', acks: '1' },
      })
      const run = async (): Promise<Readonly<Record<string, number>>> => {
        const used = countServerUse(server)
        const args = [
          '--bootstrap-server',
          server.address,
          '--topic',
          'bench',
          '--num-records',
          String(records),
        ]
        const { stdout, usage } = await measureCommand(
          kafkaTool('kafka-consumer-perf-test', [...args, '--timeout', '60000'], clientJvmFlags),
        )
        const { cpuSeconds, peakMemoryMiB } = used()
        const line = stdout.trim().split('\n').at(-1)?.split(', ') ?? []
        const [consumed, perSecond] = [Number(line[4]), Number(line[9])]
        if (!(consumed >= records))
          throw new Error(`kafka-consumer-perf-test ended with an unknown line: ${stdout}`)
        return {
          recordsPerSecond: perSecond,
          serverCpu: (cpuSeconds * 1e6) / consumed,
          clientCpu: (usage.cpuSeconds * 1e6) / consumed,
          serverPeakMemoryMiB: peakMemoryMiB,
        }
      }
      return {
        async warmUp() {
          await run()
        },
        run,
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      }
    },
  }
}
