import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Command, Option } from 'commander'
import type { JobMetrics } from '../stream/runtime/job-metrics.ts'
import type { RunningJob } from '../stream/runtime/run-job.ts'
import { parseBootstrap, wholeNumber } from './address.ts'
import { terminal } from './output.ts'
import { kafkaConfigOption, type ProcessOptions, withProcessOptions } from './process-options.ts'
import { stopSignal } from './stop-signals.ts'

interface RunOptions extends ProcessOptions {
  readonly kafka?: string
  readonly kafkaConfig?: string
  readonly parallelism: number
  readonly checkpointInterval: number
  readonly from?: string
  readonly allowDroppedState: boolean
  readonly restarts: number
}

export function addRun(program: Command): void {
  withProcessOptions(
    program
      .command('run')
      .argument('<JOB>', 'module whose default export is a job: job.ts')
      .summary('run a job, on the embedded log or on a Kafka cluster')
      .description(
        'Runs a job, one worker thread for each unit of parallelism. Without --kafka the embedded log is started too. ' +
          'Resumes from the newest checkpoint under --data; Ctrl-C takes a last one. Exit code 0: the job has finished or was ' +
          'stopped; 1: it has failed.',
      ),
  )
    .addOption(
      new Option(
        '--kafka <HOST:PORT>',
        'use this log or Kafka cluster instead of the embedded log',
      ).argParser(parseBootstrap),
    )
    .addOption(kafkaConfigOption())
    .addOption(new Option('--parallelism <N>', 'subtasks of every step').argParser(wholeNumber(1)).default(1))
    .addOption(
      new Option(
        '--checkpoint-interval <MS>',
        'time between checkpoints, which is what exactly-once output waits for',
      )
        .argParser(wholeNumber(1))
        .default(100),
    )
    .addOption(
      new Option(
        '--restarts <N>',
        'restarts from a checkpoint, with none in between, before the job has failed',
      )
        .argParser(wholeNumber(0))
        .default(10),
    )
    .option(
      '--from <SAVEPOINT>',
      'begin from this savepoint directory; a job that has begun from it before goes on from its newest checkpoint',
    )
    .option('--allow-dropped-state', 'forget state of the savepoint that the job has no step for', false)
    .addHelpText(
      'after',
      '\nExamples:\n  $ millrace run job.ts\n  $ millrace run job.ts --kafka broker:9092 --parallelism 2\n  $ millrace run job.ts --from "$(millrace savepoint NAME --stop)"',
    )
    .action(async (module: string, options: RunOptions) => {
      const stop = stopSignal({ announce: true })
      const { clientAddresses, reloadAtHangUp, serveProcess, settingsOf } = await import('./serve-process.ts')
      await using served = await serveProcess(await settingsOf(options), options)
      const run = await served.run(pathToFileURL(resolve(module)), {
        parallelism: options.parallelism,
        checkpoint: { intervalMs: options.checkpointInterval },
        restart: { limit: options.restarts },
        allowDroppedState: options.allowDroppedState,
        ...(options.from !== undefined && { from: options.from }),
      })
      const page = served.url === undefined ? '' : `, status page on ${served.url}`
      terminal.note(`millrace: the job ${run.name} runs, Kafka clients on ${clientAddresses(served)}${page}`)
      reloadAtHangUp(served)
      const progress = setInterval(() => terminal.progress(progressOf(run)), 1_000)
      try {
        await Promise.race([stop.then(() => run.stop()), run.ended, served.logEnded])
      } finally {
        clearInterval(progress)
      }
      terminal.note(`millrace: the job ${run.name} has ${run.status}: ${progressOf(run)}`)
    })
}

function progressOf(run: RunningJob): string {
  const metrics: JobMetrics = run.metrics()
  const read = sum(metrics, 'source', 'eventsIn')
  const written = sum(metrics, 'sink', 'eventsIn')
  const counter = (name: string): number =>
    metrics.steps.reduce((total, step) => total + (step.counters[name] ?? 0), 0)
  const { completed, last } = metrics.checkpoints
  const checkpoint = last === undefined ? '' : `, the last took ${Math.round(last.durationMs)} ms`
  const counts = [read, written, counter('late'), counter('rejected'), completed].map((count) =>
    count.toLocaleString('en'),
  )
  return `${counts[0]} events read, ${counts[1]} written, ${counts[2]} late, ${counts[3]} rejected, ${counts[4]} checkpoints${checkpoint}`
}

function sum(metrics: JobMetrics, kind: string, field: 'eventsIn' | 'eventsOut'): number {
  return metrics.steps.filter((step) => step.kind === kind).reduce((total, step) => total + step[field], 0)
}
