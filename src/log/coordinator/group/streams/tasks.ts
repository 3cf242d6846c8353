/**
 * The work of a streams application, as KIP-1071 cuts it up: a task is one partition of a subtopology. Somebody runs it
 * (active); others may keep its state up to date, to take it over quickly (standby), or be about to (warm-up).
 */

/** Kafka Streams' name of a task: subtopology and partition, such as `0_3`. */
export type TaskId = string

/** What `Set` and the keys of `Map` have in common. */
export interface TaskIds {
  readonly size: number
  has(task: TaskId): boolean
  keys(): Iterable<TaskId>
}

/** Tasks by what is done with them. */
export interface Tasks {
  readonly active: TaskIds
  readonly standby: TaskIds
  readonly warmup: TaskIds
}

/** Tasks that a member has. */
export interface HeldTasks extends Tasks {
  /** Active tasks → the member epoch in which the member was given it. */
  readonly active: ReadonlyMap<TaskId, number>
}

export const ROLES = ['active', 'standby', 'warmup'] as const
export type TaskRole = (typeof ROLES)[number]

const NO_TASK_IDS: ReadonlySet<TaskId> = new Set()
export const NO_TASKS: Tasks = { active: NO_TASK_IDS, standby: NO_TASK_IDS, warmup: NO_TASK_IDS }
export const NOTHING_HELD: HeldTasks = { active: new Map(), standby: NO_TASK_IDS, warmup: NO_TASK_IDS }

/** As requests, answers and records list tasks. */
export interface ListedTasks {
  readonly subtopologyId: string
  readonly partitions: readonly number[]
}

export function taskId(subtopologyId: string, partition: number): TaskId {
  return `${subtopologyId}_${partition}`
}

export function taskOf(task: TaskId): { readonly subtopologyId: string; readonly partition: number } {
  const at = task.lastIndexOf('_')
  return { subtopologyId: task.slice(0, at), partition: Number(task.slice(at + 1)) }
}

/** By ascending subtopology, then partition. */
export function listTasks(tasks: TaskIds): ListedTasks[] {
  const bySubtopology = new Map<string, number[]>()
  for (const task of tasks.keys()) {
    const { subtopologyId, partition } = taskOf(task)
    const partitions = bySubtopology.get(subtopologyId)
    if (partitions === undefined) bySubtopology.set(subtopologyId, [partition])
    else partitions.push(partition)
  }
  return Array.from(bySubtopology, ([subtopologyId, partitions]) => ({
    subtopologyId,
    partitions: partitions.toSorted((one, other) => one - other),
  })).toSorted((one, other) => compare(one.subtopologyId, other.subtopologyId))
}

export function tasksFrom(listed: readonly ListedTasks[]): Set<TaskId> {
  return new Set(
    listed.flatMap(({ subtopologyId, partitions }) =>
      partitions.map((partition) => taskId(subtopologyId, partition)),
    ),
  )
}

export function isWithin(tasks: Tasks, others: Tasks): boolean {
  return ROLES.every((role) => [...tasks[role].keys()].every((task) => others[role].has(task)))
}

/** Whether both have the same tasks in the same roles. */
export function sameTasks(one: Tasks, other: Tasks): boolean {
  return ROLES.every((role) => one[role].size === other[role].size) && isWithin(one, other)
}

export function sameHeld(one: HeldTasks, other: HeldTasks): boolean {
  if (one === other) return true
  return sameTasks(one, other) && [...one.active].every(([task, epoch]) => other.active.get(task) === epoch)
}

/** Whether some of the tasks are in both, in the same role. */
export function overlap(one: Tasks, other: Tasks): boolean {
  return ROLES.some((role) => [...one[role].keys()].some((task) => other[role].has(task)))
}

export function isEmpty(tasks: Tasks): boolean {
  return ROLES.every((role) => tasks[role].size === 0)
}

export function compare(one: string, other: string): number {
  if (one === other) return 0
  return one < other ? -1 : 1
}
