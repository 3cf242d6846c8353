import { engineCount } from './benchmarks/engine-count.ts'
import { engineKafka } from './benchmarks/engine-kafka.ts'
import { engineKeys } from './benchmarks/engine-keys.ts'
import { logBehind } from './benchmarks/log-behind.ts'
import { logConsume } from './benchmarks/log-consume.ts'
import { logEndToEnd } from './benchmarks/log-e2e.ts'
import { logLatency } from './benchmarks/log-latency.ts'
import { logMany } from './benchmarks/log-many.ts'
import { logProduce } from './benchmarks/log-produce.ts'
import { logRestart } from './benchmarks/log-restart.ts'
import { logStart } from './benchmarks/log-start.ts'
import type { Benchmark } from './harness/benchmark.ts'

/** Every benchmark there is, in the order in which `all` runs them. */
export const benchmarks: readonly Benchmark[] = [
  logProduce(100),
  logProduce(1_000),
  logConsume(100),
  logConsume(1_000),
  logLatency,
  logEndToEnd,
  logMany,
  logBehind,
  logStart,
  logRestart,
  engineCount,
  engineKeys,
  engineKafka,
]
