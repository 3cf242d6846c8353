/**
 * What a heartbeat or a classic JoinGroup sets going in a group of the consumer protocol, in this order:
 *  1. the member's subscription is written down when it has changed;
 *  2. regular expressions are matched anew when they or the topics have changed;
 *  3. the group epoch is raised when the subscriptions or the subscribed topics have changed;
 *  4. a target assignment is computed when the group epoch has moved on;
 *  5. the member goes a step towards its target.
 * Kafka matches regular expressions and computes assignments in the background or at most once a second, so that
 * members hear of them a heartbeat later; here it is done at once.
 */
import type { GroupStep } from '../group-step.ts'
import type { AssignableMember } from './assignor.ts'
import { ASSIGNORS } from './assignors.ts'
import type { ConsumerDraft } from './consumer-draft.ts'
import {
  memberTombstones,
  NEW_MEMBER,
  NO_ASSIGNMENT,
  UNKNOWN_MEMBER,
  type ConsumerMember,
} from './consumer-membership.ts'
import type { Assignment, CurrentValue, MemberValue } from './consumer-record.ts'
import { reconcile, type OwnedByMember } from './reconcile.ts'
import { metadataHash } from './topics-view.ts'

export interface MemberChange {
  /** As the group knows it, or `newMember`. */
  readonly before: ConsumerMember
  /** What it is to be. */
  readonly value: MemberValue
  readonly owned: OwnedByMember
  readonly mayDescribe?: (topic: string) => boolean
}

export interface Progress extends CurrentValue {
  readonly subscriptionChanged: boolean
}

export function newMember(id: string): ConsumerMember {
  return { id, value: UNKNOWN_MEMBER, current: NEW_MEMBER }
}

/** Steps 1 to 5; 'fenced' when the member has to start anew. */
export function bringUpToDate(draft: ConsumerDraft, change: MemberChange): Progress | 'fenced' {
  const subscriptionChanged = changeMember(draft, change)
  updateTarget(draft)
  const current = reconcileMember(draft, change, subscriptionChanged)
  return current === 'fenced' ? current : { ...current, subscriptionChanged }
}

/** Steps 1 to 3; whether the member's subscription has changed. */
export function changeMember(draft: ConsumerDraft, { before, value, mayDescribe }: MemberChange): boolean {
  const { step } = draft
  const groupId = step.group.id
  if (!draft.membership.members.has(before.id) || !sameMember(before.value, value))
    draft.emit({ kind: 'member', groupId, memberId: before.id, value })
  const subscriptionChanged =
    !sameNames(before.value.subscribedTopicNames, value.subscribedTopicNames) ||
    before.value.subscribedTopicRegex !== value.subscribedTopicRegex
  const matchesChanged = matchRegexes(draft, mayDescribe)
  raiseEpoch(draft, subscriptionChanged || matchesChanged)
  return subscriptionChanged
}

/** What is wrong with a regular expression that nobody in the group is subscribed to yet. */
export function problemWithRegex(
  { step, membership }: ConsumerDraft,
  regex: string | null,
): string | undefined {
  if (regex === null || regex === '' || membership.regexes.has(regex)) return undefined
  const compiled = step.regexes.compile(regex)
  if (compiled.kind === 'compiled') return undefined
  return `SubscribedTopicRegex \`${regex}\` is not a valid regular expression: ${compiled.reason}.`
}

/** A static member came back under another member id: it gets all that the old one had. */
export function replaceStaticMember(
  draft: ConsumerDraft,
  old: ConsumerMember,
  memberId: string,
): ConsumerMember {
  const groupId = draft.step.group.id
  const target = draft.membership.targets.get(old.id) ?? NO_ASSIGNMENT
  const current = { ...old.current, memberEpoch: 0, previousMemberEpoch: 0 }
  draft.emit(
    ...memberTombstones(groupId, old.id),
    { kind: 'member', groupId, memberId, value: old.value },
    { kind: 'target', groupId, memberId, value: target },
    { kind: 'current', groupId, memberId, value: current },
  )
  return draft.membership.members.get(memberId)!
}

/** Matches what has to be matched and forgets what nobody wants any more; whether the topics have changed by that. */
export function matchRegexes(draft: ConsumerDraft, mayDescribe: MemberChange['mayDescribe']): boolean {
  const { group, topics, regexes, now, config } = draft.step
  const wanted = new Set<string>()
  for (const { value } of draft.membership.members.values()) {
    if (value.subscribedTopicRegex !== null && value.subscribedTopicRegex !== '')
      wanted.add(value.subscribedTopicRegex)
  }
  const known = new Map(draft.membership.regexes)
  let changed = false
  for (const [regex, { topics: matched }] of known) {
    if (wanted.has(regex)) continue
    draft.emit({ kind: 'regex', groupId: group.id, regex, value: null })
    changed ||= matched.length > 0
  }
  for (const regex of wanted) {
    const before = known.get(regex)
    const refreshes =
      before !== undefined && now.wallMs - before.timestampMs >= config.consumer.regexRefreshIntervalMs
    if (before !== undefined && group.topicsSeen === topics.version && !refreshes) continue
    const compiled = regexes.compile(regex)
    const matched: string[] = []
    for (const name of compiled.kind === 'compiled' ? topics.names() : []) {
      if (compiled.kind === 'compiled' && compiled.matches(name) && mayDescribe?.(name) !== false)
        matched.push(name)
    }
    matched.sort()
    const same = before !== undefined && sameNames(before.topics, matched)
    if (same && !refreshes) continue
    const value = { topics: matched, version: topics.version, timestampMs: now.wallMs }
    draft.emit({ kind: 'regex', groupId: group.id, regex, value })
    changed ||= !same
  }
  return changed
}

