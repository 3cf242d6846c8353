import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { assignSticky, type AssignableStreamsMember } from './sticky-assignor.ts'
import { NO_TASKS, taskOf, type TaskId, type Tasks } from './tasks.ts'

const COUNTING = [
  { id: '0', taskCount: 6, stateful: false },
  { id: '1', taskCount: 6, stateful: true },
]

describe('the sticky assignor', () => {
  it('gives every member equally many tasks, each task to one', () => {
    const shares = assign(['a', 'b', 'c', 'd', 'e'])
    const given = [...shares.values()].flatMap(({ active }) => [...active.keys()])
    assert.equal(given.length, 12)
    assert.equal(new Set(given).size, 12)
    const sizes = Array.from(shares.values(), ({ active }) => active.size)
    assert.deepEqual(sizes.toSorted(), [2, 2, 2, 3, 3])
  })

  it('leaves tasks where they are when members come and go', () => {
    const two = assign(['a', 'b'])
    const three = assign(['a', 'b', 'c'], { before: two })
    for (const id of ['a', 'b'])
      for (const task of three.get(id)!.active.keys()) assert.ok(two.get(id)!.active.has(task))
    assert.equal(three.get('c')!.active.size, 4)
    const left = assign(['a', 'b'], { before: three })
    for (const id of ['a', 'b'])
      for (const task of three.get(id)!.active.keys()) assert.ok(left.get(id)!.active.has(task))
  })

  it('has standbys of tasks with state in other processes only, as many as there are processes for', () => {
    const processes = { a1: 'a', a2: 'a', b1: 'b', b2: 'b', c1: 'c' }
    const shares = assign(Object.keys(processes), { processes, standbys: 1 })
    const holders = processesOf(shares, processes)
    for (const [task, places] of holders) {
      const { subtopologyId } = taskOf(task)
      assert.equal(places.length, subtopologyId === '1' ? 2 : 1)
      assert.equal(new Set(places).size, places.length)
    }
    const alone = assign(['a1', 'a2'], { processes, standbys: 2 })
    for (const { standby } of alone.values()) assert.equal(standby.size, 0)
  })

  it('makes a standby active when the one that was has gone', () => {
    const before = assign(['a', 'b', 'c'], { standbys: 1 })
    const after = assign(['b', 'c'], { before, standbys: 1 })
    for (const task of before.get('a')!.active.keys()) {
      if (taskOf(task).subtopologyId !== '1') continue
      const had = ['b', 'c'].find((id) => before.get(id)!.standby.has(task))!
      assert.ok(after.get(had)!.active.has(task), task)
    }
  })

  it('gives a task back to who says that it has the state', () => {
    const offsets = new Map([['b', new Map([['1_0', 100]])]])
    assert.ok(assign(['a', 'b'], { offsets }).get('b')!.active.has('1_0'))
  })

  it('gives nothing to nobody', () => {
    assert.equal(assign([]).size, 0)
  })
})

function assign(
  memberIds: readonly string[],
  more: {
    readonly before?: ReadonlyMap<string, Tasks>
    readonly processes?: Readonly<Record<string, string>>
    readonly offsets?: ReadonlyMap<string, ReadonlyMap<TaskId, number>>
    readonly standbys?: number
  } = {},
): Map<string, Tasks> {
  const members = memberIds.map((id): AssignableStreamsMember => ({
    id,
    processId: more.processes?.[id] ?? id,
    before: more.before?.get(id) ?? NO_TASKS,
    offsets: more.offsets?.get(id) ?? new Map(),
  }))
  return assignSticky(members, COUNTING, more.standbys ?? 0)
}

function processesOf(
  shares: ReadonlyMap<string, Tasks>,
  processes: Readonly<Record<string, string>>,
): Map<TaskId, string[]> {
  const places = new Map<TaskId, string[]>()
  for (const [id, { active, standby }] of shares) {
    for (const task of [...active.keys(), ...standby.keys()])
      places.set(task, [...(places.get(task) ?? []), processes[id]!])
  }
  return places
}
