import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ScramCredential } from './scram-credential.ts'
import { ScramDecoys } from './scram-decoys.ts'

const KEYS = { storedKey: Buffer.alloc(32), serverKey: Buffer.alloc(32) }
const BYTES: ScramCredential = { salt: Buffer.alloc(16, 255), iterations: 8192, ...KEYS }
const JAVA: ScramCredential = { salt: Buffer.from('1b4wnmkvd2xt0y9cz6qhrjl3o'), iterations: 4096, ...KEYS }
const NAMES = Array.from({ length: 2000 }, (_, index) => `user-${index}`)

function decoys(...credentials: ScramCredential[]): ScramDecoys {
  return new ScramDecoys({ mechanism: 'SCRAM-SHA-256', secret: Buffer.alloc(32, 7), credentials })
}

test('decoys look as users do whose passwords were set alike, each in its own way and always the same', () => {
  const made = decoys(BYTES)
  const { salt, iterations } = made.of('nobody')
  assert.deepEqual([salt.length, iterations], [16, 8192])
  assert.deepEqual(decoys(BYTES).of('nobody'), made.of('nobody'))
  assert.notDeepEqual(made.of('no-one').salt, salt)
  const java = NAMES.map((name) => decoys(JAVA).of(name))
  for (const { salt: text } of java) assert.match(text.toString(), /^[0-9a-z]{20,26}$/)
  assert.equal(new Set(java.map(({ salt: text }) => text.toString())).size, NAMES.length)
  assert.deepEqual([decoys().of('a').salt.length, decoys().of('a').iterations], [32, 4096])
  assert.equal(made.of('x'.repeat(5000)).salt.length, 16)
})

test('what is frequent among users is frequent among decoys, and a new user changes the fewest of them', () => {
  const seldom = (made: ScramDecoys): string[] => NAMES.filter((name) => made.of(name).iterations === 8192)
  const before = seldom(decoys(JAVA, JAVA, JAVA, BYTES))
  assert.ok(before.length > 400 && before.length < 600, String(before.length))
  const after = new Set(seldom(decoys(JAVA, JAVA, JAVA, BYTES, BYTES)))
  assert.ok(after.size > 700 && after.size < 900, String(after.size))
  assert.ok(before.every((name) => after.has(name)))
})
