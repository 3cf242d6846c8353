/** What all scenarios share: one seeded run in a simulation, with its history and what became of it. */
import { Simulation } from '../src/world/simulated/simulation.ts'
import { BrokenPromise, History } from './history.ts'

export interface ScenarioResult {
  readonly seed: number
  readonly error: Error | undefined
  readonly history: History
}

export async function runScenario(
  seed: number,
  scenario: (simulation: Simulation, history: History) => Promise<void>,
): Promise<ScenarioResult> {
  const simulation = new Simulation({ seed })
  const startMs = simulation.clock.nowMs()
  const history = new History(() => simulation.clock.nowMs() - startMs)
  let stray: unknown
  const onStray = (error: unknown): void => {
    stray ??= error
  }
  process.on('unhandledRejection', onStray)
  try {
    await simulation.run(() => scenario(simulation, history))
    if (stray !== undefined)
      throw new BrokenPromise('a promise was rejected and nobody knew', { cause: stray })
    return { seed, error: undefined, history }
  } catch (error) {
    return { seed, error: error instanceof Error ? error : new Error(String(error)), history }
  } finally {
    process.off('unhandledRejection', onStray)
  }
}
