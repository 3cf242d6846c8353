import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Simulation } from '../../world/simulated/simulation.ts'
import { sleep } from '../../world/world.ts'
import { BufferPool } from './buffer-pool.ts'
import { FrameAssembler } from './frame-assembler.ts'
import { type MemoryAccount, RequestMemory } from './request-memory.ts'

const MIB = 1 << 20

class Client {
  readonly account: MemoryAccount
  readonly frames: FrameAssembler
  done = 0
  closed = false

  constructor(memory: RequestMemory) {
    this.account = memory.open({
      memoryIsThere: () => this.look(),
      memoryIsNeeded: () => this.close(),
    })
    this.frames = new FrameAssembler({ maxBytes: 100 * MIB, pool: new BufferPool(), memory: this.account })
  }

  /** Announces a frame of `size` and sends `bytes` of it. */
  begin(size: number, bytes: number): void {
    const prefix = Buffer.alloc(4)
    prefix.writeInt32BE(size)
    this.frames.push(prefix)
    this.send(bytes)
  }

  send(bytes: number): void {
    this.account.progressed()
    this.frames.push(Buffer.alloc(bytes))
    this.look()
  }

  look(): void {
    for (let frame = this.frames.next(); Buffer.isBuffer(frame); frame = this.frames.next()) {
      this.done++
      this.frames.recycle(frame)
    }
  }

  close(): void {
    this.closed = true
    this.frames.close()
    this.account.close()
  }
}

function inSimulation(test: (simulation: Simulation, memory: RequestMemory) => Promise<void>): Promise<void> {
  const simulation = new Simulation({ seed: 1 })
  const memory = new RequestMemory({ limitBytes: 8 * MIB, clock: simulation.clock })
  return simulation.run(() => test(simulation, memory))
}

describe('memory for requests', () => {
  it('a length alone takes none, and what is held is what has come, up to twice', () =>
    inSimulation(async (_simulation, memory) => {
      const client = new Client(memory)
      client.begin(100 * MIB, 0)
      assert.equal(memory.heldBytes, 0)
      client.send(3 * MIB)
      assert.ok(memory.heldBytes >= 3 * MIB && memory.heldBytes <= 6 * MIB, String(memory.heldBytes))
      client.close()
      assert.equal(memory.heldBytes, 0)
    }))

  it('many requests that are larger together than the limit come through one after the other', () =>
    inSimulation(async (simulation, memory) => {
      const clients = Array.from({ length: 20 }, () => new Client(memory))
      for (const client of clients) client.begin(4 * MIB, 3 * MIB)
      await sleep(simulation.clock, 100)
      assert.ok(memory.heldBytes <= 12 * MIB, String(memory.heldBytes))
      for (const client of clients) client.send(MIB)
      for (let round = 0; round < 50; round++) await sleep(simulation.clock, 1)
      assert.deepEqual(
        clients.map(({ done }) => done),
        clients.map(() => 1),
      )
      assert.equal(memory.heldBytes, 0)
    }))

  it('small requests need not wait for it', () =>
    inSimulation(async (_simulation, memory) => {
      memory.work(100 * MIB)
      const client = new Client(memory)
      client.begin(60_000, 100)
      client.send(59_900)
      assert.equal(client.done, 1)
    }))

  it('those who stop in the middle are closed while others starve, and only then', () =>
    inSimulation(async (simulation, memory) => {
      const stuck = Array.from({ length: 4 }, () => new Client(memory))
      for (const client of stuck) client.begin(20 * MIB, 2 * MIB)
      await sleep(simulation.clock, 60_000)
      assert.ok(stuck.every(({ closed }) => !closed))
      const honest = Array.from({ length: 3 }, () => new Client(memory))
      for (const client of honest) client.begin(6 * MIB, 6 * MIB)
      await sleep(simulation.clock, 20_000)
      assert.deepEqual(
        honest.map(({ done }) => done),
        [1, 1, 1],
      )
      assert.ok(memory.heldBytes <= 8 * MIB)
    }))

  it('what is in work counts, and nobody is favoured while it takes all', () =>
    inSimulation(async (simulation, memory) => {
      memory.work(9 * MIB)
      assert.ok(memory.isFull)
      const client = new Client(memory)
      client.begin(MIB, MIB / 2)
      client.send(MIB / 2)
      await sleep(simulation.clock, 1_000)
      assert.equal(client.done, 0)
      memory.work(-9 * MIB)
      await sleep(simulation.clock, 1)
      assert.equal(client.done, 1)
    }))
})
