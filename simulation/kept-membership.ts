/**
 * The promise of a group to its members: who was told to be one stays one, whatever becomes of the server and its clock,
 * unless it is silent for longer than it may. Kept from a member's side, which knows when it was last told so.
 */
import { KafkaError } from '../src/log/client/kafka-error.ts'
import { ErrorCode, errorName } from '../src/log/protocol/error-code.ts'
import type { Clock } from '../src/world/world.ts'
import { BrokenPromise } from './history.ts'

export const SESSION_TIMEOUT_MS = 6_000
/** A member that does not follow a rebalance for so long goes too; the shorter of the two. */
export const REBALANCE_TIMEOUT_MS = 4_000

const OUT: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.FENCED_MEMBER_EPOCH,
  ErrorCode.ILLEGAL_GENERATION,
])

/** Whether the group says that it does not know this member, or not in this epoch or generation. */
export function isOutOfGroup(error: unknown): boolean {
  return error instanceof KafkaError && OUT.has(error.errorCode)
}

export class KeptMembership {
  readonly #memberId: string
  readonly #clock: Clock
  /** When the last question was asked whose answer was that it is a member; on the monotonic clock. */
  #toldAtMs = -Infinity
  /** A question was asked since whose answer never came: the group may be further on than the member knows. */
  #isInDoubt = false

  constructor(memberId: string, clock: Clock) {
    this.#memberId = memberId
    this.#clock = clock
  }

  /** Asks something whose answer says whether the member is one. Throws `BrokenPromise` when it may not say no. */
  async ask<Answer extends { readonly errorCode: number }>(question: () => Promise<Answer>): Promise<Answer> {
    const askedAtMs = this.#clock.monotonicMs()
    const wasInDoubt = this.#isInDoubt
    this.#isInDoubt = true
    const answer = await question()
    const { errorCode } = answer
    if (errorCode === ErrorCode.NONE) this.#toldAtMs = askedAtMs
    this.#isInDoubt = errorCode !== ErrorCode.NONE && wasInDoubt
    const silentMs = this.#clock.monotonicMs() - this.#toldAtMs
    const isBroken = OUT.has(errorCode) && (errorCode === ErrorCode.UNKNOWN_MEMBER_ID || !wasInDoubt)
    if (isBroken && silentMs < REBALANCE_TIMEOUT_MS)
      throw new BrokenPromise(
        `${this.#memberId} was told ${Math.round(silentMs)} ms ago that it is a member; now ${errorName(errorCode)}`,
      )
    return answer
  }
}
