/** COMPATIBILITY.md against the code: what it says is served is served, and the tests that it names are there. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { brokerRoutes } from '../src/log/broker/broker-routes.ts'

const root = join(import.meta.dirname, '..')
const text = readFileSync(join(root, 'COMPATIBILITY.md'), 'utf8')

test('the table of APIs is what the broker serves', () => {
  const documented = Array.from(
    text.matchAll(/^\| +(\d+) \| (\w+) +\| (\d+)–(\d+) +\|/gm),
    ([, key, name, min, max]) => [Number(key), name, Number(min), Number(max)],
  )
  const served = brokerRoutes()
    .map(({ api }) => [api.key, api.name, ...api.advertisedVersions] as const)
    .toSorted(([a], [b]) => a - b)
  assert.deepEqual(documented, served)
})

test('every semantic is there, in order', () => {
  const numbers = Array.from(text.matchAll(/^(\d+)\. /gm), ([, number]) => Number(number))
  assert.deepEqual(
    numbers,
    Array.from({ length: 46 }, (_, index) => index + 1),
  )
  for (const [, number, line] of text.matchAll(/^(\d+)\. (.*)$/gm))
    assert.match(line!, /_Shown by_|Gap:/, `semantic ${number} is neither shown nor called a gap`)
})

test('every test that is named exists', () => {
  let count = 0
  for (const [, path, names] of text.matchAll(/\]\(([^)]+\.test\.ts)\)((?:,? “[^”]+”)*)/g)) {
    const source = readFileSync(join(root, path!), 'utf8')
    for (const [, name] of names!.matchAll(/“([^”]+)”/g)) {
      assert.ok(source.includes(name!), `${path} has no test “${name}”`)
      count += 1
    }
  }
  assert.ok(count > 100, `only ${count} tests are named`)
})
