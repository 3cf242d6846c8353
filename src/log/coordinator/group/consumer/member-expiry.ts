import type { GroupStep } from '../group-step.ts'
import { ConsumerDraft } from './consumer-draft.ts'
import type { ConsumerMember } from './consumer-membership.ts'
import { fence } from './fence.ts'

/** If members that were to be expelled could not be, because the log refused it, it is tried again after this time. */
const TRY_AGAIN_MS = 5_000

/** Expels the members whose time for something is over, all at once. */
export function expireMembers(step: GroupStep): void {
  fence(new ConsumerDraft(step), lateMembers(step, step.group.consumer!.members))
}

/** Those of the members whose time for something is over. */
export function lateMembers(
  { group, now }: GroupStep,
  members: ReadonlyMap<string, unknown>,
): ReadonlySet<string> {
  const late = new Set<string>()
  for (const memberId of group.deadlines.expired(now.monotonicMs)) {
    group.deadlines.forget(memberId)
    if (!members.has(memberId)) continue
    late.add(memberId)
    group.deadlines.set(memberId, 'session', now.monotonicMs + TRY_AGAIN_MS)
  }
  return late
}

/** After a restart or an upgrade every member, or every classic one, gets its whole time. */
export function renewDeadlines(step: GroupStep, which: 'all' | 'classic'): void {
  const { group, now, config } = step
  const { sessionTimeoutMs } = config.consumer.ofGroup(group.id)
  for (const member of group.consumer?.members.values() ?? []) {
    const { id, value, current }: ConsumerMember = member
    if (which === 'classic' && value.classic === null) continue
    const timeoutMs = value.classic?.sessionTimeoutMs ?? sessionTimeoutMs
    group.deadlines.set(id, 'session', now.monotonicMs + timeoutMs)
    if (which === 'all' && current.state === 'unrevoked')
      group.deadlines.set(id, 'revocation', now.monotonicMs + value.rebalanceTimeoutMs)
  }
}
