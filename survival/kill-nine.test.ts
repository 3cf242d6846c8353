import assert from 'node:assert/strict'
import { test } from 'node:test'
import { surviveKills } from './kill-nine.ts'

/** `SURVIVAL_SEED=N` draws the same moments again; what the machine does with them is its own. */
const SEED = Number(process.env['SURVIVAL_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const KILLS = Number(process.env['SURVIVAL_KILLS'] ?? 50)

test(`killed ${KILLS} times, log and job answer every acknowledged event exactly once`, async (t) => {
  t.diagnostic(`SURVIVAL_SEED=${SEED}`)
  const say = (text: string): void => t.diagnostic(text)
  const acknowledged = await surviveKills({ seed: SEED, kills: KILLS, parallelism: () => 1, say })
  assert.ok(acknowledged.ours > 0 && acknowledged.theirs > 0, 'both clients had something to lose')
})

test('so they do with two subtasks, and with as many as come after each kill', async (t) => {
  t.diagnostic(`SURVIVAL_SEED=${SEED}`)
  const parallelism = (random: { below(limit: number): number }): number => 2 - (random.below(3) >> 1)
  const say = (text: string): void => t.diagnostic(text)
  const acknowledged = await surviveKills({ seed: SEED, kills: 12, parallelism, say })
  assert.ok(acknowledged.ours > 0 && acknowledged.theirs > 0, 'both clients had something to lose')
})
