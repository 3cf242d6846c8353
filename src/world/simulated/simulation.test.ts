import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MillraceError } from '../../base/millrace-error.ts'
import { makeDurableDirectory, readText, writeAtomically, writeWhole } from '../files.ts'
import { worldSuite } from '../world-suite.ts'
import { sleep } from '../world.ts'
import type { World } from '../world.ts'
import { Simulation, simulatedWorld } from './simulation.ts'

let nextSeed = 1
worldSuite('simulated', {
  run: (body) => {
    const { simulation, machine } = simulatedWorld({ seed: nextSeed++ })
    machine.world.disk.makeDirectory('/data')
    return simulation.run(() => body(machine.world, '/data'))
  },
})

/** A run of many things at once, as text. */
async function trace(seed: number): Promise<string> {
  const simulation = new Simulation({ seed, network: { cutChance: 0.02, fragmentChance: 0.5 } })
  const server = simulation.machine('server')
  const client = simulation.machine('client')
  const lines: string[] = []
  await simulation.run(async () => {
    const { network, clock } = server.world
    const listener = await network.listen({
      host: '127.0.0.1',
      port: 9092,
      onConnection: (connection) =>
        connection.handle({
          onData: (chunk) => {
            lines.push(`${clock.monotonicMs()} ${chunk.length}`)
            connection.write([Buffer.from(chunk)])
          },
          onDrain: () => undefined,
          onClose: (error) => lines.push(`close ${error?.message}`),
        }),
    })
    for (let i = 0; i < 20; i++) {
      const connection = await client.world.network.connect({
        host: 'localhost',
        port: listener.port,
        timeoutMs: 100,
      })
      connection.handle({ onData: () => undefined, onDrain: () => undefined, onClose: () => undefined })
      for (let j = 0; j < 5; j++) connection.write([client.world.random.bytes(100)])
      await sleep(client.world.clock, client.world.random.uint32() % 10)
    }
  })
  return lines.join('\n')
}

describe('simulation', () => {
  it('the same seed gives the same run, another seed another', async () => {
    assert.equal(await trace(5), await trace(5))
    assert.notEqual(await trace(5), await trace(6))
  })

  it('a year passes at once', async () => {
    const { simulation, machine } = simulatedWorld()
    const before = machine.world.clock.nowMs()
    await simulation.run(() => sleep(machine.world.clock, 365 * 86_400_000))
    assert.equal(machine.world.clock.nowMs() - before, 365 * 86_400_000)
  })

  it('a scenario that waits for nothing fails instead of hanging', async () => {
    const { simulation } = simulatedWorld()
    await assert.rejects(
      simulation.run(() => new Promise(() => undefined)),
      /stuck/,
    )
  })

  it('an error in a callback fails the run', async () => {
    const { simulation, machine } = simulatedWorld()
    machine.world.clock.schedule(5, () => {
      throw new Error('from a timer')
    })
    await assert.rejects(
      simulation.run(() => sleep(simulation.clock, 10)),
      /from a timer/,
    )
  })

  it('nothing of a killed machine runs afterwards, its workers neither', async () => {
    const { simulation, machine } = simulatedWorld()
    let ticks = 0
    const tick = ({ clock }: World): void => {
      ticks++
      clock.schedule(10, () => tick({ ...machine.world, clock }))
    }
    await simulation.run(async () => {
      tick(machine.world)
      const entry = new URL('../worker-for-tests.ts', import.meta.url)
      const worker = machine.world.workers.spawn({ entry, name: 'echo', data: { mode: 'echo' } })
      let messages = 0
      worker.onMessage(() => messages++)
      const file = machine.world.disk.open('/f', { create: true })
      let synced = false
      await sleep(simulation.clock, 100)
      void file.sync().then(() => (synced = true))
      machine.kill()
      const { ticksThen, messagesThen } = { ticksThen: ticks, messagesThen: messages }
      worker.post('x')
      file.write([Buffer.from('x')], 0)
      await sleep(simulation.clock, 1000)
      assert.deepEqual([ticks, messages, synced], [ticksThen, messagesThen, false])
      assert.equal(readText(machine.world.disk, '/f'), '')
    })
  })
})

