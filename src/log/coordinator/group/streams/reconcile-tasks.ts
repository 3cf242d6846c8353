/**
 * Moves one member a step from the tasks that it has towards its target assignment (KIP-1071). The states are those of
 * `consumer/reconcile.ts`: what is not in the target is given up first, then the member comes into the epoch of the
 * target with all of it that is free, and is given the rest as others release it. What differs:
 *
 *  - A task's state lies in the directory of a process, which threads of it cannot use at once: a task is not free for a
 *    member while another member of the same process has it in any role.
 *  - A member may change its role in a task that it has. From active to standby, or between standby and warm-up, it does
 *    so at once. To become active it keeps the task as it is until nobody else runs it.
 */
import type { StreamsMember, TaskHolders } from './streams-membership.ts'
import type { StreamsCurrentValue } from './streams-record.ts'
import { isEmpty, NOTHING_HELD, overlap, sameHeld, type TaskId, type Tasks } from './tasks.ts'

interface Towards {
  readonly epoch: number
  readonly target: Tasks
  /** Asked only when something moves. */
  holders(): TaskHolders
  /** What the member says it owns; undefined when it did not say. */
  readonly owned: Tasks | undefined
}

/** Tasks that are being sorted out. */
interface Sorted {
  readonly active: Map<TaskId, number>
  readonly standby: Set<TaskId>
  readonly warmup: Set<TaskId>
}

/** The member's next current assignment, the very same object when nothing moves; 'fenced' when it has to start anew. */
export function reconcileTasks(member: StreamsMember, towards: Towards): StreamsCurrentValue | 'fenced' {
  const { current } = member
  const next = nextOf(member, towards)
  return next === 'fenced' || !sameCurrent(next, current) ? next : current
}

function nextOf(member: StreamsMember, towards: Towards): StreamsCurrentValue | 'fenced' {
  const { current } = member
  switch (current.state) {
    case 'stable':
      return current.memberEpoch === towards.epoch ? current : advance(member, towards, current.memberEpoch)
    case 'unrevoked':
      if (stillOwns(towards.owned, current.pendingRevocation)) return current
      return advance(member, towards, current.memberEpoch + 1)
    case 'unreleased':
      return advance(member, towards, current.memberEpoch)
    case 'unknown':
      // A newer broker wrote a state that is not known here: only a member that owns nothing can go on.
      if (towards.owned === undefined || !isEmpty(towards.owned)) return 'fenced'
      return advance(member, towards, towards.epoch)
  }
}

/** `epoch`: where the member is when it has to give up something first. */
function advance(member: StreamsMember, towards: Towards, epoch: number): StreamsCurrentValue {
  const { current } = member
  const { kept, taken, given, unreleased } = sortOut(member, towards)
  changeRoles(current.assigned, { kept, taken, given })
  promote(current.assigned, towards, { kept, taken, given })
  if (!isEmpty(taken) && stillOwns(towards.owned, taken))
    return { ...inEpoch(current, epoch), state: 'unrevoked', assigned: kept, pendingRevocation: taken }
  return {
    ...inEpoch(current, towards.epoch),
    state: unreleased ? 'unreleased' : 'stable',
    assigned: {
      active: new Map([...kept.active, ...given.active]),
      standby: new Set([...kept.standby, ...given.standby]),
      warmup: new Set([...kept.warmup, ...given.warmup]),
    },
    pendingRevocation: NOTHING_HELD,
  }
}

interface SortedOut {
  /** Had and in the target. */
  readonly kept: Sorted
  /** Had and not in the target. */
  readonly taken: Sorted
  /** In the target, not had, and free. */
  readonly given: Sorted
}

