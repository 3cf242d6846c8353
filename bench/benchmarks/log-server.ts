/** What the benchmarks of the log share: the two servers, their topics, and Kafka's own tools as the client of both. */
import { expectSuccess } from '../../conformance/tools/command.ts'
import { kafkaTool } from '../../conformance/tools/kafka-tools.ts'
import { kafkaJvmFlags, startKafka, type RunningServer } from '../../conformance/tools/start-kafka.ts'
import { startMillrace } from '../../conformance/tools/start-millrace.ts'
import type { Facts, SideName } from '../harness/benchmark.ts'
import { builtCommand } from '../harness/built-command.ts'
import { usageOfRunning } from '../harness/process-usage.ts'

/** The flags of Kafka's scripts for its tools: the client is the same program, with the same flags, on both sides. */
export const clientJvmFlags: readonly string[] = [
  '-Xmx512M',
  ...kafkaJvmFlags.filter((flag) => !flag.startsWith('-Xm')),
]

export const serverConfiguration: Facts = {
  kafka: {
    version: '4.4.0, one KRaft node (broker and controller)',
    jvmFlags: kafkaJvmFlags,
    settings:
      'defaults but for replication factor 1 of the internal topics and log.segment.delete.delay.ms=1000',
  },
  millrace: { command: 'millrace start of the built package', settings: 'defaults' },
  client: { tool: "Kafka 4.3.1's own perf tools, on the same machine", jvmFlags: clientJvmFlags },
}

/** What `acks=all` waits for: the device, Millrace's default, or the page cache, which is all that one Kafka node does. */
export type Guarantee = 'device' | 'page cache'

/** @param options.folder holds the data, those of an earlier run too; a temporary one, removed at the end, by default. */
export function startServer(
  side: SideName,
  guarantee: Guarantee = 'device',
  options: { readonly folder?: string } = {},
): Promise<RunningServer> {
  const env = guarantee === 'device' ? {} : { MILLRACE_BROKER_LOG_FLUSH_ACKS: 'never' }
  return side === 'ours'
    ? startMillrace({ ...options, command: builtCommand(), env })
    : startKafka({ ...options, settings: { 'log.segment.delete.delay.ms': '1000' } })
}

export function saidOf(guarantee: Guarantee | undefined): string {
  return guarantee === 'page cache' ? ', both in the page cache' : ''
}

export async function createTopic(server: RunningServer, topic: string, partitions: number): Promise<void> {
  const args = [
    '--bootstrap-server',
    server.address,
    '--create',
    '--topic',
    topic,
    '--partitions',
    String(partitions),
  ]
  await expectSuccess(kafkaTool('kafka-topics', args))
}

export async function deleteTopic(server: RunningServer, topic: string): Promise<void> {
  await expectSuccess(
    kafkaTool('kafka-topics', ['--bootstrap-server', server.address, '--delete', '--topic', topic]),
  )
}

export interface ServerUse {
  readonly cpuSeconds: number
  readonly peakMemoryMiB: number
}

/** Starts counting; the returned function says what the server has used since. */
export function countServerUse(server: RunningServer): () => ServerUse {
  const before = usageOfRunning(server.pid)
  return () => {
    const now = usageOfRunning(server.pid)
    return { cpuSeconds: now.cpuSeconds - before.cpuSeconds, peakMemoryMiB: now.peakMemoryMiB }
  }
}
