import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { runMirrorScenario } from './mirror-scenario.ts'
import { reproduction, runSeeds } from './run.ts'

/** A developer's run stays short. `SIMULATION_SEEDS` overrides it. */
const SEEDS = Number(process.env['SIMULATION_SEEDS'] ?? (process.env['CI'] === undefined ? 20 : 200))

describe('simulation of mirrors', () => {
  it(`${SEEDS} seeds keep every promise`, async () => {
    const failures = await runSeeds(
      'mirror',
      Array.from({ length: SEEDS }, (_, index) => index + 1),
    )
    const report = failures.map(
      ({ seed, message }) => `seed ${seed}: ${message}\n    ${reproduction('mirror', seed)}`,
    )
    assert.equal(report.join('\n'), '')
  })

  it('a seed gives the same run each time', async () => {
    const first = await runMirrorScenario(3)
    const second = await runMirrorScenario(3)
    assert.ok(first.history.lines.length > 10)
    assert.deepEqual(second.history.lines, first.history.lines)
  })
})
