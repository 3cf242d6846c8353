/** Kafka's own command line tools, run from their jars as their start scripts run them. */
import { join } from 'node:path'
import type { Command } from './command.ts'
import { paths } from './paths.ts'
import { classPath } from './witnesses.ts'

const mainClasses = {
  'kafka-producer-perf-test': 'org.apache.kafka.tools.ProducerPerformance',
  'kafka-consumer-perf-test': 'org.apache.kafka.tools.ConsumerPerformance',
  'kafka-e2e-latency': 'org.apache.kafka.tools.EndToEndLatency',
  'kafka-console-producer': 'org.apache.kafka.tools.ConsoleProducer',
  'kafka-console-consumer': 'org.apache.kafka.tools.consumer.ConsoleConsumer',
  'kafka-dump-log': 'org.apache.kafka.tools.DumpLogSegments',
  'kafka-topics': 'org.apache.kafka.tools.TopicCommand',
  'kafka-console-share-consumer': 'org.apache.kafka.tools.consumer.ConsoleShareConsumer',
  'kafka-consumer-groups': 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand',
  'kafka-streams-groups': 'org.apache.kafka.tools.streams.StreamsGroupCommand',
  'kafka-share-groups': 'org.apache.kafka.tools.consumer.group.ShareGroupCommand',
  'kafka-transactions': 'org.apache.kafka.tools.TransactionsCommand',
  'kafka-get-offsets': 'org.apache.kafka.tools.GetOffsetShell',
  'kafka-configs': 'kafka.admin.ConfigCommand',
  'kafka-acls': 'org.apache.kafka.tools.AclCommand',
  'kafka-client-metrics': 'org.apache.kafka.tools.ClientMetricsCommand',
} as const

export type KafkaTool = keyof typeof mainClasses

/** The command that runs a tool. `jvmFlags` default to a quick start; benchmarks pass their own. */
export function kafkaTool(
  tool: KafkaTool,
  args: readonly string[],
  jvmFlags: readonly string[] = ['-Xmx512M', '-XX:+UseG1GC', '-XX:TieredStopAtLevel=1'],
): Command {
  const logging = `-Dlog4j2.configurationFile=${join(import.meta.dirname, 'kafka', 'log4j2.xml')}`
  return {
    command: 'java',
    args: [...jvmFlags, logging, '-cp', classPath(paths.kafkaToolsLibs), mainClasses[tool], ...args],
  }
}
