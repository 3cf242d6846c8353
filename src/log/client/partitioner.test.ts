import assert from 'node:assert/strict'
import { test } from 'node:test'
import { murmur2, partitionOfKey } from './partitioner.ts'

test('hashes as the Java client does', () => {
  for (const [text, hash] of [
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ] as const) {
    assert.equal(murmur2(Buffer.from(text)), hash)
  }
})

test('a key given as text goes where its UTF-8 goes', () => {
  for (const key of ['', 'a', 'über', '鍵', '🔑']) {
    assert.equal(partitionOfKey(key, 7), partitionOfKey(Buffer.from(key), 7))
  }
})
