/** What a member has to do in time, or it is expelled. */
export type DeadlineKind =
  | 'session'
  /** Give up the partitions that were taken from it. */
  | 'revocation'
  /** A classic member that was told of a rebalance: send its JoinGroup. */
  | 'join'
  /** A classic member that has joined: send its SyncGroup. */
  | 'sync'

/** Until when the members of a group have to have done what (monotonic). Volatile: set anew after a restart. */
export class MemberDeadlines {
  readonly #deadlines = new Map<string, Map<DeadlineKind, number>>()

  set(memberId: string, kind: DeadlineKind, atMs: number): void {
    let deadlines = this.#deadlines.get(memberId)
    if (deadlines === undefined) this.#deadlines.set(memberId, (deadlines = new Map<DeadlineKind, number>()))
    deadlines.set(kind, atMs)
  }

  setIfAbsent(memberId: string, kind: DeadlineKind, atMs: number): void {
    if (this.#deadlines.get(memberId)?.has(kind) !== true) this.set(memberId, kind, atMs)
  }

  cancel(memberId: string, kind: DeadlineKind): void {
    this.#deadlines.get(memberId)?.delete(kind)
  }

  forget(memberId: string): void {
    this.#deadlines.delete(memberId)
  }

  /** The earliest; Infinity when there is none. */
  next(): number {
    let nextMs = Infinity
    for (const deadlines of this.#deadlines.values())
      for (const atMs of deadlines.values()) nextMs = Math.min(nextMs, atMs)
    return nextMs
  }

  /** Whose time is over. */
  expired(nowMs: number): string[] {
    const memberIds: string[] = []
    for (const [memberId, deadlines] of this.#deadlines) {
      for (const atMs of deadlines.values()) {
        if (atMs > nowMs) continue
        memberIds.push(memberId)
        break
      }
    }
    return memberIds
  }
}
