/** What every implementation of `World` must do; each one's test file calls `worldSuite` with a way to open it. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MillraceError } from '../base/millrace-error.ts'
import { makeDurableDirectory, readText, readWhole, writeAtomically, writeWhole } from './files.ts'
import { sleep } from './world.ts'
import type { Connection, Network, World } from './world.ts'

export interface WorldUnderTest {
  /** Runs `body` with a fresh world and an existing, empty directory; a simulated world lets its time pass meanwhile. */
  run(body: (world: World, directory: string) => Promise<void>): Promise<void>
}

export function worldSuite(name: string, under: WorldUnderTest): void {
  const check = (title: string, body: (world: World, directory: string) => Promise<void>): void => {
    it(title, () => under.run(body))
  }

  describe(`${name}: clock and random`, () => {
    check(
      'timers fire in the order of their time, never before it, and not once cancelled',
      async ({ clock }) => {
        const start = clock.monotonicMs()
        const fired: string[] = []
        clock.schedule(30, () => fired.push('late'))
        clock.schedule(5, () => fired.push('early'))
        clock.schedule(10, () => fired.push('cancelled')).cancel()
        await sleep(clock, 50)
        assert.deepEqual(fired, ['early', 'late'])
        assert.ok(clock.monotonicMs() - start >= 49)
        assert.ok(Number.isInteger(clock.nowMs()))
      },
    )

    check('a delay longer than the platform can time does not fire at once', async ({ clock }) => {
      let fired = false
      const timer = clock.schedule(2 ** 40, () => (fired = true))
      await sleep(clock, 5)
      timer.cancel()
      assert.equal(fired, false)
    })

    check('sleep ends early when it is aborted', async ({ clock }) => {
      const abort = new AbortController()
      clock.schedule(2, () => abort.abort())
      await sleep(clock, 60_000, abort.signal)
    })

    check('deferred work runs later, in order', async ({ clock }) => {
      const order: number[] = []
      await new Promise<void>((resolve) => {
        clock.defer(() => order.push(2))
        clock.defer(() => {
          order.push(3)
          resolve()
        })
        order.push(1)
      })
      assert.deepEqual(order, [1, 2, 3])
    })

    check('random numbers are 32 bits and differ', ({ random }) => {
      const values = new Set(Array.from({ length: 2000 }, () => random.uint32()))
      assert.ok(values.size > 1900)
      for (const value of values) assert.ok(Number.isInteger(value) && value >= 0 && value < 2 ** 32)
      assert.equal(random.bytes(33).length, 33)
      return Promise.resolve()
    })
  })

  describe(`${name}: disk`, () => {
    check('a file keeps what was written, sparse, vectored and truncated', async ({ disk }, directory) => {
      const file = disk.open(`${directory}/a`, { create: true })
      file.write([Buffer.from('hello '), Buffer.from('wor'), Buffer.alloc(0), Buffer.from('ld')], 0)
      file.write([Buffer.from('far')], 20)
      assert.equal(file.sizeBytes(), 23)
      const target = Buffer.alloc(30, 1)
      assert.equal(file.read(target, 0), 23)
      assert.equal(target.toString('latin1', 0, 23), 'hello world\0\0\0\0\0\0\0\0\0far')
      assert.equal(file.read(target, 23), 0)
      file.truncate(5)
      file.write([Buffer.from('!')], 5)
      await file.sync()
      file.close()
      assert.equal(readText(disk, `${directory}/a`), 'hello!')
      assert.equal(disk.stat(`${directory}/a`)?.sizeBytes, 6)
    })

    check('a vectored write of thousands of chunks is whole', ({ disk }, directory) => {
      const chunks = Array.from({ length: 5000 }, (_, i) => Buffer.from(`${i},`))
      const file = disk.open(`${directory}/many`, { create: true })
      file.write(chunks, 0)
      file.close()
      assert.deepEqual(readWhole(disk, `${directory}/many`), Buffer.concat(chunks))
      return Promise.resolve()
    })

    check('closing a file does not lose a sync that is under way', async ({ disk }, directory) => {
      const file = disk.open(`${directory}/a`, { create: true })
      file.write([Buffer.from('x')], 0)
      const synced = file.sync()
      file.close()
      await synced
    })

    check(
      'a preload ends whatever is there, also of a file that is closed meanwhile',
      async ({ disk }, directory) => {
        const file = disk.open(`${directory}/a`, { create: true })
        file.write([Buffer.alloc(3_000_000, 'x')], 0)
        await file.preload(1_000, 2_500_000)
        await file.preload(2_999_999, 5_000_000)
        await file.preload(9_000_000, 1)
        const target = Buffer.alloc(2)
        assert.equal(file.read(target, 2_999_998), 2)
        assert.equal(target.toString(), 'xx')
        const preloaded = file.preload(0, 3_000_000)
        file.close()
        await preloaded
      },
    )

    check('directories list sorted names; what is absent is empty or undefined', ({ disk }, directory) => {
      disk.makeDirectory(`${directory}/x/y/z`)
      disk.makeDirectory(`${directory}/x/y/z`)
      writeWhole(disk, `${directory}/x/b`, 'b')
      writeWhole(disk, `${directory}/x/a`, 'a')
      assert.deepEqual(disk.list(`${directory}/x`), ['a', 'b', 'y'])
      assert.deepEqual(disk.list(`${directory}/none`), [])
      assert.equal(disk.stat(`${directory}/none`), undefined)
      assert.equal(disk.stat(`${directory}/x`)?.kind, 'directory')
      disk.remove(`${directory}/x`)
      disk.remove(`${directory}/x`)
      assert.equal(disk.stat(`${directory}/x`), undefined)
      assert.equal(readWhole(disk, `${directory}/x/a`), undefined)
      assert.ok(disk.freeBytes(directory) > 0)
      return Promise.resolve()
    })

    check(
      'rename replaces; an open file stays readable under its old handle',
      async ({ disk }, directory) => {
        writeWhole(disk, `${directory}/new`, 'new')
        writeWhole(disk, `${directory}/old`, 'old')
        const old = disk.open(`${directory}/old`)
        disk.rename(`${directory}/new`, `${directory}/old`)
        await disk.syncDirectory(directory)
        assert.equal(readText(disk, `${directory}/old`), 'new')
        assert.deepEqual(disk.list(directory), ['old'])
        const target = Buffer.alloc(3)
        old.read(target, 0)
        old.close()
        assert.equal(target.toString(), 'old')
      },
    )

    check('a directory can be renamed with what it holds', ({ disk }, directory) => {
      disk.makeDirectory(`${directory}/t-0`)
      writeWhole(disk, `${directory}/t-0/f`, 'kept')
      disk.rename(`${directory}/t-0`, `${directory}/t-0-delete`)
      assert.equal(readText(disk, `${directory}/t-0-delete/f`), 'kept')
      assert.equal(disk.stat(`${directory}/t-0`), undefined)
      return Promise.resolve()
    })

    check('files are replaced atomically and directories made durably', async ({ disk }, directory) => {
      await makeDurableDirectory(disk, `${directory}/p/q`)
      await writeAtomically(disk, `${directory}/p/q/f`, 'longer than the second')
      await writeAtomically(disk, `${directory}/p/q/f`, 'second')
      assert.equal(readText(disk, `${directory}/p/q/f`), 'second')
      assert.deepEqual(disk.list(`${directory}/p/q`), ['f'])
    })

    check('what cannot be opened says so with a code and the path', ({ disk }, directory) => {
      assert.throws(() => disk.open(`${directory}/none`), hasCode('MR_DISK_IO'))
      assert.throws(() => disk.open(`${directory}/no/dir`, { create: true }), /no\/dir/)
      return Promise.resolve()
    })

    check('a lock excludes a second holder until it is released', ({ disk }, directory) => {
      const lock = disk.lock(`${directory}/.lock`)
      assert.throws(() => disk.lock(`${directory}/.lock`), hasCode('MR_DATA_DIR_IN_USE'))
      lock.release()
      lock.release()
      disk.lock(`${directory}/.lock`).release()
      return Promise.resolve()
    })
  })

  describe(`${name}: network`, () => {
    check('bytes arrive whole and in order, both ways; a close is seen', async ({ network, random }) => {
      const sent = Buffer.concat(Array.from({ length: 64 }, () => random.bytes(5000)))
      const echo = await network.listen({
        host: '127.0.0.1',
        port: 0,
        onConnection: (connection) =>
          connection.handle({
            onData: (chunk) => void connection.write([Buffer.from(chunk)]),
            onDrain: () => undefined,
            onClose: () => undefined,
          }),
      })
      const connection = await connectTo(network, echo.port)
      const received: Uint8Array[] = []
      let count = 0
      await new Promise<void>((resolve, reject) => {
        connection.handle({
          onData: (chunk) => {
            received.push(Buffer.from(chunk))
            count += chunk.length
            if (count === sent.length) connection.end()
          },
          onDrain: () => undefined,
          onClose: (error) => (error === undefined ? resolve() : reject(error)),
        })
        for (let at = 0; at < sent.length; at += 10_000) {
          connection.write([sent.subarray(at, at + 3000), sent.subarray(at + 3000, at + 10_000)])
        }
      })
      assert.deepEqual(Buffer.concat(received), sent)
      await echo.close()
    })

    check('data and a close that came before the handler are told to it', async ({ network, clock }) => {
      const listener = await network.listen({
        host: '127.0.0.1',
        port: 0,
        onConnection: (connection) => {
          connection.handle({ onData: () => undefined, onDrain: () => undefined, onClose: () => undefined })
          connection.write([Buffer.from('early')])
          connection.end()
        },
      })
      const connection = await connectTo(network, listener.port)
      await sleep(clock, 30)
      const told: string[] = []
      await new Promise<void>((resolve) => {
        connection.handle({
          onData: (chunk) => told.push(Buffer.from(chunk).toString()),
          onDrain: () => undefined,
          onClose: () => resolve(),
        })
        assert.deepEqual(told, [], 'no callback inside the call that registers it')
      })
      assert.equal(told.join(''), 'early')
      await listener.close()
    })

    check(
      'a writer is held back while the reader pauses, and told when it may go on',
      async ({ network }) => {
        const connections: Connection[] = []
        let receivedBytes = 0
        const listener = await network.listen({
          host: '127.0.0.1',
          port: 0,
          onConnection: (connection) => {
            connections.push(connection)
            connection.handle({
              onData: (chunk) => void (receivedBytes += chunk.length),
              onDrain: () => undefined,
              onClose: () => undefined,
            })
            connection.pause()
          },
        })
        const connection = await connectTo(network, listener.port)
        let writtenBytes = 0
        const drained = new Promise<void>((resolve) => {
          connection.handle({ onData: () => undefined, onDrain: resolve, onClose: () => undefined })
        })
        const chunk = Buffer.alloc(256 * 1024)
        for (let more = true; more && writtenBytes < 256 * 1024 * 1024; writtenBytes += chunk.length) {
          more = connection.write([chunk])
          if (writtenBytes % (16 * chunk.length) === 0) await new Promise((resolve) => setImmediate(resolve))
        }
        assert.ok(connection.bufferedBytes() >= 1024 * 1024)
        while (connections.length === 0) await new Promise((resolve) => setImmediate(resolve))
        connections[0]!.resume()
        await drained
        assert.ok(receivedBytes > 0)
        connections[0]!.destroy()
        await listener.close()
      },
    )

    check('destroying one side closes the other', async ({ network }) => {
      const closed = Promise.withResolvers<void>()
      const listener = await network.listen({
        host: '127.0.0.1',
        port: 0,
        onConnection: (connection) =>
          connection.handle({
            onData: () => undefined,
            onDrain: () => undefined,
            onClose: () => closed.resolve(),
          }),
      })
      const connection = await connectTo(network, listener.port)
      let closes = 0
      connection.handle({ onData: () => undefined, onDrain: () => undefined, onClose: () => closes++ })
      assert.match(connection.peer, new RegExp(`:${listener.port}$`))
      connection.destroy()
      await closed.promise
      assert.equal(connection.write([Buffer.from('x')]), true)
      assert.equal(closes, 1)
      await listener.close()
    })

    check('nobody there, and a taken address, are errors with a code', async ({ network }) => {
      const listener = await network.listen({ host: '127.0.0.1', port: 0, onConnection: () => undefined })
      const again = { host: '127.0.0.1', port: listener.port, onConnection: (): void => undefined }
      await assert.rejects(network.listen(again), hasCode('MR_ADDRESS_IN_USE'))
      await listener.close()
      await assert.rejects(connectTo(network, listener.port), hasCode('MR_CONNECT_FAILED'))
      await (await network.listen(again)).close()
    })
  })

  describe(`${name}: workers`, () => {
    const entry = new URL('./worker-for-tests.ts', import.meta.url)

    check(
      'messages go both ways in order, none is lost before a receiver is set',
      async ({ workers, clock }) => {
        const worker = workers.spawn({ entry, name: 'echo', data: { mode: 'echo' } })
        for (let i = 0; i < 100; i++) worker.post({ i })
        await sleep(clock, 20)
        const received: unknown[] = []
        await new Promise<void>((resolve) => {
          worker.onMessage((message) => {
            received.push(message)
            if (received.length === 101) resolve()
          })
        })
        assert.deepEqual(received, ['ready', ...Array.from({ length: 100 }, (_, i) => ({ i }))])
        worker.post('stop')
        assert.equal(await worker.ended, undefined)
      },
    )

    check('shared memory is shared and transferred buffers move', async ({ workers }) => {
      const shared = new SharedArrayBuffer(4)
      const worker = workers.spawn({ entry, name: 'share', data: { mode: 'share', shared } })
      const moved = new ArrayBuffer(8)
      worker.post(moved, [moved])
      assert.equal(moved.byteLength, 0)
      assert.equal(await worker.ended, undefined)
      assert.equal(new Int32Array(shared)[0], 8)
    })

    check('the error that ended a worker is told, with its code', async ({ workers }) => {
      const worker = workers.spawn({ entry, name: 'fail', data: { mode: 'fail' } })
      const error = await worker.ended
      assert.ok(error instanceof MillraceError)
      assert.equal(error.code, 'MR_DISK_FULL')
      assert.equal(error.place.path, '/some/where')
    })

    check('a module without main is an error', async ({ workers }) => {
      const worker = workers.spawn({
        entry: new URL('./files.ts', import.meta.url),
        name: 'none',
        data: undefined,
      })
      assert.match((await worker.ended)?.message ?? '', /exports no main/)
    })

    check('terminate ends it without an error', async ({ workers }) => {
      const worker = workers.spawn({ entry, name: 'echo', data: { mode: 'echo' } })
      await new Promise<void>((resolve) => worker.onMessage(() => resolve()))
      await worker.terminate()
      assert.equal(await worker.ended, undefined)
      assert.ok(workers.parallelism >= 1)
    })
  })
}

function connectTo(network: Network, port: number): Promise<Connection> {
  return network.connect({ host: '127.0.0.1', port, timeoutMs: 5_000 })
}

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof MillraceError && error.code === code
}
