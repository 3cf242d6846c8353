import { getCompileCacheDir } from 'node:module'
import { availableParallelism } from 'node:os'
import { type ResourceLimits, Worker } from 'node:worker_threads'
import { MillraceError } from '../base/millrace-error.ts'
import { PendingMessages } from './pending-messages.ts'
import type { HeapLimits, SpawnOptions, WorkerHandle, Workers } from './world.ts'

/** What the bootstrap (`node-worker.ts`) finds as its `workerData`. */
export interface WorkerStart {
  readonly entry: string
  readonly data: unknown
  /** Where the process keeps compiled code, when it does (`module.enableCompileCache`); threads do not inherit it. */
  readonly compileCache: string | undefined
}

/** Worker threads. They inherit the process's options, such as `--conditions`. */
export class NodeWorkers implements Workers {
  readonly sharedMemoryWait: boolean = true
  readonly parallelism: number = availableParallelism()

  spawn(options: SpawnOptions): WorkerHandle {
    const start: WorkerStart = {
      entry: options.entry.href,
      data: options.data,
      compileCache: getCompileCacheDir(),
    }
    const worker = new Worker(new URL('./node-worker.ts', import.meta.url), {
      name: options.name,
      workerData: start,
      ...(options.heap && { resourceLimits: resourceLimits(options.heap) }),
    })
    const received = new PendingMessages()
    let failure: Error | undefined
    worker.on('message', (message: unknown) => received.deliver(message))
    worker.on('messageerror', (error) => {
      failure ??= error
      void worker.terminate()
    })
    worker.on('error', (error) => {
      failure ??= revive(error)
    })
    let terminated = false
    const ended = new Promise<Error | undefined>((resolve) => {
      worker.on('exit', (code) => {
        if (failure === undefined && code !== 0 && !terminated) {
          failure = new Error(`worker ${options.name} ended with exit code ${code}`)
        }
        resolve(failure)
      })
    })
    return {
      ended,
      post: (message, transfer) => worker.postMessage(message, [...(transfer ?? [])]),
      onMessage: (callback) => received.receive(callback, setImmediate),
      terminate: async () => {
        terminated = true
        await worker.terminate()
      },
    }
  }
}

function resourceLimits({ youngMiB, oldMiB }: HeapLimits): ResourceLimits {
  return { maxYoungGenerationSizeMb: youngMiB, maxOldGenerationSizeMb: oldMiB }
}

/** Errors lose their class on their way between threads; ours get it back. */
function revive(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error))
  if ((error as Partial<MillraceError>).code?.startsWith('MR_') === true && 'place' in error) {
    Object.setPrototypeOf(error, MillraceError.prototype)
  }
  return error
}
