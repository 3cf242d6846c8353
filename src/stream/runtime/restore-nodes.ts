import { MillraceError } from '../../base/millrace-error.ts'
import { readState } from '../checkpoint/store.ts'
import { readStateFile } from '../checkpoint/state-file.ts'
import type { TableFormat } from '../checkpoint/snapshot.ts'
import { keyGroupRange } from '../state/key-group.ts'
import type { TaskNodes } from './build-nodes.ts'
import type { TaskContext } from './task-context.ts'
import type { StepRestore, TaskRestore, TaskStart } from './task-protocol.ts'

/** Gives the opened steps of a subtask what the checkpoint holds for them. */
export function restoreNodes(nodes: TaskNodes, start: TaskStart, context: TaskContext): void {
  const { restore } = start
  if (restore === undefined) return
  const misfits = findMisfits(nodes, restore)
  if (misfits.length > 0) throw misfitError(context.job, misfits)
  restoreTables(nodes, restore, context)
  for (const step of nodes.steps) {
    const saved = restore.steps[step.name]
    if (saved !== undefined && saved.operatorParts.length > 0) step.operator.restore?.(saved.operatorParts)
  }
  for (const node of nodes.eventTimes) node.restore(restore.steps[node.name]?.splitTimes ?? [])
}

/** Once everything is open: brings every step to the watermark that it had. */
export function restoreWatermarks(nodes: TaskNodes, start: TaskStart): void {
  const watermarkOf = (step: string): number | undefined => start.restore?.steps[step]?.watermarkMs
  for (const exchange of nodes.segments.flatMap((segment) => segment.exchanges)) {
    const watermarkMs = exchange.combinesFor === undefined ? undefined : watermarkOf(exchange.combinesFor)
    if (watermarkMs !== undefined) exchange.restoreWatermark(watermarkMs)
  }
  for (const node of nodes.eventTimes) node.emitRestored()
  for (const step of nodes.steps) {
    const watermarkMs = watermarkOf(step.name)
    if (watermarkMs !== undefined) step.restoreWatermark(watermarkMs)
  }
}

/** What of the checkpoint has no place in the job; one line each. */
export function findMisfits(nodes: TaskNodes, restore: TaskRestore): string[] {
  const present = new Map<string, ReadonlyMap<string, string>>()
  for (const step of nodes.steps) {
    if (step.stateful)
      present.set(step.name, new Map([...step.backend.tables()].map(({ name, format }) => [name, format])))
  }
  const others = new Set([...nodes.sources, ...nodes.sinks, ...nodes.eventTimes].map((node) => node.name))
  return Object.entries(restore.steps).flatMap(([name, saved]) => {
    if (others.has(name)) return []
    const tables = present.get(name)
    if (tables !== undefined)
      return saved.tables.flatMap((table) => tableMisfit(name, table, tables, restore.allowDroppedState))
    if (restore.allowDroppedState || !holdsSomething(saved)) return []
    return [`step "${name}" is not in the job, but the savepoint holds ${describe(saved)} of it`]
  })
}

function tableMisfit(
  step: string,
  table: TableFormat,
  tables: ReadonlyMap<string, string>,
  allowDropped: boolean,
): string[] {
  const format = tables.get(table.name)
  if (format === table.format) return []
  if (format === undefined) return allowDropped ? [] : [`step "${step}" no longer has state "${table.name}"`]
  return [`state "${table.name}" of step "${step}" was written as ${table.format}, the job reads ${format}`]
}

function holdsSomething(saved: StepRestore): boolean {
  return (
    saved.isSource ||
    saved.tables.length > 0 ||
    saved.operatorParts.length > 0 ||
    saved.committables.length > 0
  )
}

function describe(saved: StepRestore): string {
  if (saved.isSource) return 'the positions'
  if (saved.committables.length > 0) return 'output that is to be committed'
  return saved.tables.length === 0 ? 'the state' : saved.tables.map((table) => `"${table.name}"`).join(', ')
}

function misfitError(job: string, misfits: readonly string[]): MillraceError {
  return new MillraceError({
    code: 'MR_SAVEPOINT_MISFIT',
    job,
    message: `the state to restore does not fit the job: ${misfits.join('; ')}.`,
    fix: 'Give the steps their old names and states back, or allow state to be dropped (`allowDroppedState`).',
  })
}

function restoreTables(nodes: TaskNodes, restore: TaskRestore, context: TaskContext): void {
  const { subtask, parallelism, maxParallelism, world } = context
  const { first, last } = keyGroupRange({ subtask, parallelism, maxParallelism })
  const backends = new Map(
    nodes.steps.filter((step) => step.stateful).map((step) => [step.name, step.backend]),
  )
  const formats = new Map<string, string>()
  for (const [name, saved] of Object.entries(restore.steps)) {
    for (const table of saved.tables) formats.set(`${name}/${table.name}`, table.format)
  }
  for (const reference of restore.state) {
    const path = reference.kind === 'file' ? reference.path : 'memory'
    readStateFile(readState(world.disk, reference), path, (step, table, keyGroup, entries) => {
      if (keyGroup < first || keyGroup > last) return
      const backend = backends.get(step)
      const format = formats.get(`${step}/${table}`)
      // Absent: state that the user allowed to be dropped.
      if (
        backend === undefined ||
        format === undefined ||
        ![...backend.tables()].some(({ name }) => name === table)
      )
        return
      backend.restore({ table, format, keyGroup, entries })
    })
  }
}
