/**
 * The test that every stateful operator must pass: the same script gives the same output however often, and however,
 * it is interrupted. Ways: batches of one event; a full snapshot and restart between any two steps; a chain of
 * incremental snapshots, restored at any step and continued; a start at parallelism 1 that goes on with 2 and 3
 * subtasks and comes back to 1.
 */
import assert from 'node:assert/strict'
import type { Key, Operator } from '../stream/operators/operator.ts'
import { OperatorHarness, type ScriptStep } from './operator-harness.ts'

export interface SameWithSnapshotsOptions<In, Out> {
  readonly operator: () => Operator<In, Out>
  readonly script: readonly ScriptStep<In>[]
  /** Results of one key must keep their order; by default the `key` of a result that has one. */
  readonly keyOf?: (value: unknown) => Key | undefined
  /** False when results may come in any order (unordered asynchronous calls). True by default. */
  readonly ordered?: boolean
  /** At most so many places are cut in each way, spread evenly; 24 by default. */
  readonly cuts?: number
  /** Processing time at the start, in ms; 0 by default. */
  readonly nowMs?: number
}

/** Throws an `AssertionError` that names the way of interruption. Returns the uninterrupted run, for further looks. */
export async function expectSameWithSnapshots<In, Out>(
  options: SameWithSnapshotsOptions<In, Out>,
): Promise<OperatorHarness<In, Out>> {
  const { script } = options
  const plain = await runOnce(options, 'single', async (harness) => harness.run(script))
  const expected = summary(plain, options)
  const check = async (
    way: string,
    drive: (harness: OperatorHarness<In, Out>) => Promise<void>,
  ): Promise<void> => {
    const harness = await runOnce(options, 'single', drive)
    assert.deepEqual(
      summary(harness, options),
      expected,
      `${way}: the output differs from that of a run without interruption`,
    )
  }

  const together = await runOnce(options, 'together', async (harness) => harness.run(script))
  assert.deepEqual(
    summary(together, options),
    expected,
    'events in batches: the output differs from single events',
  )

  for (const cut of cutsOf(options)) {
    await check(`full snapshot and restart after ${cut} steps`, async (harness) => {
      await harness.run(script.slice(0, cut))
      await harness.restart()
      await harness.run(script.slice(cut))
    })
    await check(`incremental snapshots at every step, restart after ${cut} of them`, async (harness) => {
      harness.snapshot('full')
      for (const [n, step] of script.entries()) {
        if (n === cut) await harness.restart({ from: harness.snapshot('changes') })
        await harness.run([step])
        harness.snapshot('changes')
      }
      await harness.restart({ from: harness.snapshot('changes') })
    })
    await check(`rescaled to 2, 3 and back to 1 from ${cut} steps on`, async (harness) => {
      const later = Math.ceil((script.length - cut) / 3)
      await harness.run(script.slice(0, cut))
      await harness.restart({ parallelism: 2 })
      await harness.run(script.slice(cut, cut + later))
      await harness.restart({ parallelism: 3 })
      await harness.run(script.slice(cut + later, cut + 2 * later))
      await harness.restart({ parallelism: 1 })
      await harness.run(script.slice(cut + 2 * later))
    })
  }
  await check('restart after every step, from a chain of changes', async (harness) => {
    harness.snapshot('full')
    for (const step of script) {
      await harness.run([step])
      await harness.restart({ from: harness.snapshot('changes') })
    }
  })
  return plain
}

async function runOnce<In, Out>(
  options: SameWithSnapshotsOptions<In, Out>,
  batches: 'single' | 'together',
  drive: (harness: OperatorHarness<In, Out>) => Promise<void>,
): Promise<OperatorHarness<In, Out>> {
  const harness = new OperatorHarness<In, Out>({
    operator: options.operator,
    batches,
    ...(options.nowMs === undefined ? {} : { nowMs: options.nowMs }),
  })
  await drive(harness)
  await harness.end()
  harness.close()
  return harness
}

function cutsOf(options: { readonly script: readonly unknown[]; readonly cuts?: number }): number[] {
  const places = options.script.length + 1
  const cuts = Math.min(options.cuts ?? 24, places)
  return Array.from({ length: cuts }, (_, n) => Math.floor((n * places) / cuts))
}

/** The output as what must be equal: for each output and key the results in order. */
function summary<In, Out>(
  harness: OperatorHarness<In, Out>,
  options: SameWithSnapshotsOptions<In, Out>,
): Record<string, unknown[]> {
  const keyOf = options.keyOf ?? ((value: unknown) => (value as { key?: Key } | null | undefined)?.key)
  const groups: Record<string, unknown[]> = {}
  for (const each of harness.recorded()) {
    if (each.kind === 'watermark') continue
    const key = keyOf(each.value)
    ;(groups[`${each.side ?? 'main'} ${typeof key} ${String(key)}`] ??= []).push([
      each.timestampMs,
      each.value,
    ])
  }
  // Without a key only the multiset counts: the subtasks' outputs mix in any order.
  for (const [name, group] of Object.entries(groups)) {
    if (options.ordered === false || name.endsWith(' undefined undefined')) group.sort(byJson)
  }
  return groups
}

function byJson(left: unknown, right: unknown): number {
  return JSON.stringify(left) < JSON.stringify(right) ? -1 : 1
}
