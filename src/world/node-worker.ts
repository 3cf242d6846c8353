/**
 * The bootstrap of a worker thread: imports the entry module, calls its `main`, and ends the thread once `main` has
 * resolved. An error of `main` ends the thread and becomes the handle's `ended`.
 */
import { enableCompileCache, flushCompileCache } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '../base/assert.ts'
import type { WorkerStart } from './node-workers.ts'
import { nodeWorld } from './node.ts'
import { PendingMessages } from './pending-messages.ts'
import type { MessagePipe, WorkerMain } from './world.ts'

const FLUSH_AFTER_MS = 1_000
const port = parentPort
assert(port !== null, 'node-worker.ts runs in a worker thread only')

const received = new PendingMessages()
port.on('message', (message: unknown) => received.deliver(message))

const pipe: MessagePipe = {
  post: (message, transfer) => port.postMessage(message, [...(transfer ?? [])]),
  onMessage: (callback) => received.receive(callback, setImmediate),
}

const start = workerData as WorkerStart
if (start.compileCache !== undefined) {
  enableCompileCache(start.compileCache)
  // A process that is killed has kept what its threads compiled.
  setTimeout(flushCompileCache, FLUSH_AFTER_MS).unref()
}
const { main } = (await import(start.entry)) as { readonly main?: WorkerMain }
assert(typeof main === 'function', `worker module ${start.entry} exports no main`)
await main({ world: nodeWorld(), pipe, data: start.data })
process.exit(0)
