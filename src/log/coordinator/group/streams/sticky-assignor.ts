/**
 * Kafka's `sticky` assignor of tasks: whoever had a task keeps it, as long as members get equally many. Active tasks go
 *  1. to the member that had it active,
 *  2. to one that had it as standby or warm-up, or else reported to have its state on disk, the one with least to do,
 *  3. to the process with least to do, there to the member with least to do;
 * the first two only while the member has less than its equal share. Standby tasks, which stateful subtopologies alone
 * have, go to whoever had the task before and then to who has least to do, in a process that does not have it yet: two
 * copies of one state in one process are of no use. Where processes are too few, there are less standby tasks.
 */
import { compare, taskId, taskOf, type TaskId, type Tasks } from './tasks.ts'

export interface AssignableStreamsMember {
  readonly id: string
  readonly processId: string
  /** Its target assignment so far. */
  readonly before: Tasks
  /** Tasks whose state it has, as it said → how far it is: the sum of changelog offsets. */
  readonly offsets: ReadonlyMap<TaskId, number>
}

export interface AssignableSubtopology {
  readonly id: string
  readonly taskCount: number
  readonly stateful: boolean
}

interface Share {
  readonly id: string
  readonly process: Process
  readonly active: Set<TaskId>
  readonly standby: Set<TaskId>
}

interface Process {
  readonly members: Share[]
  readonly tasks: Set<TaskId>
}

export function assignSticky(
  members: readonly AssignableStreamsMember[],
  subtopologies: readonly AssignableSubtopology[],
  standbyReplicas: number,
): Map<string, Tasks> {
  const shares = sharesOf(members)
  const tasksOf = (which: readonly AssignableSubtopology[]): TaskId[] =>
    which.flatMap(({ id, taskCount }) =>
      Array.from({ length: taskCount }, (_, partition) => taskId(id, partition)),
    )
  const activeTasks = tasksOf(subtopologies)
  const standbyTasks = tasksOf(subtopologies.filter(({ stateful }) => stateful))
  const quotas: Quotas = {
    active: new Quota(activeTasks.length, members.length),
    all: new Quota(activeTasks.length + standbyTasks.length * standbyReplicas, members.length),
  }
  const history = historyOf(members, shares)
  if (members.length > 0) {
    assignActive(activeTasks, { shares, history, quotas })
    if (standbyReplicas > 0) assignStandby(standbyTasks, standbyReplicas, { shares, history, quotas })
  }
  return new Map(
    Array.from(shares.values(), ({ id, active, standby }) => [
      id,
      { active, standby, warmup: new Set<TaskId>() },
    ]),
  )
}

interface Quotas {
  readonly active: Quota
  readonly all: Quota
}

interface Assigning {
  readonly shares: ReadonlyMap<string, Share>
  readonly history: History
  readonly quotas: Quotas
}

function assignActive(tasks: readonly TaskId[], { shares, history, quotas }: Assigning): void {
  const give = (share: Share, task: TaskId): void => {
    share.active.add(task)
    share.process.tasks.add(task)
    quotas.active.reached(sizeOf(share))
    quotas.all.reached(sizeOf(share))
  }
  const giveIfShort = (share: Share | undefined, task: TaskId): boolean => {
    if (share === undefined || sizeOf(share) >= quotas.active.each) return false
    give(share, task)
    return true
  }
  const rest = tasks
    .toSorted(byPartition)
    .filter((task) => !giveIfShort(history.active.get(task), task))
    .filter((task) => !giveIfShort(leastLoaded(history.standby.get(task) ?? []), task))
  const processes = processesOf(shares)
  for (const task of rest.toSorted(bySubtopology)) give(smallest(least(processes, loadOf)!), task)
}

function assignStandby(
  tasks: readonly TaskId[],
  replicas: number,
  { shares, history, quotas }: Assigning,
): void {
  const give = (share: Share, task: TaskId): void => {
    share.standby.add(task)
    share.process.tasks.add(task)
    quotas.all.reached(sizeOf(share))
  }
  const isShort = (share: Share): boolean => sizeOf(share) < quotas.all.each
  const rest: { readonly task: TaskId; readonly replicas: number }[] = []
  for (const task of tasks.toSorted(byPartition).toReversed()) {
    let left = replicas
    for (; left > 0; left--) {
      const had = history.active.get(task)
      if (had !== undefined && !had.process.tasks.has(task) && isShort(had)) {
        give(had, task)
        continue
      }
      const candidates = (history.standby.get(task) ?? []).filter(({ process }) => !process.tasks.has(task))
      const kept = leastLoaded(candidates)
      if (kept === undefined || !isShort(kept)) break
      give(kept, task)
    }
    if (left > 0) rest.push({ task, replicas: left })
  }
  const processes = processesOf(shares)
  for (const { task, replicas: left } of rest.toSorted((one, other) => bySubtopology(other.task, one.task))) {
    for (let replica = 0; replica < left; replica++) {
      const free = processes.filter((process) => !process.tasks.has(task))
      const process = least(free, loadOf)
      if (process === undefined) break
      give(smallest(process), task)
    }
  }
}

