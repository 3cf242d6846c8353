import type { Run } from './mirror-state.ts'

/**
 * Where a reader that stands at an offset of the source goes on at the target: at the first record that was copied from
 * there on, or, when none was, behind the last one. Undefined where it is not known: nothing was copied yet, or, when the
 * runs are not `complete`, the offset is before the oldest one.
 */
export function translateBy(
  runs: readonly Run[],
  offset: number,
  { complete }: { readonly complete: boolean },
): number | undefined {
  let [low, high] = [0, runs.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    const { source, count } = runs[middle]!
    if (source + count <= offset) low = middle + 1
    else high = middle
  }
  const run = runs[low]
  if (run === undefined) {
    const last = runs.at(-1)
    return last === undefined ? undefined : last.target + last.count
  }
  if (offset >= run.source) return run.target + (offset - run.source)
  return low > 0 || complete ? run.target : undefined
}
