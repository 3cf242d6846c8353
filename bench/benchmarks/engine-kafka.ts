import { spawn } from 'node:child_process'
import { expectSuccess } from '../../conformance/tools/command.ts'
import { endProcess } from '../../conformance/tools/end-process.ts'
import { startKafka, type RunningServer } from '../../conformance/tools/start-kafka.ts'
import { startMillrace } from '../../conformance/tools/start-millrace.ts'
import type { Benchmark, BenchmarkCase, OpenSide, Sample, SideName } from '../harness/benchmark.ts'
import { measureCommand, usageOfRunning } from '../harness/process-usage.ts'
import { engineReport, flinkConfiguration, flinkProgram } from './flink.ts'
import { createTopic } from './log-server.ts'
import { ourJob } from './our-job.ts'

const records = 4_000_000
const auctions = 10_000
const eventsPerMs = 100
const latencyRate = 20_000
const latencySeconds = 20
const latencyWarmUpSeconds = 6
const ourCheckpointMs = 100

type Where = 'own log' | 'both on Kafka'

const whereSaid: Readonly<Record<Where, string>> = {
  'own log': "Millrace on Millrace's log, Flink on Kafka",
  'both on Kafka': 'both on a Kafka',
}

type Parsed = 'whole' | 'fields'

const parsedSaid: Readonly<Record<Parsed, string>> = {
  whole: 'every field parsed (JSON.parse, Jackson to a POJO)',
  fields: 'the two needed fields parsed (jsonFields, Jackson skipping the rest)',
}

export const engineKafka: Benchmark = {
  name: 'engine-kafka',
  what: 'JSON bids of a topic, parsed, keyed, counted in windows of 10 s, written exactly once: throughput and latency, against Flink',
  rival: 'Flink',
  needs: ['kafka', 'kafka-tools', 'flink'],
  configuration: {
    records,
    auctions,
    partitions: 4,
    eventsPerWindow: eventsPerMs * 10_000,
    throughput:
      'engine process only, from the first record to the last commit, after a quarter of the topic as a warm-up',
    latency: `${latencyRate} events/s for ${latencySeconds} s, the first ${latencyWarmUpSeconds} left out; from when a result's last bid was due to when a read_committed consumer has the result; event time runs 100 times as fast as the clock`,
    flink: flinkConfiguration,
    millrace: { checkpointIntervalMs: ourCheckpointMs },
  },
  measures: [
    { key: 'perCpuSecond', label: 'events per CPU-second of the engine', better: 'higher', digits: 0 },
    { key: 'perSecond', label: 'events/s', better: 'higher', digits: 0 },
    { key: 'p50Ms', label: 'p50 produce to visible, ms', better: 'lower', digits: 0 },
    { key: 'p99Ms', label: 'p99 produce to visible, ms', better: 'lower', digits: 0 },
    { key: 'lagMaxMs', label: 'load generator behind its schedule at most, ms', better: 'lower', digits: 0 },
    { key: 'engineCpuShare', label: 'engine CPU, cores', better: 'lower', digits: 2 },
    { key: 'peakMemoryMiB', label: 'engine peak memory, MiB', better: 'lower', digits: 0 },
  ],
  cases: [
    throughputCase('own log', 'whole'),
    throughputCase('own log', 'fields'),
    throughputCase('both on Kafka', 'fields'),
    latencyCase('own log', 1_000),
    latencyCase('own log', 100),
    latencyCase('both on Kafka', 1_000),
  ],
}

function startLog(side: SideName, where: Where): Promise<RunningServer> {
  return side === 'ours' && where === 'own log' ? startMillrace() : startKafka()
}

