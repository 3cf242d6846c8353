/**
 * Deals a checkpoint out to the subtasks that go on from it, however many: splits in turn, parts of operators and
 * committables by the subtask that wrote them, keyed state by key group (each subtask picks its own).
 */
import type { Manifest, StepSnapshot } from '../checkpoint/snapshot.ts'
import type { Split } from '../connector/source.ts'
import type { KnownSplits } from './job-host.ts'
import type { StepRestore, TaskStart } from './task-protocol.ts'

export interface DealOptions {
  /** By source: the splits that there are now, at their initial positions. */
  readonly splits: Readonly<Record<string, readonly Split[]>>
  readonly manifest: Manifest | undefined
  readonly parallelism: number
  readonly allowDroppedState: boolean
}

/** One start a subtask, and the splits of the checkpoint that no longer exist (`source/split`). */
export function dealOut(options: DealOptions): {
  readonly starts: readonly TaskStart[]
  readonly lostSplits: readonly string[]
} {
  const { manifest, parallelism, allowDroppedState } = options
  const lostSplits: string[] = []
  const dealt = Object.entries(options.splits).map(([source, discovered]) => {
    const saved = new Map(
      manifest?.subtasks
        .flatMap(({ steps }) => steps[source]?.splits ?? [])
        .map((split) => [split.id, split]),
    )
    const splits = discovered.map((split) => saved.get(split.id) ?? split)
    const ids = new Set(discovered.map((split) => split.id))
    for (const id of saved.keys()) if (!ids.has(id)) lostSplits.push(`${source}/${id}`)
    return [source, splits] as const
  })
  const starts = Array.from({ length: parallelism }, (_, subtask): TaskStart => {
    const splits = dealt.map(
      ([source, all]) => [source, all.filter((_split, i) => i % parallelism === subtask)] as const,
    )
    return {
      splits: Object.fromEntries(splits),
      restore:
        manifest === undefined
          ? undefined
          : {
              checkpointId: manifest.checkpointId,
              steps: stepsOf(manifest, subtask, parallelism),
              state: manifest.subtasks.flatMap((part) => part.chain),
              allowDroppedState,
            },
    }
  })
  return { starts, lostSplits }
}

/** The splits of each source in a checkpoint. */
export function knownSplits(manifest: Manifest | undefined): KnownSplits {
  const known: Record<string, string[]> = {}
  for (const { steps } of manifest?.subtasks ?? []) {
    for (const [name, { splits }] of Object.entries(steps)) {
      if (splits !== undefined) (known[name] ??= []).push(...splits.map((split) => split.id))
    }
  }
  return known
}

function stepsOf(manifest: Manifest, subtask: number, parallelism: number): Record<string, StepRestore> {
  const names = new Set(manifest.subtasks.flatMap(({ steps }) => Object.keys(steps)))
  return Object.fromEntries([...names].map((name) => [name, stepOf(manifest, name, subtask, parallelism)]))
}

function stepOf(manifest: Manifest, name: string, subtask: number, parallelism: number): StepRestore {
  const parts = manifest.subtasks.map(({ steps }): StepSnapshot => steps[name] ?? {})
  const mine = parts.filter((_, from) => from % parallelism === subtask)
  const watermarks = parts.flatMap(({ watermarkMs }) => (watermarkMs === undefined ? [] : [watermarkMs]))
  const tables = new Map(parts.flatMap((part) => part.tables ?? []).map((table) => [table.name, table]))
  return {
    operatorParts: mine.flatMap(({ operator }) => (operator === undefined ? [] : [operator])),
    watermarkMs: watermarks.length === 0 ? undefined : Math.min(...watermarks),
    splitTimes: parts.flatMap((part) => part.splitTimes ?? []),
    committables: mine.flatMap((part) => part.committables ?? []),
    tables: [...tables.values()],
    isSource: parts.some((part) => part.splits !== undefined),
  }
}