describe('simulated disk', () => {
  it('a kill keeps the page cache, a power loss what was synced', async () => {
    const { simulation, machine } = simulatedWorld()
    await simulation.run(async () => {
      const file = machine.world.disk.open('/f', { create: true })
      await machine.world.disk.syncDirectory('/')
      file.write([Buffer.from('synced ')], 0)
      await file.sync()
      file.write([Buffer.from('cached')], 7)
      machine.kill()
      assert.equal(readText(machine.world.disk, '/f'), 'synced cached')
      machine.losePower({ unsynced: 'none' })
      assert.equal(readText(machine.world.disk, '/f'), 'synced ')
    })
  })

  it('a name is lost when its directory was not synced, with all below it', async () => {
    const { simulation, machine } = simulatedWorld()
    await simulation.run(async () => {
      const { disk } = machine.world
      disk.makeDirectory('/kept')
      await disk.syncDirectory('/')
      disk.makeDirectory('/lost')
      writeWhole(disk, '/lost/f', 'x')
      await disk.open('/lost/f').sync()
      await disk.syncDirectory('/lost')
      machine.losePower({ unsynced: 'none' })
      assert.deepEqual(machine.world.disk.list('/'), ['kept'])
    })
  })

  it('a durable directory is so also when an earlier process made it and died before it was', async () => {
    const { simulation, machine } = simulatedWorld()
    await simulation.run(async () => {
      void makeDurableDirectory(machine.world.disk, '/a/b/c')
      machine.kill()
      await makeDurableDirectory(machine.world.disk, '/a/b/c')
      machine.losePower({ unsynced: 'none' })
      assert.equal(machine.world.disk.stat('/a/b/c')?.kind, 'directory')
    })
  })

  it('an atomic write leaves the old or the new content, whatever a power loss keeps', async () => {
    const left = new Set<string | undefined>()
    for (let seed = 0; seed < 60; seed++) {
      const { simulation, machine } = simulatedWorld({ seed })
      await simulation.run(async () => {
        await writeAtomically(machine.world.disk, '/f', 'old '.repeat(300))
        void writeAtomically(machine.world.disk, '/f', 'new!'.repeat(400))
        await sleep(simulation.clock, simulation.random.below(5))
        machine.losePower()
      })
      left.add(readText(machine.world.disk, '/f'))
    }
    assert.deepEqual([...left].sort(), ['new!'.repeat(400), 'old '.repeat(300)])
  })

  it('unsynced writes are lost in part: prefixes, torn sectors, and holes', async () => {
    const left = new Set<string>()
    for (let seed = 0; seed < 40; seed++) {
      const { simulation, machine } = simulatedWorld({ seed })
      await simulation.run(async () => {
        const file = machine.world.disk.open('/f', { create: true })
        await machine.world.disk.syncDirectory('/')
        for (const [i, letter] of ['a', 'b', 'c'].entries())
          file.write([Buffer.alloc(1024, letter)], i * 1024)
        machine.losePower()
      })
      left.add(
        Array.from(readText(machine.world.disk, '/f') ?? '', (letter) => letter)
          .filter((_, i) => i % 512 === 0)
          .join(''),
      )
    }
    assert.ok(left.has('') && left.has('aabbcc') && left.has('aabb'))
    assert.ok([...left].some((sectors) => sectors.includes('\0')))
  })

  it('a device that reorders keeps later writes and names without earlier ones', async () => {
    const left = new Set<string>()
    for (let seed = 0; seed < 60; seed++) {
      const { simulation, machine } = simulatedWorld({ seed })
      await simulation.run(async () => {
        const { disk } = machine.world
        for (const directory of ['/a', '/b']) disk.makeDirectory(directory)
        const file = disk.open('/f', { create: true })
        file.write([Buffer.from('--')], 0)
        await Promise.all([file.sync(), disk.syncDirectory('/')])
        file.write([Buffer.from('1')], 0)
        file.write([Buffer.from('2')], 1)
        disk.open('/a/first', { create: true })
        disk.open('/b/second', { create: true })
        machine.losePower({ unsynced: 'reordered', torn: false })
        left.add(
          [
            readText(machine.world.disk, '/f'),
            ...machine.world.disk.list('/a'),
            ...machine.world.disk.list('/b'),
          ].join(' '),
        )
      })
    }
    assert.ok([...left].some((state) => state.startsWith('-2')))
    assert.ok([...left].some((state) => state.includes('second') && !state.includes('first')))
  })

  it('a disk that is read-only refuses every change and is read as before', async () => {
    const { simulation, machine } = simulatedWorld()
    await simulation.run(async () => {
      const { disk } = machine.world
      const file = disk.open('/f', { create: true })
      file.write([Buffer.from('kept')], 0)
      machine.disk.conditions.readOnly = true
      for (const change of [
        () => file.write([Buffer.from('x')], 0),
        () => file.truncate(0),
        () => disk.open('/g', { create: true }),
        () => disk.makeDirectory('/d'),
        () => disk.rename('/f', '/g'),
        () => disk.remove('/f'),
      ])
        assert.throws(change, /MR_DISK_IO/)
      await assert.rejects(file.sync(), /MR_DISK_IO/)
      assert.equal(readText(disk, '/f'), 'kept')
      disk.makeDirectory('/')
    })
  })

  it('a failed sync rejects, and what it should have kept is gone after a power loss', async () => {
    const { simulation, machine } = simulatedWorld()
    await simulation.run(async () => {
      const file = machine.world.disk.open('/f', { create: true })
      await machine.world.disk.syncDirectory('/')
      file.write([Buffer.from('first')], 0)
      machine.disk.conditions.syncFailureChance = 1
      await assert.rejects(
        file.sync(),
        (error) => error instanceof MillraceError && error.code === 'MR_DISK_IO',
      )
      machine.disk.conditions.syncFailureChance = 0
      await file.sync()
      assert.equal(readText(machine.world.disk, '/f'), 'first')
      machine.losePower({ unsynced: 'all' })
      assert.equal(readText(machine.world.disk, '/f'), '')
    })
  })

  it('a failed sync leaves a file cut where it was cut', async () => {
    const { simulation, machine } = simulatedWorld()
    await simulation.run(async () => {
      const file = machine.world.disk.open('/f', { create: true })
      await machine.world.disk.syncDirectory('/')
      file.write([Buffer.from('first, second')], 0)
      await file.sync()
      file.truncate(5)
      machine.disk.conditions.syncFailureChance = 1
      await assert.rejects(file.sync(), /MR_DISK_IO/)
      machine.losePower({ unsynced: 'none' })
      assert.equal(readText(machine.world.disk, '/f'), 'first')
    })
  })

  it('a full disk takes what fits, says so, and works again when something was removed', async () => {
    const { machine } = simulatedWorld({ disk: { capacityBytes: 1000 } })
    const { disk } = machine.world
    writeWhole(disk, '/a', 'a'.repeat(600))
    assert.equal(disk.freeBytes('/'), 400)
    const file = disk.open('/b', { create: true })
    assert.throws(
      () => file.write([Buffer.alloc(500, 'b')], 0),
      (error) => error instanceof MillraceError && error.code === 'MR_DISK_FULL',
    )
    assert.equal(file.sizeBytes(), 400)
    file.write([Buffer.alloc(400, 'B')], 0)
    disk.remove('/a')
    file.write([Buffer.alloc(500, 'b')], 0)
    assert.equal(machine.disk.usedBytes, 500)
    return Promise.resolve()
  })
})

describe('simulated network', () => {
  it('a peer of a killed process sees it go at once, of a dead machine only later', async () => {
    for (const how of ['kill', 'losePower'] as const) {
      const simulation = new Simulation({ seed: 3, network: { halfOpenMs: [5000, 5001] } })
      const server = simulation.machine('server')
      const client = simulation.machine('client')
      await simulation.run(async () => {
        const nothing = (): void => undefined
        const handler = { onData: nothing, onDrain: nothing, onClose: nothing }
        const { network } = server.world
        await network.listen({
          host: '0.0.0.0',
          port: 1,
          onConnection: (connection) => connection.handle(handler),
        })
        const connection = await client.world.network.connect({ host: 'localhost', port: 1, timeoutMs: 10 })
        const closed = new Promise<number>((resolve) => {
          connection.handle({ ...handler, onClose: () => resolve(simulation.clock.nowMs()) })
        })
        await sleep(simulation.clock, 10)
        const before = simulation.clock.nowMs()
        server[how]()
        const after = (await closed) - before
        assert.ok(how === 'kill' ? after < 10 : after >= 5000, `${how}: ${after} ms`)
        await assert.rejects(client.world.network.connect({ host: 'localhost', port: 1, timeoutMs: 10 }))
      })
    }
  })
})
