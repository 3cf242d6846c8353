/**
 * A bounded number of places that several share: whoever is alone may have all of them, and gives some back when others
 * come. When all are taken, whoever has most loses the oldest of theirs to a newcomer that has fewer even with it. So
 * nobody is kept out by somebody who takes everything, and nobody loses a place to somebody who has as many.
 */
export class FairPlaces<Item> {
  readonly #max: number
  /** By owner, the oldest first. */
  readonly #owned = new Map<string, Set<Item>>()
  #taken = 0

  constructor(max: number) {
    this.#max = max
  }

  /** Gives the item a place; returns who has to go for that, which is the item itself when there is none for it. */
  enter(owner: string, item: Item): Item | undefined {
    let loser: Item | undefined
    if (this.#taken >= this.#max) {
      loser = this.#takeFromLargest((this.#owned.get(owner)?.size ?? 0) + 1)
      if (loser === undefined) return item
    }
    const items = this.#owned.get(owner)
    if (items === undefined) this.#owned.set(owner, new Set([item]))
    else items.add(item)
    this.#taken += 1
    return loser
  }

  /** Does nothing when the item has no place. */
  leave(owner: string, item: Item): void {
    const items = this.#owned.get(owner)
    if (items?.delete(item) !== true) return
    this.#taken -= 1
    if (items.size === 0) this.#owned.delete(owner)
  }

  /** Only from somebody who has more than so many. */
  #takeFromLargest(count: number): Item | undefined {
    let most: readonly [owner: string, size: number] = ['', count]
    for (const [owner, { size }] of this.#owned) if (size > most[1]) most = [owner, size]
    const [oldest] = this.#owned.get(most[0]) ?? []
    if (oldest !== undefined) this.leave(most[0], oldest)
    return oldest
  }
}
