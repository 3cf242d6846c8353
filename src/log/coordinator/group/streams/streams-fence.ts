import { lateMembers } from '../consumer/member-expiry.ts'
import type { ConsumerGroup } from '../consumer-group.ts'
import type { GroupStep } from '../group-step.ts'
import { StreamsDraft } from './streams-draft.ts'
import { epochRecord, streamsMemberTombstones } from './streams-membership.ts'
import { configured, updateStreamsTarget } from './streams-progress.ts'

/** Takes members out of the group: their tasks are free at once, and others get them with their next heartbeats. */
export function fenceStreamsMembers(draft: StreamsDraft, memberIds: ReadonlySet<string>): void {
  if (memberIds.size === 0) return
  const { group } = draft.step
  for (const memberId of memberIds) {
    draft.emit(...streamsMemberTombstones(group.id, memberId))
    group.deadlines.forget(memberId)
    group.streamsVolatile.forget(memberId)
  }
  const groupEpoch = draft.membership.groupEpoch + 1
  const { metadataHash, validatedTopologyEpoch, assignmentConfigs } = draft.membership
  draft.emit(epochRecord(group.id, { groupEpoch, metadataHash, validatedTopologyEpoch, assignmentConfigs }))
  if (draft.membership.members.size > 0) return
  // Nobody is left to be assigned anything: whoever comes next does not have to wait for that.
  draft.emit({
    kind: 'streams-assignment-epoch',
    groupId: group.id,
    value: { epoch: groupEpoch, timestampMs: 0 },
  })
  group.streamsVolatile.clear()
}

/** When `tickStreamsGroup` wants to be called. */
export function nextStreamsTickMs({ deadlines, streamsVolatile }: ConsumerGroup): number {
  return Math.min(deadlines.next(), streamsVolatile.delayUntilMs ?? Infinity)
}

/** Expels members whose time for something is over; ends the wait for the first members. */
export function tickStreamsGroup(step: GroupStep): void {
  const { group, now } = step
  const draft = new StreamsDraft(step)
  fenceStreamsMembers(draft, lateMembers(step, draft.membership.members))
  const { delayUntilMs } = group.streamsVolatile
  if (delayUntilMs === undefined || now.monotonicMs < delayUntilMs) return
  group.streamsVolatile.delayUntilMs = undefined
  if (draft.membership.members.size > 0 && draft.membership.topology !== undefined)
    updateStreamsTarget(draft, configured(draft))
}

/** After a restart every member gets its whole time. */
export function renewStreamsDeadlines({ group, now, config }: GroupStep): void {
  const { sessionTimeoutMs } = config.streams.ofGroup(group.id)
  for (const { id, value, current } of group.streams?.members.values() ?? []) {
    group.deadlines.set(id, 'session', now.monotonicMs + sessionTimeoutMs)
    if (current.state === 'unrevoked')
      group.deadlines.set(id, 'revocation', now.monotonicMs + value.rebalanceTimeoutMs)
  }
}
