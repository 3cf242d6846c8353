import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { reproduction, runSeeds } from './run.ts'

/** `SIMULATION_SEEDS` overrides both. */
const SEEDS = Number(process.env['SIMULATION_SEEDS'] ?? (process.env['CI'] === undefined ? 30 : 200))

describe('simulation of the log’s upkeep', () => {
  it(`${SEEDS} seeds keep every promise`, async () => {
    const failures = await runSeeds(
      'upkeep',
      Array.from({ length: SEEDS }, (_, index) => index + 1),
    )
    const report = failures.map(
      ({ seed, message }) => `seed ${seed}: ${message}\n    ${reproduction('upkeep', seed)}`,
    )
    assert.equal(report.join('\n'), '')
  })
})
