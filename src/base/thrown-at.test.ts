import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { thrownAt } from './thrown-at.ts'

function thrown(stack: string): Error {
  return Object.assign(new Error('why'), { stack })
}

describe('where something was thrown', () => {
  it('is the line that threw it', () => {
    assert.match(thrownAt(new Error('here'))!, new RegExp(`^${fileURLToPath(import.meta.url)}:\\d+$`))
  })

  it("is the user's line that called a package or Node", () => {
    const stack = `TypeError: why
    at parse (node:internal/url:1:2)
    at parse (file:///app/node_modules/zod/index.js:3:4)
    at async Object.onEvent (file:///app/my%20job.ts:24:9)
    at file:///app/other.ts:1:1`
    assert.equal(thrownAt(thrown(stack)), '/app/my job.ts:24')
  })

  it('is the line with the wrong syntax, as a path or a URL', () => {
    assert.equal(thrownAt(thrown('file:///app/job.ts:2\n  (}\n\nSyntaxError: why')), '/app/job.ts:2')
    assert.equal(thrownAt(thrown('/app/job.ts:3\n  (}\n\nSyntaxError: why')), '/app/job.ts:3')
  })

  it('is not known of what is no error or has no place', () => {
    assert.equal(thrownAt('why'), undefined)
    assert.equal(thrownAt(thrown('Error: 12:30\n    at <anonymous>')), undefined)
  })
})
