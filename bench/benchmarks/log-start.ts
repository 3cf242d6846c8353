import { setTimeout as sleep } from 'node:timers/promises'
import type { Benchmark } from '../harness/benchmark.ts'
import { usageOfRunning } from '../harness/process-usage.ts'
import { serverConfiguration, startServer } from './log-server.ts'

export const logStart: Benchmark = {
  name: 'log-start',
  what: "from the start of the process to the first byte served, and idle memory, of Millrace's log and Kafka",
  rival: 'Kafka',
  needs: ['kafka'],
  configuration: {
    folder: "empty (Kafka's was formatted before)",
    idleAfterSeconds: 3,
    ...serverConfiguration,
  },
  measures: [
    { key: 'startMs', label: 'start to first byte served, ms', better: 'lower', digits: 0 },
    { key: 'startCpu', label: 'CPU until then and 3 s idle, s', better: 'lower', digits: 2 },
    { key: 'idleMemoryMiB', label: 'idle memory, MiB', better: 'lower', digits: 0 },
    { key: 'peakMemoryMiB', label: 'peak memory, MiB', better: 'lower', digits: 0 },
  ],
  cases: [
    {
      name: 'an empty log',
      configuration: {},
      async open(side) {
        return {
          async run() {
            await using server = await startServer(side)
            await sleep(3_000)
            const { cpuSeconds, memoryMiB, peakMemoryMiB } = usageOfRunning(server.pid)
            return { startMs: server.startMs, startCpu: cpuSeconds, idleMemoryMiB: memoryMiB, peakMemoryMiB }
          },
          async [Symbol.asyncDispose]() {},
        }
      },
    },
  ],
}
