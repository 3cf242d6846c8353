import type { Clock } from '../../world/world.ts'

/** No client is refused this much of a request: requests of usual size are served whatever others hold. */
const ALWAYS_GIVEN_BYTES = 1 << 16
/** While others wait for memory, a request of which nothing has come for so long is given up. */
const STALLED_AFTER_MS = 10_000
/** So long may one go on beyond the limit, and so long may nothing come from it then. */
const FAVOUR_ENDS_AFTER_MS = 60_000
const FAVOURED_STALLS_AFTER_MS = 1_000
const LOOK_EVERY_MS = 250

/**
 * The memory that all connections together hold for requests: for those that have come in part, and for those in work.
 *
 *  1. What has come of a request is kept in memory that grows with it; a length alone costs nothing.
 *  2. At the limit a connection that needs more is not read any more (it starves) until memory is given back.
 *  3. So that starving ones do not wait for each other for ever, one at a time may go on beyond the limit, the one with
 *     the smallest request first, as long as what is in work leaves room.
 *  4. While any starves, connections whose client has stopped in the middle of a request are closed, and soonest the one
 *     that may go on and does not.
 *
 * Held is thus never more than the limit, one largest request, and 64 KiB of each connection.
 */
export class RequestMemory {
  readonly #limitBytes: number
  readonly #clock: Clock
  readonly #accounts = new Set<MemoryAccount>()
  /** Those that starve. */
  readonly #starving = new Set<MemoryAccount>()
  #favoured: MemoryAccount | undefined
  #favouredSinceMs = 0
  #partialBytes = 0
  #workBytes = 0
  #waking = false
  #looking = false

  constructor(options: { readonly limitBytes: number; readonly clock: Clock }) {
    this.#limitBytes = options.limitBytes
    this.#clock = options.clock
  }

  /** Bytes held for requests, whole or in part. */
  get heldBytes(): number {
    return this.#partialBytes + this.#workBytes
  }

  /** Whether so much is held that nobody should begin more than one request at a time. */
  get isFull(): boolean {
    return this.heldBytes >= this.#limitBytes
  }

  /** Whether there is plenty: memory may be taken ahead of what comes. */
  get isPlenty(): boolean {
    return this.heldBytes < this.#limitBytes / 4
  }

  open(owner: MemoryOwner): MemoryAccount {
    const account = new MemoryAccount(this, owner, this.#clock.monotonicMs())
    this.#accounts.add(account)
    return account
  }

  /** A request has begun or, with a negative number, ended to be in work. */
  work(bytes: number): void {
    this.#workBytes += bytes
    if (bytes < 0) this.#wakeSoon()
  }

  /** For accounts. */
  close(account: MemoryAccount): void {
    this.hold(account, 0, 0)
    this.#accounts.delete(account)
    this.#starving.delete(account)
    if (account === this.#favoured) this.#favoured = undefined
  }

  /** For accounts. */
  hold(account: MemoryAccount, bytes: number, requestBytes: number): boolean {
    const growth = bytes - account.heldBytes
    const fits =
      growth <= 0 ||
      bytes <= ALWAYS_GIVEN_BYTES ||
      this.heldBytes + growth <= this.#limitBytes ||
      account === this.#favoured
    if (!fits) {
      account.requestBytes = requestBytes
      this.#starving.add(account)
      this.#lookLater()
      this.#wakeSoon()
      return false
    }
    this.#starving.delete(account)
    this.#partialBytes += growth
    account.heldBytes = bytes
    if (bytes === 0 && account === this.#favoured) this.#favoured = undefined
    if (growth < 0) this.#wakeSoon()
    return true
  }

  /** For accounts. */
  nowMs(): number {
    return this.#clock.monotonicMs()
  }

  /** Not inside the call that gave memory back: whoever goes on may ask for more. */
  #wakeSoon(): void {
    if (this.#waking || this.#starving.size === 0) return
    this.#waking = true
    this.#clock.defer(() => {
      this.#waking = false
      this.#wake()
    })
  }

  #wake(): void {
    if (this.#favoured === undefined && this.#workBytes < this.#limitBytes) {
      for (const account of this.#starving)
        if (this.#favoured === undefined || account.requestBytes < this.#favoured.requestBytes)
          this.#favoured = account
      this.#favouredSinceMs = this.nowMs()
      this.#favoured?.progressed()
    }
    for (const account of [...this.#starving]) {
      if (account === this.#favoured || !this.isFull) account.owner.memoryIsThere()
    }
  }

  #lookLater(): void {
    if (this.#looking) return
    this.#looking = true
    this.#clock.schedule(LOOK_EVERY_MS, () => {
      this.#looking = false
      if (this.#starving.size === 0) return
      const nowMs = this.nowMs()
      for (const account of this.#accounts) {
        const isFavoured = account === this.#favoured
        if (this.#starving.has(account) && !isFavoured) continue
        const patienceMs = isFavoured ? FAVOURED_STALLS_AFTER_MS : STALLED_AFTER_MS
        const stalls = account.lastBytesMs < nowMs - patienceMs
        const lingers = isFavoured && this.#favouredSinceMs < nowMs - FAVOUR_ENDS_AFTER_MS
        if (account.heldBytes > 0 && (stalls || lingers)) account.owner.memoryIsNeeded(account.heldBytes)
      }
      this.#wakeSoon()
      this.#lookLater()
    })
  }
}

/** A connection, as the memory sees it. */
export interface MemoryOwner {
  /** Called when it starved and may try again. */
  memoryIsThere(): void
  /** Its client has stopped in the middle of a request, and others starve: it should close. */
  memoryIsNeeded(heldBytes: number): void
}

/** What one connection holds for the request that comes in part. */
export class MemoryAccount {
  readonly owner: MemoryOwner
  heldBytes = 0
  /** Size of the request that it starves for. */
  requestBytes = 0
  lastBytesMs: number
  readonly #memory: RequestMemory

  constructor(memory: RequestMemory, owner: MemoryOwner, nowMs: number) {
    this.#memory = memory
    this.owner = owner
    this.lastBytesMs = nowMs
  }

  get isPlenty(): boolean {
    return this.#memory.isPlenty
  }

  /** Holds so many bytes in place of what was held before; false when that has to wait for `memoryIsThere`. */
  hold(bytes: number, requestBytes: number): boolean {
    return this.#memory.hold(this, bytes, requestBytes)
  }

  /** Something of a request has come. */
  progressed(): void {
    this.lastBytesMs = this.#memory.nowMs()
  }

  close(): void {
    this.#memory.close(this)
  }
}
