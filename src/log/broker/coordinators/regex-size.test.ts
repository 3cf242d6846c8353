import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { regexSize } from './regex-size.ts'
import { Re2TopicRegexes } from './topic-regexes.ts'

describe('the size of a regular expression', () => {
  test('is what it becomes when its repetitions are written out, or a little more', () => {
    for (const [source, least, most] of [
      ['orders-.*', 8, 10],
      ['a{1000}', 1000, 1001],
      ['((a{10}){10}){10}', 1000, 2000],
      ['(ab{3}){5}', 20, 40],
      ['[a-z]{2,3}', 3, 4],
      [String.raw`\pL{500}\p{Greek}{400}`, 900, 910],
      [String.raw`\Q(\E{7}`, 7, 50],
      ['[[:alpha:]]]{9}', 9, 12],
      ['[]a]{9}', 9, 10],
      ['x{,9}', 1, 5],
    ] as const) {
      const size = regexSize(source)
      assert.ok(size >= least && size <= most, `${source}: ${size}`)
    }
  })

  test('decides whether a broker takes it: a client is not to fill its memory, nor to hold it up', async () => {
    const regexes = new Re2TopicRegexes()
    await regexes.load()
    const large = ['a{1000}'.repeat(500), String.raw`\pL{1000}`.repeat(400), `(${'ab'.repeat(1000)}){900}`]
    for (const source of large) assert.equal(regexes.compile(source).kind, 'invalid')
    const uuid = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'
    const names = Array.from({ length: 150 }, (_, index) => `the-long-name-of-topic-${index}`).join('|')
    for (const source of [uuid, names, '(?:eu|us)-.{1,240}'])
      assert.equal(regexes.compile(source).kind, 'compiled')
  })
})
