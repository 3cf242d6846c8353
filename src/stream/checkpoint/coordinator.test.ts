import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CheckpointCoordinator, type CoordinatorEffect } from './coordinator.ts'

type Effects = CoordinatorEffect<string>[]

function coordinator(
  options: { readonly intervalMs?: number; readonly subtasks?: number } = {},
): CheckpointCoordinator<string> {
  return new CheckpointCoordinator<string>({
    subtasks: options.subtasks ?? 2,
    intervalMs: options.intervalMs ?? 100,
    minPauseMs: 50,
    timeoutMs: 1000,
    firstCheckpointId: 7,
    incrementsMax: 2,
    nowMs: 0,
  })
}

const kinds = (effects: Effects): string[] => effects.map((effect) => effect.kind)

/** Takes the checkpoint that was triggered to its end. */
function complete(c: CheckpointCoordinator<string>, id: number, sizeBytes: number, nowMs: number): Effects {
  c.acknowledge(0, id, 'a')
  assert.deepEqual(kinds(c.acknowledge(1, id, 'b')), ['store'])
  return c.stored(id, sizeBytes, nowMs)
}

test('a checkpoint is committed only after every subtask has answered and the manifest is stored', () => {
  const c = coordinator()
  assert.deepEqual(c.tick(99), [])
  assert.deepEqual(c.tick(100), [{ kind: 'trigger', checkpointId: 7, mode: 'full', reason: 'periodic' }])
  assert.deepEqual(c.acknowledge(0, 7, 'a'), [])
  assert.deepEqual(c.acknowledge(0, 7, 'again'), [], 'a second answer of a subtask is none')
  assert.deepEqual(c.acknowledge(1, 6, 'late'), [], 'nor is one for another checkpoint')
  const [store] = c.acknowledge(1, 7, 'b')
  assert.deepEqual(store, {
    kind: 'store',
    checkpointId: 7,
    mode: 'full',
    reason: 'periodic',
    acks: ['a', 'b'],
  })
  assert.deepEqual(c.stored(7, 10, 120), [
    { kind: 'commit', checkpointId: 7, reason: 'periodic', durationMs: 20 },
  ])
})

test('one at a time, with a pause between them', () => {
  const c = coordinator()
  c.tick(100)
  assert.deepEqual(c.tick(500), [], 'one is under way')
  assert.deepEqual(kinds(complete(c, 7, 10, 500)), ['commit'])
  assert.equal(c.nextWakeMs(), 550)
  assert.deepEqual(kinds(c.tick(550)), ['trigger'])
})

test('changes follow a full one until there are too many or too much of them', () => {
  const c = coordinator()
  const modes: string[] = []
  const take = (nowMs: number, sizeBytes: number): void => {
    for (const effect of c.tick(nowMs)) {
      assert.ok(effect.kind === 'trigger')
      modes.push(effect.mode)
      complete(c, effect.checkpointId, sizeBytes, nowMs)
    }
  }
  for (let i = 1; i <= 5; i++) take(i * 1000, 10)
  assert.deepEqual(modes, ['full', 'changes', 'changes', 'full', 'changes'])
  take(6000, 100)
  take(7000, 1)
  assert.equal(modes.at(-1), 'full', 'the changes outgrew the base')
})

test('a declined checkpoint is aborted once all have answered, and the next is full', () => {
  const c = coordinator()
  c.tick(100)
  complete(c, 7, 10, 110)
  c.tick(210)
  assert.deepEqual(c.decline(1, 8, 'disk full'), [])
  assert.deepEqual(c.tick(400), [], 'its barriers are still on their way')
  assert.deepEqual(c.acknowledge(0, 8, 'a'), [
    { kind: 'aborted', checkpointId: 8, reason: 'periodic', cause: 'subtask 1: disk full', failures: 1 },
  ])
  const [next] = c.tick(400)
  assert.deepEqual(next, { kind: 'trigger', checkpointId: 9, mode: 'full', reason: 'periodic' })
  c.acknowledge(0, 9, 'a')
  c.acknowledge(1, 9, 'b')
  const [aborted] = c.storeFailed(9, 'no room', 420)
  assert.ok(aborted?.kind === 'aborted' && aborted.failures === 2)
})

test('failures in a row come further and further apart, so that there is time to make room on a disk', () => {
  const c = coordinator()
  const startsMs: number[] = []
  for (let failure = 1, nowMs = 0; failure <= 12; failure++) {
    nowMs = Math.max(nowMs, c.nextWakeMs())
    startsMs.push(nowMs)
    const [trigger] = c.tick(nowMs)
    assert.ok(trigger?.kind === 'trigger')
    c.acknowledge(0, trigger.checkpointId, 'a')
    c.decline(1, trigger.checkpointId, 'disk full')
  }
  const pausesMs = startsMs.slice(1).map((startMs, i) => startMs - startsMs[i]!)
  assert.deepEqual(pausesMs, [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000])
})

test('requests wait for the one under way and come before the next periodic one', () => {
  const c = coordinator()
  c.tick(100)
  assert.deepEqual(c.request('savepoint', 110), [])
  const effects = complete(c, 7, 10, 120)
  assert.deepEqual(effects[1], { kind: 'trigger', checkpointId: 8, mode: 'full', reason: 'savepoint' })
  assert.deepEqual(kinds(complete(c, 8, 10, 125)), ['commit'])
  assert.deepEqual(kinds(c.request('final', 130)), ['trigger'])
  assert.deepEqual(kinds(complete(c, 9, 10, 140)), ['commit'])
  assert.deepEqual(c.tick(10_000), [], 'nothing follows the last one')
  assert.equal(c.nextWakeMs(), Infinity)
})

test('one that takes long is reported once and goes on', () => {
  const c = coordinator()
  c.tick(100)
  c.acknowledge(0, 7, 'a')
  assert.deepEqual(c.tick(1100), [{ kind: 'overdue', checkpointId: 7, missing: [1] }])
  assert.deepEqual(c.tick(1200), [])
  assert.deepEqual(kinds(c.acknowledge(1, 7, 'b')), ['store'])
})

test('without an interval only what is asked for is taken', () => {
  const c = coordinator({ intervalMs: Infinity })
  assert.deepEqual(c.tick(1e9), [])
  assert.equal(c.nextWakeMs(), Infinity)
  assert.deepEqual(kinds(c.request('stop', 1e9)), ['trigger'])
})
