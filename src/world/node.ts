/**
 * The real world, on Node's own modules. Nothing outside `src/world` may touch clock, randomness, disk, sockets or
 * threads; `tools/tidy.ts` enforces it.
 */
import { performance } from 'node:perf_hooks'
import { NodeDisk } from './node-disk.ts'
import { NodeNetwork } from './node-network.ts'
import { NodeWorkers } from './node-workers.ts'
import type { Clock, Random, Timer, World } from './world.ts'

/** The platform's longest timer; longer delays are re-armed. */
const MAX_TIMER_MS = 2_147_483_647
const RANDOM_POOL_BYTES = 4096

/** The world as this machine has it. Cheap to create; holds no resource until it is used. */
export function nodeWorld(): World {
  return {
    clock: new NodeClock(),
    random: new NodeRandom(),
    disk: new NodeDisk(),
    network: new NodeNetwork(),
    workers: new NodeWorkers(),
  }
}

class NodeClock implements Clock {
  nowMs(): number {
    return Date.now()
  }

  monotonicMs(): number {
    return performance.now()
  }

  schedule(delayMs: number, callback: () => void): Timer {
    if (!(delayMs > MAX_TIMER_MS)) {
      // As in the simulation; Node warns of a negative delay, which is what is left of a deadline that has passed.
      const handle = setTimeout(callback, Math.max(1, delayMs))
      return { cancel: () => clearTimeout(handle) }
    }
    let inner: Timer = { cancel: () => undefined }
    const handle = setTimeout(() => {
      inner = this.schedule(delayMs - MAX_TIMER_MS, callback)
    }, MAX_TIMER_MS)
    return {
      cancel: () => {
        clearTimeout(handle)
        inner.cancel()
      },
    }
  }

  defer(callback: () => void): void {
    setImmediate(callback)
  }
}

/** Loads `node:crypto` when it is first asked: 6 ms of a thread's start, and not every thread asks. */
class NodeRandom implements Random {
  #pool: Buffer = Buffer.alloc(0)
  #used = 0

  uint32(): number {
    if (this.#used + 4 > this.#pool.length) {
      this.#pool = randomBytes(RANDOM_POOL_BYTES)
      this.#used = 0
    }
    const value = this.#pool.readUInt32LE(this.#used)
    this.#used += 4
    return value
  }

  bytes(length: number): Uint8Array {
    return randomBytes(length)
  }
}

function randomBytes(length: number): Buffer {
  return process.getBuiltinModule('node:crypto').randomBytes(length)
}