/** Raises the group epoch when it must be, or when the subscribed topics are not what they were. A group begins with 1. */
export function raiseEpoch(draft: ConsumerDraft, must: boolean): void {
  const { group, topics } = draft.step
  const { membership } = draft
  const isNew = membership.groupEpoch === 0
  if (!must && !isNew && group.topicsSeen === topics.version) return
  const hash = metadataHash(membership.subscribedTopics(), topics)
  const raised = must || (!isNew && hash !== membership.metadataHash)
  if (raised || isNew) {
    const value = { epoch: Math.max(membership.groupEpoch, 1) + (raised ? 1 : 0), metadataHash: hash }
    draft.emit({ kind: 'group-epoch', groupId: group.id, value })
  }
  group.topicsSeen = topics.version
}

/** Step 4. */
export function updateTarget(draft: ConsumerDraft): void {
  const { step, membership } = draft
  const groupId = step.group.id
  if (membership.groupEpoch <= membership.assignmentEpoch || !mayAssign(draft)) return
  const assignorName = membership.preferredAssignor() ?? step.config.consumer.assignors[0]!
  const assign = ASSIGNORS.get(assignorName) ?? ASSIGNORS.get('uniform')!
  const members = Array.from(membership.members.values(), (member): AssignableMember => ({
    id: member.id,
    instanceId: member.value.instanceId,
    topicIds: subscribedTopicIds(draft, member),
    target: membership.targets.get(member.id) ?? NO_ASSIGNMENT,
  }))
  const shares = assign(members, (topicId) => step.topics.topicById(topicId)?.partitionCount ?? 0)
  for (const [memberId, value] of shares) {
    const before = membership.targets.get(memberId)
    if (before === undefined || !sameAssignment(before, value))
      draft.emit({ kind: 'target', groupId, memberId, value })
  }
  const value = { epoch: membership.groupEpoch, timestampMs: step.now.wallMs }
  draft.emit({ kind: 'assignment-epoch', groupId, value })
}

/** Whether the last assignment is long enough ago (KIP-1263); a clock that was set back does not make anybody wait. */
function mayAssign({ step, membership }: ConsumerDraft): boolean {
  const { assignmentIntervalMs } = step.config.consumer.ofGroup(step.group.id)
  const sinceMs = step.now.wallMs - membership.assignmentTimestampMs
  return membership.assignmentTimestampMs === 0 || sinceMs < 0 || sinceMs >= assignmentIntervalMs
}

/** Step 5. */
export function reconcileMember(
  draft: ConsumerDraft,
  { before, owned }: Pick<MemberChange, 'before' | 'owned'>,
  subscriptionChanged: boolean,
): CurrentValue | 'fenced' {
  const { step, membership } = draft
  const member = membership.members.get(before.id)!
  const { current } = member
  const next = reconcile(member, {
    epoch: membership.assignmentEpoch,
    target: membership.targets.get(member.id) ?? NO_ASSIGNMENT,
    subscribed: subscribedTopicIds(draft, member),
    subscriptionChanged,
    owned,
    ownerOf: (topicId, partition) => membership.ownerOf(topicId, partition),
  })
  if (next === 'fenced' || next === current) return next
  draft.emit({ kind: 'current', groupId: step.group.id, memberId: member.id, value: next })
  // Members of the classic protocol have their join and sync deadlines instead.
  if (member.value.classic === null) watchRevocation(step, member, next)
  return next
}

function watchRevocation({ group, now }: GroupStep, { id, value }: ConsumerMember, next: CurrentValue): void {
  if (next.state === 'unrevoked')
    group.deadlines.set(id, 'revocation', now.monotonicMs + value.rebalanceTimeoutMs)
  else group.deadlines.cancel(id, 'revocation')
}

function subscribedTopicIds({ step, membership }: ConsumerDraft, member: ConsumerMember): Set<string> {
  const topicIds = new Set<string>()
  for (const name of membership.topicsOf(member)) {
    const topic = step.topics.topic(name)
    if (topic !== undefined) topicIds.add(topic.id)
  }
  return topicIds
}

function sameMember(one: MemberValue, other: MemberValue): boolean {
  return (
    one.instanceId === other.instanceId &&
    one.rackId === other.rackId &&
    one.clientId === other.clientId &&
    one.clientHost === other.clientHost &&
    one.rebalanceTimeoutMs === other.rebalanceTimeoutMs &&
    one.serverAssignor === other.serverAssignor &&
    one.subscribedTopicRegex === other.subscribedTopicRegex &&
    sameNames(one.subscribedTopicNames, other.subscribedTopicNames) &&
    sameClassic(one.classic, other.classic)
  )
}

function sameClassic(one: MemberValue['classic'], other: MemberValue['classic']): boolean {
  if (one === null || other === null) return one === other
  return (
    one.sessionTimeoutMs === other.sessionTimeoutMs &&
    one.protocols.length === other.protocols.length &&
    one.protocols.every(({ name, metadata }, index) => {
      const another = other.protocols[index]!
      return name === another.name && metadata.equals(another.metadata)
    })
  )
}

/** Whether two lists in order are the same. */
function sameNames(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((name, index) => name === other[index])
}

function sameAssignment(one: Assignment, other: Assignment): boolean {
  if (one.size !== other.size) return false
  for (const [topicId, partitions] of one) {
    const others = other.get(topicId)
    if (others?.length !== partitions.length) return false
    if (partitions.some((partition, index) => partition !== others[index])) return false
  }
  return true
}
