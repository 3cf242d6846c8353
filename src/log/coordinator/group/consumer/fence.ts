import type { ConsumerDraft } from './consumer-draft.ts'
import { memberTombstones } from './consumer-membership.ts'
import { downgrade, mayDowngrade } from './conversion.ts'
import { matchRegexes, raiseEpoch } from './group-progress.ts'

/**
 * Takes members out of the group: their partitions are free at once, and the others hear of a new assignment with
 * their next heartbeats. When all that remain use the classic protocol, the group returns to it.
 */
export function fence(draft: ConsumerDraft, memberIds: ReadonlySet<string>): void {
  if (memberIds.size === 0) return
  const { members } = draft.membership
  const remaining = [...members.values()].filter(({ id }) => !memberIds.has(id))
  if (remaining.length > 0 && mayDowngrade(draft.step, remaining)) {
    downgrade(draft, { remaining, rebalance: true })
    return
  }
  for (const memberId of memberIds) draft.emit(...memberTombstones(draft.step.group.id, memberId))
  matchRegexes(draft, undefined)
  raiseEpoch(draft, true)
  if (remaining.length > 0) return
  // Nobody is left to be assigned anything: whoever comes next does not have to wait for that.
  const value = { epoch: draft.membership.groupEpoch, timestampMs: 0 }
  draft.emit({ kind: 'assignment-epoch', groupId: draft.step.group.id, value })
}
