/**
 * What a heartbeat sets going in a streams group once its member and topology are written down, in this order:
 *  1. the topology is held to the topics that there are: which internal ones are missing, how many tasks there are;
 *  2. the group epoch is raised when members, topics, or settings of the assignment have changed;
 *  3. a target assignment is computed when the group epoch has moved on, unless the group waits for more members;
 *  4. the member goes a step towards its target.
 * Kafka computes assignments in the background, so that members hear of them a heartbeat later; here it is done at once.
 */
import { metadataHash } from '../consumer/topics-view.ts'
import { reconcileTasks } from './reconcile-tasks.ts'
import { assignSticky } from './sticky-assignor.ts'
import type { StreamsDraft } from './streams-draft.ts'
import { epochRecord } from './streams-membership.ts'
import type { StreamsCurrentValue } from './streams-record.ts'
import { NO_TASKS, sameTasks, type Tasks } from './tasks.ts'
import { topicsOf, type ConfiguredTopology } from './topology.ts'

/** Step 1. */
export function configured({ step, membership }: StreamsDraft): ConfiguredTopology {
  return step.group.streamsVolatile.configured(membership.topology!, step.topics)
}

/** Step 2. */
export function raiseStreamsEpoch(draft: StreamsDraft, topology: ConfiguredTopology, must: boolean): void {
  const { step, membership } = draft
  const { group, topics } = step
  const hash =
    group.topicsSeen === topics.version
      ? membership.metadataHash
      : metadataHash(topicsOf(membership.topology!), topics)
  const validatedTopologyEpoch = topology.problem === undefined ? topology.epoch : -1
  const assignmentConfigs = assignmentConfigsOf(draft)
  const raised =
    must ||
    hash !== membership.metadataHash ||
    validatedTopologyEpoch !== membership.validatedTopologyEpoch ||
    !sameConfigs(assignmentConfigs, membership.assignmentConfigs)
  if (raised)
    draft.emit(
      epochRecord(group.id, {
        groupEpoch: membership.groupEpoch + 1,
        metadataHash: hash,
        validatedTopologyEpoch,
        assignmentConfigs,
      }),
    )
  group.topicsSeen = topics.version
}

/** Why there is no assignment for the group's epoch yet. */
export type Delay = 'initial rebalance delay' | 'assignment interval'

/** Step 3; why it was not done, when it is to be. */
export function updateStreamsTarget(draft: StreamsDraft, topology: ConfiguredTopology): Delay | undefined {
  const { step, membership } = draft
  const { group, now, config } = step
  if (membership.groupEpoch <= membership.assignmentEpoch) return undefined
  const { streamsVolatile } = group
  const { delayUntilMs } = streamsVolatile
  if (delayUntilMs !== undefined && now.monotonicMs < delayUntilMs) return 'initial rebalance delay'
  const { assignmentIntervalMs, standbyReplicas } = config.streams.ofGroup(group.id)
  const sinceMs = now.wallMs - membership.assignmentTimestampMs
  const isSoon = membership.assignmentTimestampMs !== 0 && sinceMs >= 0 && sinceMs < assignmentIntervalMs
  if (isSoon) return 'assignment interval'
  const members = Array.from(membership.members.values(), ({ id, value }) => ({
    id,
    processId: value.processId,
    before: membership.targetOf(id),
    offsets: streamsVolatile.offsetsOf(id),
  }))
  // Without its topics the application stands still.
  const shares =
    topology.problem === undefined
      ? assignSticky(members, [...topology.subtopologies!.values()], standbyReplicas)
      : new Map<string, Tasks>(members.map(({ id }) => [id, NO_TASKS]))
  for (const [memberId, value] of shares) {
    const before = membership.targets.get(memberId)
    if (before === undefined || !sameTasks(before, value))
      draft.emit({ kind: 'streams-target', groupId: group.id, memberId, value })
  }
  const value = { epoch: membership.groupEpoch, timestampMs: now.wallMs }
  draft.emit({ kind: 'streams-assignment-epoch', groupId: group.id, value })
  return undefined
}

/** Step 4. */
export function reconcileStreamsMember(
  draft: StreamsDraft,
  memberId: string,
  { owned, delay }: { readonly owned: Tasks | undefined; readonly delay: Delay | undefined },
): StreamsCurrentValue | 'fenced' {
  const { step, membership } = draft
  const member = membership.members.get(memberId)!
  const next = reconcileTasks(member, {
    epoch: membership.assignmentEpoch,
    target: delay === 'initial rebalance delay' ? NO_TASKS : membership.targetOf(memberId),
    holders: () => membership.holders(),
    owned,
  })
  if (next === 'fenced' || next === member.current) return next
  draft.emit({ kind: 'streams-current', groupId: step.group.id, memberId, value: next })
  if (next.state === 'unrevoked')
    step.group.deadlines.set(memberId, 'revocation', step.now.monotonicMs + member.value.rebalanceTimeoutMs)
  else step.group.deadlines.cancel(memberId, 'revocation')
  return next
}

/** Settings that an assignment depends on, by ascending name. */
function assignmentConfigsOf({ step }: StreamsDraft): ReadonlyMap<string, string> {
  const { standbyReplicas, rackAwareTags } = step.config.streams.ofGroup(step.group.id)
  const configs = new Map([['num.standby.replicas', String(standbyReplicas)]])
  if (rackAwareTags.length > 0) configs.set('rack.aware.assignment.tags', rackAwareTags.join(','))
  return configs
}

function sameConfigs(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
  return one.size === other.size && [...one].every(([name, value]) => other.get(name) === value)
}
