import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RunningServer } from '../../conformance/tools/start-kafka.ts'
import type { Benchmark, BenchmarkCase, OpenSide, Sample, SideName } from '../harness/benchmark.ts'
import { usageOfRunning } from '../harness/process-usage.ts'
import { endOffsets, fill, type FilledTopics, makeTopics, withClient } from './fill-log.ts'
import { serverConfiguration, startServer } from './log-server.ts'

const TOPICS = 100
const PARTITIONS_PER_TOPIC = 10
const TOTAL_BYTES = 10_000_000_000
const BATCH_BYTES = 1_000_000
/** What is appended to every partition before each kill, so that there is something to recover. */
const TAIL_BATCH_BYTES = 100_000

export const logRestart: Benchmark = {
  name: 'log-restart',
  what: "from the start of the process to serving 1,000 partitions with 10 GB, of Millrace's log and Kafka",
  rival: 'Kafka',
  needs: ['kafka'],
  configuration: {
    partitions: TOPICS * PARTITIONS_PER_TOPIC,
    bytes: TOTAL_BYTES,
    recordBytes: 1_000,
    batchBytes: BATCH_BYTES,
    ready: 'ListOffsets has answered with the right end of every partition',
    ...serverConfiguration,
  },
  measures: [
    { key: 'readyMs', label: 'start to every partition served, ms', better: 'lower', digits: 0 },
    { key: 'firstByteMs', label: 'start to first byte served, ms', better: 'lower', digits: 0 },
    { key: 'cpuSeconds', label: 'CPU until then, s', better: 'lower', digits: 2 },
    { key: 'memoryMiB', label: 'memory then, MiB', better: 'lower', digits: 0 },
  ],
  cases: [restartCase('a clean stop'), restartCase('kill -9')],
}

function restartCase(after: 'a clean stop' | 'kill -9'): BenchmarkCase {
  return {
    name: `after ${after}`,
    configuration:
      after === 'kill -9'
        ? { beforeTheKill: `${TAIL_BATCH_BYTES} bytes to every partition, acks=1, of a server just started` }
        : {},
    async open(side, { scale }) {
      const opened = await Restarts.open(side, scale)
      return after === 'kill -9' ? opened.afterKill() : opened.afterStop()
    },
  }
}

class Restarts {
  readonly #side: SideName
  readonly #folder: string
  readonly #filled: FilledTopics
  #records: number

  static async open(side: SideName, scale: number): Promise<Restarts> {
    const folder = mkdtempSync(join(tmpdir(), `restart-${side}-`))
    const topics = Array.from({ length: TOPICS }, (_, index) => `bench-${index}`)
    const filled = { topics, partitions: PARTITIONS_PER_TOPIC }
    const batches = Math.max(
      1,
      Math.round((TOTAL_BYTES * scale) / (TOPICS * PARTITIONS_PER_TOPIC * BATCH_BYTES)),
    )
    await using server = await startServer(side, 'device', { folder })
    const perBatch = await withClient(server.address, async (client) => {
      await makeTopics(client, filled)
      return await fill(client, filled, { batches, batchBytes: BATCH_BYTES })
    })
    execFileSync('sync') // So that a clean stop finds little to bring to the disk and is not cut short.
    await server.stop()
    return new Restarts(side, { folder, filled, records: perBatch * batches })
  }

  private constructor(
    side: SideName,
    log: { readonly folder: string; readonly filled: FilledTopics; readonly records: number },
  ) {
    this.#side = side
    this.#folder = log.folder
    this.#filled = log.filled
    this.#records = log.records
  }

  afterStop(): OpenSide {
    return { run: () => this.#measure(), ...this.#disposal() }
  }

  afterKill(): OpenSide {
    const run = async (): Promise<Sample> => {
      await using server = await startServer(this.#side, 'device', { folder: this.#folder })
      this.#records += await withClient(server.address, async (client) => {
        await endOffsets(client, this.#filled)
        return await fill(client, this.#filled, { batches: 1, batchBytes: TAIL_BATCH_BYTES })
      })
      process.kill(server.pid, 'SIGKILL')
      await server.stop()
      return await this.#measure()
    }
    return { run, ...this.#disposal() }
  }

  async #measure(): Promise<Sample> {
    await using server: RunningServer = await startServer(this.#side, 'device', { folder: this.#folder })
    const firstByteAtMs = performance.now()
    const ends = await withClient(server.address, (client) => endOffsets(client, this.#filled))
    const readyMs = server.startMs + performance.now() - firstByteAtMs
    const wrong = ends.filter((end) => end !== this.#records)
    if (wrong.length > 0)
      throw new Error(`${wrong.length} partitions end at another offset than ${this.#records}: ${wrong[0]}`)
    const { cpuSeconds, memoryMiB } = usageOfRunning(server.pid)
    await server.stop()
    return { readyMs, firstByteMs: server.startMs, cpuSeconds, memoryMiB }
  }

  #disposal(): AsyncDisposable {
    const folder = this.#folder
    return {
      async [Symbol.asyncDispose]() {
        rmSync(folder, { recursive: true, force: true })
      },
    }
  }
}
