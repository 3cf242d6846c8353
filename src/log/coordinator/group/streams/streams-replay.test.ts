import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ErrorCode } from '../../../protocol/error-code.ts'
import { durableState } from '../group-harness.test-kit.ts'
import { decodeGroupRecord, encodeGroupRecord } from '../group-record.ts'
import { StreamsGroupHarness } from './streams-group.test-kit.ts'

/** A small generator of numbers that look random, the same for the same seed. */
function random(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return (state >>> 8) % below
  }
}

describe('any life of a streams group', () => {
  it('replays to the same state, from the log and from a snapshot, and runs no task twice', () => {
    for (let seed = 1; seed <= 40; seed++) live(seed)
  })
})

describe('records of streams groups', () => {
  it('are Kafka’s, with what Kafka’s tools show', () => {
    const group = new StreamsGroupHarness()
    group.putTopics()
    group.joinAs('a', {
      instanceId: 'i',
      rackId: 'r',
      userEndpoint: { host: 'here', port: 65_535 },
      clientTags: [{ key: 'zone', value: 'east' }],
    })
    const versions = group.log.map((entry) => entry.kind === 'record' && entry.stored.key.readInt16BE(0))
    assert.deepEqual(new Set(versions), new Set([17, 19, 20, 21, 22, 23]))
    for (const entry of group.log) {
      if (entry.kind !== 'record') continue
      const again = encodeGroupRecord(decodeGroupRecord(entry.stored)!)
      assert.deepEqual(again, entry.stored)
    }
  })
})

function live(seed: number): void {
  const pick = random(seed)
  const group = new StreamsGroupHarness()
  group.streamsSettings = { standbyReplicas: pick(3), initialRebalanceDelayMs: pick(2) * 500 }
  group.putTopics()
  const ids = ['a', 'b', 'c', 'd']
  for (let step = 0; step < 60; step++) {
    const id = ids[pick(ids.length)]!
    const mine = group.described.members?.find(({ memberId }) => memberId === id)
    switch (pick(8)) {
      case 0:
        group.joinAs(id, { processId: `process ${pick(2)}`, instanceId: id === 'd' ? 'static' : null })
        break
      case 1:
        group.leaveAs(id, id === 'd' ? { instanceId: 'static', memberEpoch: pick(2) - 2 } : {})
        break
      case 2:
        group.pass(pick(3_000))
        break
      case 3:
        if (pick(4) === 0) group.topics.delete('lines')
        else group.topics.put('lines', 3)
        break
      case 4:
        group.heartbeatOf(id, id === 'd' ? { instanceId: 'static' } : {})
        break
      default:
        if (mine === undefined) break
        // It has what it was told it may have.
        group.heartbeatOf(id, {
          instanceId: id === 'd' ? 'static' : null,
          activeTasks: mine.assignment.activeTasks,
          standbyTasks: mine.assignment.standbyTasks,
          warmupTasks: mine.assignment.warmupTasks,
        })
    }
    runsNothingTwice(group, seed)
  }
  const expected = durableState(group.coordinator)
  assert.deepEqual(durableState(group.replayed()), expected, `seed ${seed}`)
  const { snapshotAt } = group.compact()
  assert.deepEqual(durableState(group.replayed(snapshotAt)), expected, `seed ${seed}, from its snapshot`)
  group.restart()
  assert.notEqual(group.described.errorCode, ErrorCode.UNKNOWN_SERVER_ERROR)
}

function runsNothingTwice(group: StreamsGroupHarness, seed: number): void {
  const running = new Set<string>()
  for (const { assignment } of group.described.members) {
    for (const { subtopologyId, partitions } of assignment.activeTasks) {
      for (const partition of partitions) {
        const task = `${subtopologyId}_${partition}`
        assert.ok(!running.has(task), `seed ${seed}: ${task} runs twice`)
        running.add(task)
      }
    }
  }
}