function sortOut(member: StreamsMember, towards: Towards): SortedOut & { readonly unreleased: boolean } {
  const { assigned } = member.current
  const { target, epoch } = towards
  const holders = towards.holders()
  const { processId } = member.value
  const kept = nothing()
  const taken = nothing()
  const given = nothing()
  let unreleased = false
  const elsewhere = (role: 'standby' | 'warmup', task: TaskId): boolean =>
    holders[role].get(task)?.has(processId) === true && !assigned[role].has(task)

  for (const [task, since] of assigned.active)
    (target.active.has(task) ? kept : taken).active.set(task, since)
  for (const task of target.active.keys()) {
    if (kept.active.has(task)) continue
    const isFree = !holders.active.has(task) && !elsewhere('standby', task) && !elsewhere('warmup', task)
    if (isFree) given.active.set(task, epoch)
    else unreleased = true
  }
  for (const role of ['standby', 'warmup'] as const) {
    const otherRole = role === 'standby' ? 'warmup' : 'standby'
    for (const task of assigned[role].keys()) (target[role].has(task) ? kept : taken)[role].add(task)
    for (const task of target[role].keys()) {
      if (kept[role].has(task)) continue
      const runsHere = holders.active.get(task)?.has(processId) === true
      // A member that runs a task may keep it as a standby; a warm-up is for who does not have it.
      const mayDemote = role === 'standby' && assigned.active.has(task)
      const isFree =
        (!runsHere || mayDemote) &&
        holders[role].get(task)?.has(processId) !== true &&
        !elsewhere(otherRole, task)
      if (isFree) given[role].add(task)
      else unreleased = true
    }
  }
  return { kept, taken, given, unreleased }
}

/** Changes of role that need not wait: what was active becomes standby, standby and warm-up become each other. */
function changeRoles(assigned: StreamsCurrentValue['assigned'], { kept, taken, given }: SortedOut): void {
  for (const task of assigned.active.keys()) if (given.standby.delete(task)) kept.standby.add(task)
  for (const task of assigned.standby.keys()) {
    if (!given.warmup.delete(task)) continue
    kept.warmup.add(task)
    taken.standby.delete(task)
  }
  for (const task of assigned.warmup.keys()) {
    if (!given.standby.delete(task)) continue
    kept.standby.add(task)
    taken.warmup.delete(task)
  }
}

/** What is to become active is not taken away before: it stays as it is until the member may run it. */
function promote(
  assigned: StreamsCurrentValue['assigned'],
  { target, owned }: Towards,
  { kept, taken, given }: SortedOut,
): void {
  const promoted = (role: 'standby' | 'warmup'): TaskId[] =>
    [...assigned[role].keys()].filter((task) => target.active.has(task))
  for (const role of ['standby', 'warmup'] as const)
    for (const task of promoted(role)) taken[role].delete(task)
  const givesUpFirst = !isEmpty(taken) && stillOwns(owned, taken)
  for (const role of ['standby', 'warmup'] as const)
    for (const task of promoted(role)) if (givesUpFirst || !given.active.has(task)) kept[role].add(task)
}

/** Whether the member has some of these, for all that is known. */
function stillOwns(owned: Tasks | undefined, tasks: Tasks): boolean {
  return owned === undefined || overlap(owned, tasks)
}

/** The epochs of a member that comes into `epoch`: it may repeat the request that brought it there. */
function inEpoch(
  current: StreamsCurrentValue,
  epoch: number,
): Pick<StreamsCurrentValue, 'memberEpoch' | 'previousMemberEpoch'> {
  return {
    memberEpoch: epoch,
    previousMemberEpoch: epoch === current.memberEpoch ? current.previousMemberEpoch : current.memberEpoch,
  }
}

function sameCurrent(one: StreamsCurrentValue, other: StreamsCurrentValue): boolean {
  return (
    one === other ||
    (one.memberEpoch === other.memberEpoch &&
      one.previousMemberEpoch === other.previousMemberEpoch &&
      one.state === other.state &&
      sameHeld(one.assigned, other.assigned) &&
      sameHeld(one.pendingRevocation, other.pendingRevocation))
  )
}

function nothing(): Sorted {
  return { active: new Map(), standby: new Set(), warmup: new Set() }
}