/** Who had a task before: active, and besides, best first. */
interface History {
  readonly active: ReadonlyMap<TaskId, Share>
  readonly standby: ReadonlyMap<TaskId, readonly Share[]>
}

function historyOf(members: readonly AssignableStreamsMember[], shares: ReadonlyMap<string, Share>): History {
  const active = new Map<TaskId, Share>()
  const candidates = new Map<TaskId, { share: Share; assigned: boolean; offset: number }[]>()
  const add = (task: TaskId, share: Share, assigned: boolean, offset: number): void => {
    const list = candidates.get(task) ?? []
    candidates.set(task, list)
    list.push({ share, assigned, offset })
  }
  for (const { id, before, offsets } of members) {
    const share = shares.get(id)!
    for (const task of before.active.keys()) active.set(task, share)
    for (const role of ['standby', 'warmup'] as const)
      for (const task of before[role].keys()) add(task, share, true, offsets.get(task) ?? 0)
    for (const [task, offset] of offsets)
      if (!before.standby.has(task) && !before.warmup.has(task)) add(task, share, false, offset)
  }
  const standby = new Map(
    Array.from(candidates, ([task, list]) => [
      task,
      list
        .toSorted((one, other) => Number(other.assigned) - Number(one.assigned) || other.offset - one.offset)
        .map(({ share }) => share),
    ]),
  )
  return { active, standby }
}

/** An equal share of what has not been given yet, which is less once some have got theirs. */
class Quota {
  #tasks: number
  #members: number

  constructor(tasks: number, members: number) {
    this.#tasks = tasks
    this.#members = members
  }

  get each(): number {
    return this.#members === 0 ? 0 : Math.ceil(this.#tasks / this.#members)
  }

  /** A member has got so many tasks. */
  reached(count: number): void {
    if (count !== this.each) return
    this.#members -= 1
    this.#tasks -= count
  }
}

function sharesOf(members: readonly AssignableStreamsMember[]): Map<string, Share> {
  const processes = new Map<string, Process>()
  const shares = new Map<string, Share>()
  for (const { id, processId } of members) {
    const process = processes.get(processId) ?? { members: [], tasks: new Set<TaskId>() }
    processes.set(processId, process)
    const share = { id, process, active: new Set<TaskId>(), standby: new Set<TaskId>() }
    process.members.push(share)
    shares.set(id, share)
  }
  return shares
}

function processesOf(shares: ReadonlyMap<string, Share>): Process[] {
  return [...new Set(Array.from(shares.values(), ({ process }) => process))]
}

/** The first one whose process and which itself has less to do than those before it. */
function leastLoaded(shares: readonly Share[]): Share | undefined {
  let found: Share | undefined
  for (const share of shares) {
    const better =
      found === undefined || (loadOf(share.process) < loadOf(found.process) && sizeOf(share) < sizeOf(found))
    if (better) found = share
  }
  return found
}

function least<Item>(items: readonly Item[], measure: (item: Item) => number): Item | undefined {
  let found: Item | undefined
  for (const item of items) if (found === undefined || measure(item) < measure(found)) found = item
  return found
}

function smallest({ members }: Process): Share {
  return least(members, sizeOf)!
}

function sizeOf({ active, standby }: Share): number {
  return active.size + standby.size
}

function loadOf({ members, tasks }: Process): number {
  return tasks.size / members.length
}

function byPartition(one: TaskId, other: TaskId): number {
  const [a, b] = [taskOf(one), taskOf(other)]
  return a.partition - b.partition || compare(a.subtopologyId, b.subtopologyId)
}

function bySubtopology(one: TaskId, other: TaskId): number {
  const [a, b] = [taskOf(one), taskOf(other)]
  return compare(a.subtopologyId, b.subtopologyId) || a.partition - b.partition
}
