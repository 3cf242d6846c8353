import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { runLogScenario } from './log-scenario.ts'
import { reproduction, runSeeds } from './run.ts'

/** With those of the job and the upkeep 1,000 in continuous integration; a developer's run stays short. `SIMULATION_SEEDS` overrides both. */
const SEEDS = Number(process.env['SIMULATION_SEEDS'] ?? (process.env['CI'] === undefined ? 40 : 400))

describe('simulation of the log', () => {
  it(`${SEEDS} seeds keep every promise`, async () => {
    const failures = await runSeeds(
      'log',
      Array.from({ length: SEEDS }, (_, index) => index + 1),
    )
    const report = failures.map(
      ({ seed, message }) => `seed ${seed}: ${message}\n    ${reproduction('log', seed)}`,
    )
    assert.equal(report.join('\n'), '')
  })

  it('a seed gives the same run each time', async () => {
    const first = await runLogScenario(3)
    const second = await runLogScenario(3)
    assert.ok(first.history.lines.length > 10)
    assert.deepEqual(second.history.lines, first.history.lines)
  })
})