function throughputCase(where: Where, parsed: Parsed): BenchmarkCase {
  return {
    name: `throughput, ${whereSaid[where]}, ${parsed === 'whole' ? 'bids parsed whole' : 'two fields parsed'}`,
    configuration: { parallelism: 1, flinkCheckpointIntervalMs: 1_000, parsed: parsedSaid[parsed] },
    async open(side, { scale }): Promise<OpenSide> {
      const server = await startLog(side, where)
      const amount = Math.ceil((records * scale) / 16) * 16
      await load(server, 'bids', amount)
      await load(server, 'bids-warm-up', amount / 4)
      let outputs = 0
      return {
        async run() {
          const out = `counts-${++outputs}`
          await createTopic(server, out, 4)
          await createTopic(server, `${out}-warm-up`, 4)
          const args = (checkpointMs: number): (string | number)[] => [
            ...[server.address, 'bids', out, 1, checkpointMs, amount, parsed],
          ]
          const { stdout, usage } = await measureCommand(
            side === 'ours'
              ? ourJob('kafka-count', args(ourCheckpointMs))
              : flinkProgram('KafkaCountJob', args(1_000)),
          )
          await checkResults(server, out, amount)
          const report = engineReport(stdout)
          return {
            perCpuSecond: report.events / report.cpuSeconds,
            perSecond: report.events / report.wallSeconds,
            peakMemoryMiB: usage.peakMemoryMiB,
          }
        },
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      }
    },
  }
}

async function load(server: RunningServer, topic: string, amount: number): Promise<void> {
  await createTopic(server, topic, 4)
  const program = flinkProgram('BidLoader', ['load', server.address, topic, amount, auctions, eventsPerMs])
  await expectSuccess(program, { timeoutMs: 300_000 })
}

/** The checksum of what the first run wrote, by how many bids there were: all runs of both sides must write the same. */
const checksums = new Map<number, string>()

async function checkResults(server: RunningServer, out: string, amount: number): Promise<void> {
  const { stdout } = await expectSuccess(flinkProgram('BidLoader', ['check', server.address, out]))
  const { checksum } = engineReport(stdout)
  const expected = checksums.get(amount) ?? checksum
  checksums.set(amount, expected)
  if (checksum !== expected)
    throw new Error(`the results in ${out} are ${checksum}, another run's were ${expected}`)
}

function latencyCase(where: Where, flinkCheckpointMs: number): BenchmarkCase {
  return {
    name: `latency, ${whereSaid[where]}, Flink's checkpoints each ${flinkCheckpointMs} ms`,
    configuration: { flinkCheckpointIntervalMs: flinkCheckpointMs, ratePerSecond: latencyRate },
    async open(side, { scale }): Promise<OpenSide> {
      const server = await startLog(side, where)
      let runs = 0
      return {
        run: () => latencyRun(server, side, { number: ++runs, scale, flinkCheckpointMs }),
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      }
    },
  }
}

async function latencyRun(
  server: RunningServer,
  side: SideName,
  options: { readonly number: number; readonly scale: number; readonly flinkCheckpointMs: number },
): Promise<Sample> {
  const [bids, out] = [`bids-${options.number}`, `counts-${options.number}`]
  await createTopic(server, bids, 4)
  await createTopic(server, out, 4)
  const { command, args } =
    side === 'ours'
      ? ourJob('kafka-count', [server.address, bids, out, 1, ourCheckpointMs, 0, 'fields'])
      : flinkProgram('KafkaCountJob', [server.address, bids, out, 1, options.flinkCheckpointMs, 0, 'fields'])
  const engine = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  try {
    await expectSuccess(flinkProgram('BidLoader', ['prime', server.address, bids, out]), {
      timeoutMs: 120_000,
    })
    const pid = engine.pid ?? 0
    const before = usageOfRunning(pid)
    const seconds = Math.max(6, Math.round(latencySeconds * options.scale))
    const warmUpSeconds = Math.min(latencyWarmUpSeconds, seconds / 2)
    const startedMs = performance.now()
    const { stdout } = await expectSuccess(
      flinkProgram('BidLoader', [
        'latency',
        server.address,
        bids,
        out,
        latencyRate,
        seconds,
        Math.round(warmUpSeconds),
      ]),
      { timeoutMs: 120_000 },
    )
    const after = usageOfRunning(pid)
    const { p50Ms, p99Ms, lagMaxMs } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as {
      p50Ms: number
      p99Ms: number
      lagMaxMs: number
    }
    return {
      p50Ms,
      p99Ms,
      lagMaxMs,
      engineCpuShare: ((after.cpuSeconds - before.cpuSeconds) * 1_000) / (performance.now() - startedMs),
      peakMemoryMiB: after.peakMemoryMiB,
    }
  } finally {
    await endProcess(engine)
  }
}
