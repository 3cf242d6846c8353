/** A short run of everything that `npm run -s fuzz` does for long. A failing seed is run again with `FUZZ_SEED`. */
import { test, type TestContext } from 'node:test'
import { fuzzDecoders } from './decoders.ts'
import { fuzzGuided } from './guided.ts'
import { fuzzRecovery } from './recovery.ts'
import { fuzzWire } from './wire-campaign.ts'
import assert from 'node:assert/strict'

const SEED = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

function options(t: TestContext) {
  t.diagnostic(`FUZZ_SEED=${SEED}`)
  return { seed: SEED, durationMs: Infinity, say: (text: string) => t.diagnostic(text) }
}

test('whatever bytes say, decoders give a value or refuse them', (t) =>
  fuzzDecoders({ ...options(t), inputs: 10_000 }))

test('damaged data directories open without losing what is intact, or refuse with a reason', (t) =>
  fuzzRecovery({ ...options(t), openings: 120 }))

test('a broker gets over whatever clients send, guided to code that nothing has reached yet', async (t) => {
  const { findings } = await fuzzGuided({ ...options(t), sessions: 600 })
  assert.deepEqual(findings, [])
})

test('the same seed sends the same', async () => {
  const [first, second] = [
    await fuzzGuided({ seed: 7, sessions: 48 }),
    await fuzzGuided({ seed: 7, sessions: 48 }),
  ]
  assert.equal(second.frames, first.frames)
})

test('a log that is attacked over the network serves its other clients exactly, and shrinks again', (t) =>
  fuzzWire({ ...options(t), durationMs: 3_000, guidedSessions: 48 }))
