/** Runs the rival's programs: Flink jobs on an in-process cluster, and the loader and probe around the Kafka job. */
import type { Command } from '../../conformance/tools/command.ts'
import { paths } from '../../conformance/tools/paths.ts'
import { classPath } from '../../conformance/tools/witnesses.ts'
import type { Facts } from '../harness/benchmark.ts'

/** What Flink's own configuration opens on Java 17, and the collector that serves throughput best. */
const jvmFlags: readonly string[] = [
  '-Xmx4g',
  '-XX:+UseParallelGC',
  ...['lang', 'net', 'io', 'nio', 'lang.reflect', 'text', 'time', 'util'].map(opened),
  ...['util.concurrent', 'util.concurrent.atomic', 'util.concurrent.locks'].map(opened),
]

function opened(name: string): string {
  return `--add-opens=java.base/java.${name}=ALL-UNNAMED`
}

export const flinkConfiguration: Facts = {
  version: '2.3.0, connector for Kafka 5.0.0-2.2, DataStream API, in-process cluster',
  settings: 'object reuse, heap state backend (hashmap), POJOs and tuples only (no generic types)',
  jvmFlags: jvmFlags.slice(0, 2),
}

export type FlinkProgram = 'CountJob' | 'KafkaCountJob' | 'BidLoader'

export function flinkProgram(program: FlinkProgram, args: readonly (string | number)[]): Command {
  return {
    command: 'java',
    args: [...jvmFlags, '-cp', classPath(paths.flinkLibs, paths.flinkClasses), program, ...args.map(String)],
  }
}

export interface EngineReport {
  readonly events: number
  readonly cpuSeconds: number
  readonly wallSeconds: number
  readonly checksum: string
}

/** The last line that a job's program prints, on either side. */
export function engineReport(stdout: string): EngineReport {
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as EngineReport
}
