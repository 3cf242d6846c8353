import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { JsonRun } from './json-run.ts'

function parse(texts: readonly (string | Buffer)[]): unknown[] | undefined {
  const bounds: number[] = []
  const chunks = [Buffer.from('..')]
  let position = 2
  for (const text of texts) {
    const bytes = Buffer.from(text as string)
    chunks.push(bytes, Buffer.from('??'))
    bounds.push(position, position + bytes.length)
    position += bytes.length + 2
  }
  return new JsonRun().parse(Buffer.concat(chunks), bounds)
}

test('gives what JSON.parse gives for each', () => {
  const values = fc.array(fc.json({ maxDepth: 3 }), { minLength: 1, maxLength: 20 })
  fc.assert(
    fc.property(values, (texts) => {
      assert.deepEqual(
        parse(texts),
        texts.map((text) => JSON.parse(text) as unknown),
      )
    }),
  )
})

test('one that is wrong is not hidden by its neighbours', () => {
  const wrong = fc.constantFrom(
    '',
    ' ',
    '[1',
    '2]',
    '{"a":1',
    '"b":2}',
    '"a',
    'b"',
    '1,2',
    '},{',
    '738205941,1',
    '//',
  )
  const any = fc.oneof(fc.json({ maxDepth: 1 }), wrong)
  fc.assert(
    fc.property(fc.array(any), wrong, fc.array(any), (before, one, after) => {
      assert.equal(parse([...before, one, ...after]), undefined)
    }),
    { numRuns: 2000 },
  )
  assert.equal(parse(['"a', 'b"', '1,2']), undefined)
  assert.equal(parse(['[1', '2]', '3,4,5']), undefined)
})

test('text that is cut off within a character stays in its own value', () => {
  const cut = Buffer.concat([Buffer.from('"a'), Buffer.from([0xe2, 0x82]), Buffer.from('"')])
  assert.deepEqual(parse([cut, '"b"']), ['a\ufffd', 'b'])
  assert.equal(parse([cut.subarray(0, 4), '"b"']), undefined)
})
