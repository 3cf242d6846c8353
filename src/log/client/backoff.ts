import type { Random } from '../../world/world.ts'

const MIN_PAUSE_MS = 20
const MAX_PAUSE_MS = 1_000

/** How long to wait before try number `round` (from 0): doubling from 20 ms to 1 s, with half of it drawn at random. */
export function backoffMs(random: Random, round: number): number {
  const full = Math.min(MAX_PAUSE_MS, MIN_PAUSE_MS * 2 ** Math.min(round, 10))
  return full / 2 + ((full / 2) * random.uint32()) / 2 ** 32
}
