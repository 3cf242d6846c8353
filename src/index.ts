/** The public entry of Millrace: describe a job, run it, read what it gives. */
export { MillraceError } from './base/millrace-error.ts'
export type { Report, ReportLevel } from './base/report.ts'

export { job, type } from './stream/graph/job.ts'
export { explain } from './stream/graph/explain.ts'
export type { StepSummary } from './stream/graph/explain.ts'
export type { EventTimeOptions, Job } from './stream/graph/plan.ts'
export type {
  Flow,
  KeyedStream,
  StepStream,
  Stream,
  WindowedStream,
  WindowResults,
} from './stream/graph/stream.ts'

export { session, sliding, tumbling } from './stream/operators/windows/window-spec.ts'
export type {
  AggregateResult,
  ReduceResult,
  WindowAssigner,
  WindowContext,
  WindowOf,
  WindowOptions,
  WindowTrigger,
} from './stream/operators/windows/window-spec.ts'
export {
  collect as collectAll,
  count,
  countDistinct,
  max,
  maxBy,
  mean,
  min,
  minBy,
  sum,
} from './stream/state/aggregators.ts'
export type { Aggregator } from './stream/state/aggregators.ts'
export { aggregating, list, map, reducing, value } from './stream/state/handles.ts'
export type {
  AggregatingHandle,
  Handles,
  ListHandle,
  MapHandle,
  ReducingHandle,
  StateShape,
  ValueHandle,
} from './stream/state/handles.ts'
export type { KeyedProcess, ProcessContext } from './stream/operators/keyed-process.ts'
export type { AsyncCall, AsyncMapOptions, AsyncRetry } from './stream/operators/map-async.ts'
export type { FiredTimer } from './stream/time/timer-service.ts'
export { NO_TIMESTAMP, WATERMARK_END, type JsonValue, type Key } from './stream/operators/operator.ts'

export type {
  DiscoveryContext,
  Source,
  SourceBatch,
  SourceContext,
  SourceReader,
  Split,
} from './stream/connector/source.ts'
export type { Committable, Sink, SinkContext, SinkWriter } from './stream/connector/sink.ts'
export { generator, randomAt, type GeneratorOptions } from './connectors/generator/generator.ts'
export { fromAsyncIterable, pushSource, type PushSource } from './connectors/callback/push-source.ts'
export { collect, type CollectOptions } from './connectors/collect/collect.ts'

export { runJob, type RunningJob } from './stream/runtime/run-job.ts'
export type { CheckpointOptions, RestartOptions, RunJobOptions } from './stream/runtime/job-options.ts'
export type {
  CheckpointMetrics,
  CompletedCheckpoint,
  JobMetrics,
  JobStatus,
  StepTotals,
} from './stream/runtime/job-metrics.ts'
export type { SplitMetrics } from './stream/runtime/step-metrics.ts'

export { startLog, type LogAccess, type LogOptions, type RunningLog } from './log/broker/start-log.ts'
export type {
  ListenerOptions,
  ListenerSaslOptions,
  ListenerTlsOptions,
  OAuthBearerOptions,
} from './log/broker/security/listener-options.ts'
export { serve, type Served, type ServedMirror, type ServeOptions } from './server/serve.ts'
export { startMirror } from './mirror/start-mirror.ts'
export type {
  Mirror,
  MirrorCluster,
  MirrorOptions,
  MirrorStatus,
  PartitionStatus,
} from './mirror/mirror-options.ts'
