import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { runJobScenario } from './job-scenario.ts'
import { reproduction, runSeeds } from './run.ts'

/** Seeds that once showed a bug. What a seed does changes with the code, so each bug has a test of its own beside it. */
const KNOWN_BAD = [12, 16, 23, 77, 95, 139, 3082]
/** With those of the log 1,000 in continuous integration; a developer's run stays short. `SIMULATION_SEEDS` overrides both. */
const SEEDS = Number(process.env['SIMULATION_SEEDS'] ?? (process.env['CI'] === undefined ? 40 : 400))

describe('simulation of log and job', () => {
  it(`${SEEDS} seeds answer every acknowledged event exactly once`, async () => {
    const seeds = new Set([...KNOWN_BAD, ...Array.from({ length: SEEDS }, (_, index) => index + 1)])
    const failures = await runSeeds('job', [...seeds])
    const report = failures.map(
      ({ seed, message }) => `seed ${seed}: ${message}\n    ${reproduction('job', seed)}`,
    )
    assert.equal(report.join('\n'), '')
  })

  it('a seed gives the same run each time', async () => {
    const first = await runJobScenario(16)
    const second = await runJobScenario(16)
    assert.ok(first.history.lines.length > 10)
    assert.deepEqual(second.history.lines, first.history.lines)
  })
})
