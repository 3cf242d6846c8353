/** What goes wrong in a scenario: drawn from the seed, one after the other, until the time is over. */
import type { Clock } from '../src/world/world.ts'
import { sleep } from '../src/world/world.ts'
import type { SeededRandom } from '../src/world/simulated/seeded-random.ts'
import type { Simulation } from '../src/world/simulated/simulation.ts'
import type { History } from './history.ts'
import type { ServerProcess } from './server-process.ts'

export interface FaultTargets {
  readonly simulation: Simulation
  readonly server: ServerProcess
  readonly history: History
  /** Kills one of the client programs, which begins anew. */
  readonly killClient: () => void
}

type Fault = (targets: FaultTargets, random: SeededRandom, clock: Clock) => Promise<void>

const faults: Readonly<Record<string, Fault>> = {
  kill: ({ server }, random) => stopServer(server, 'kill', random),
  power: ({ server }, random) => stopServer(server, 'power', random),
  'power when a member is told': async ({ server, history, killClient }, random, clock) => {
    killClient()
    await Promise.race([history.untilMemberTold(), sleep(clock, 3_000)])
    return stopServer(server, 'power', random)
  },
  close: ({ server }, random) => stopServer(server, 'close', random),
  'client dies': ({ killClient }) => Promise.resolve(killClient()),
  'one connection cut': ({ simulation }) => Promise.resolve(void simulation.network.cutOne()),
  'all connections cut': ({ simulation }) => Promise.resolve(simulation.network.cutAll()),
  'network stands still': async ({ simulation }, random, clock) => {
    const durationMs = random.below(5_000)
    simulation.network.stallAll(durationMs)
    await sleep(clock, durationMs)
  },
  'writes cut connections': async ({ simulation }, random, clock) => {
    simulation.network.conditions.cutChance = 0.05
    await sleep(clock, random.below(2_000))
    simulation.network.conditions.cutChance = 0
  },
  'slow disk': async ({ server }, random, clock) => {
    const { conditions } = server.machine.disk
    const usual = conditions.syncDelayMs
    conditions.syncDelayMs = [100, 100 + random.below(1_500)]
    await sleep(clock, random.below(4_000))
    conditions.syncDelayMs = usual
  },
  'failing sync': async ({ server }, random, clock) => {
    server.diskMayFail = true
    server.machine.disk.conditions.syncFailureChance = random.between(0.05, 0.6)
    await sleep(clock, random.below(1_500))
    server.machine.disk.conditions.syncFailureChance = 0
    await restart(server, random, clock)
  },
  'failing writes': async ({ server }, random, clock) => {
    server.diskMayFail = true
    server.machine.disk.conditions.writeFailureChance = random.between(0.02, 0.3)
    await sleep(clock, random.below(1_500))
    server.machine.disk.conditions.writeFailureChance = 0
    await restart(server, random, clock)
  },
  'read-only disk': async ({ server }, random, clock) => {
    server.diskMayFail = true
    server.machine.disk.conditions.readOnly = true
    await sleep(clock, random.below(2_000))
    if (random.chance(0.5)) server.stop(random.pick(['kill', 'power']), 100)
    await sleep(clock, random.below(500))
    server.machine.disk.conditions.readOnly = false
    await restart(server, random, clock)
  },
  'full disk': async ({ server }, random, clock) => {
    server.diskMayFail = true
    const { conditions, usedBytes } = server.machine.disk
    const usual = conditions.capacityBytes
    conditions.capacityBytes = usedBytes + random.below(20_000)
    await sleep(clock, random.below(4_000))
    conditions.capacityBytes = usual
    // Once there is room again the log must go on by itself.
    server.diskMayFail = false
  },
  'clock jumps': async ({ server }, random, clock) => {
    const byMs = Math.floor(random.between(-20_000, 20_000))
    server.machine.moveClock(byMs)
    await sleep(clock, random.below(3_000))
    server.machine.moveClock(-byMs)
  },
}

/** In some runs the first starts are cut short, when directories are there and their names are not yet on the device. */
export async function cutFirstStartsShort({
  simulation,
  server,
}: Omit<FaultTargets, 'killClient'>): Promise<void> {
  const random = simulation.random.fork('first starts')
  if (random.chance(0.7)) return
  for (let count = 1 + random.below(3); count > 0; count--) {
    await sleep(simulation.clock, random.between(0, 30))
    server.stop(random.pick(['kill', 'power']), 1)
  }
}

/** Lets things go wrong until `untilMs` on the simulation's clock; afterwards all is well again. */
export async function letThingsGoWrong(targets: FaultTargets, untilMs: number): Promise<void> {
  const { simulation, history, server } = targets
  const random = simulation.random.fork('faults')
  const { clock } = simulation
  const names = Object.keys(faults)
  // Each run has a few kinds of trouble rather than all: that reaches deeper into each.
  const kinds = Array.from({ length: 1 + random.below(4) }, () => random.pick(names))
  history.note(`faults: ${kinds.join(', ')}`)
  for (;;) {
    await sleep(clock, 100 + random.below(1_500))
    if (clock.nowMs() >= untilMs) return
    server.check()
    const name = random.pick(kinds)
    history.note(`fault: ${name}`)
    await faults[name]!(targets, random, clock)
  }
}

function stopServer(
  server: ServerProcess,
  how: 'kill' | 'power' | 'close',
  random: SeededRandom,
): Promise<void> {
  server.stop(how, random.below(2_000))
  return Promise.resolve()
}

/** After a failed sync the log may refuse to write until it is started anew. */
async function restart(server: ServerProcess, random: SeededRandom, clock: Clock): Promise<void> {
  server.stop(random.pick(['kill', 'power']), 100)
  await sleep(clock, 600)
  server.diskMayFail = false
}
