/**
 * The most pairs that can be made when none of either side may be used twice (maximum bipartite matching, by augmenting
 * paths).
 * @param count of the left side, numbered from 0.
 * @param fits which of the right side one of the left goes with.
 */
export function matchingSize(count: number, fits: (left: number) => readonly number[]): number {
  const edges = Array.from({ length: count }, (_, left) => fits(left))
  const partners = new Map<number, number>()
  const place = (left: number, tried: Set<number>): boolean => {
    for (const right of edges[left]!) {
      if (tried.has(right)) continue
      tried.add(right)
      const holder = partners.get(right)
      if (holder === undefined || place(holder, tried)) {
        partners.set(right, left)
        return true
      }
    }
    return false
  }
  return edges.filter((_, left) => place(left, new Set())).length
}
