import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { BufferPool } from './buffer-pool.ts'
import { FrameAssembler } from './frame-assembler.ts'

function framed(body: Buffer): Buffer {
  const frame = Buffer.alloc(4 + body.length)
  frame.writeInt32BE(body.length)
  body.copy(frame, 4)
  return frame
}

function assembler(maxBytes = 1 << 24): FrameAssembler {
  return new FrameAssembler({ maxBytes, pool: new BufferPool() })
}

function drain(frames: FrameAssembler): Buffer[] {
  const out: Buffer[] = []
  for (let frame = frames.next(); frame !== undefined; frame = frames.next()) {
    assert.ok(Buffer.isBuffer(frame))
    out.push(Buffer.from(frame))
    frames.recycle(frame)
  }
  return out
}

describe('FrameAssembler', () => {
  test('gives the same frames however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 50 }),
        (bodies, cuts) => {
          const bytes = Buffer.concat(bodies.map((body) => framed(Buffer.from(body))))
          const frames = assembler()
          const got: Buffer[] = []
          for (let at = 0, turn = 0; at < bytes.length; turn++) {
            const size = cuts[turn % cuts.length]!
            frames.push(Buffer.from(bytes.subarray(at, at + size)))
            got.push(...drain(frames))
            at += size
          }
          assert.deepEqual(
            got,
            bodies.map((body) => Buffer.from(body)),
          )
          assert.equal(frames.partial, false)
        },
      ),
    )
  })

  test('a frame inside one chunk is not copied', () => {
    const chunk = framed(Buffer.from('hello'))
    const frames = assembler()
    frames.push(chunk)
    const frame = frames.next() as Buffer
    assert.equal(frame.buffer, chunk.buffer)
  })

  test('large frames over many chunks are whole, one after the other, through the same buffers', () => {
    const pool = new BufferPool()
    const frames = new FrameAssembler({ maxBytes: 1 << 24, pool })
    for (const fill of [1, 2, 3]) {
      const body = Buffer.alloc(3_000_000, fill)
      const bytes = framed(body)
      for (let at = 0; at < bytes.length; at += 65_536) frames.push(bytes.subarray(at, at + 65_536))
      const frame = frames.next() as Buffer
      assert.ok(body.equals(frame))
      frames.recycle(frame)
    }
  })

  test('refuses sizes below 1 and above the limit before it waits for the bytes', () => {
    for (const size of [-1, 0, 1001, 0x47455420]) {
      const frames = assembler(1000)
      const prefix = Buffer.alloc(4)
      prefix.writeInt32BE(size)
      frames.push(prefix)
      assert.match((frames.next() as { invalid: string }).invalid, new RegExp(`request of ${size} bytes`))
    }
  })

  test('never takes a socket’s chunk for a buffer of the pool', () => {
    const pool = new BufferPool()
    pool.give(Buffer.allocUnsafeSlow(65_536).fill(7))
    const taken = pool.take(65_536)
    assert.notEqual(taken[100], 7)
  })
})
