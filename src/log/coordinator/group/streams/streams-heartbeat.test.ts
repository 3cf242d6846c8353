import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ErrorCode } from '../../../protocol/error-code.ts'
import { topicOffset } from '../group-harness.test-kit.ts'
import { active, COUNT, part, standby, statuses, StreamsGroupHarness } from './streams-group.test-kit.ts'
import { StreamsVolatile } from './streams-volatile.ts'
import type { Subtopology } from './topology.ts'

describe('a streams group', () => {
  it('asks for its internal topics, and has tasks when they are there', () => {
    const group = new StreamsGroupHarness()
    group.topics.put('lines', 3)
    const joined = group.joinAs('a')
    assert.deepEqual(statuses(joined), ['MISSING_INTERNAL_TOPICS'])
    assert.deepEqual(
      joined.topicsToCreate.map(({ name, partitions }) => [name, partitions]),
      [
        ['words', 3],
        ['counts', 3],
      ],
    )
    assert.equal(active(joined), '')
    assert.equal(group.state, 'NotReady')
    group.putTopics()
    const next = group.heartbeatOf('a', { owns: '' })
    assert.deepEqual([statuses(next), next.topicsToCreate, active(next)], [[], [], '0: 0 1 2, 1: 0 1 2'])
    assert.equal(group.state, 'Stable')
  })

  it('takes tasks away when a source topic goes, and gives them back with it', () => {
    const group = new StreamsGroupHarness()
    group.putTopics()
    group.joinAs('a')
    group.topics.delete('lines')
    const without = group.heartbeatOf('a')
    assert.deepEqual([statuses(without), active(without)], [['MISSING_SOURCE_TOPICS'], ''])
    assert.equal(group.state, 'NotReady')
    group.topics.put('lines', 3)
    group.heartbeatOf('a', { owns: '' })
    assert.equal(active(group.heartbeatOf('a', { owns: '' })), '0: 0 1 2, 1: 0 1 2')
  })

  it('whose topology turns out to be wrong once its topics come is refused, and assigned nothing', () => {
    const group = new StreamsGroupHarness()
    group.streamsSettings = { initialRebalanceDelayMs: 3_000 }
    const wrong = { sourceTopics: [99], sourceTopicRegex: [], repartitionSourceTopics: [] }
    const topology = {
      epoch: 0,
      subtopologies: [part('0', { sourceTopics: ['lines'], copartitionGroups: [wrong] })],
    }
    assert.deepEqual(statuses(group.joinAs('a', { topology })), [
      'ASSIGNMENT_DELAYED',
      'MISSING_SOURCE_TOPICS',
    ])
    group.topics.put('lines', 3)
    group.pass(3_000)
    assert.equal(group.state, 'NotReady')
    assert.equal(group.heartbeatOf('a').errorCode, ErrorCode.STREAMS_INVALID_TOPOLOGY)
  })

  it('is not held up by a topology that is too large', () => {
    const group = new StreamsGroupHarness()
    group.topics.put('lines', 3)
    group.topics.put('wide', 10_000)
    const many = (count: number) => Array.from({ length: count }, (_, at) => String(at))
    const topologyOf = (parts: readonly Subtopology[]) => ({ epoch: 0, subtopologies: parts })
    const refused = [
      many(501).map((id) => part(id, { sourceTopics: ['lines'] })),
      [part('0', { sourceTopics: ['lines'], repartitionSinkTopics: many(10_000) })],
    ]
    for (const parts of refused)
      assert.equal(
        group.joinAs('a', { topology: topologyOf(parts) }).errorCode,
        ErrorCode.STREAMS_INVALID_TOPOLOGY,
      )
    const wide = many(6).map((id) => part(id, { sourceTopics: ['wide', ...many(1_000).map(() => 'wide')] }))
    const joined = group.joinAs('a', { topology: topologyOf(wide) })
    assert.deepEqual([statuses(joined), active(joined)], [['INCORRECTLY_PARTITIONED_TOPICS'], ''])
  })

  it('takes no more members than it may have', () => {
    const group = new StreamsGroupHarness()
    for (const id of 'abcde') assert.equal(group.joinAs(id).errorCode, ErrorCode.NONE)
    assert.equal(group.joinAs('f').errorCode, ErrorCode.GROUP_MAX_SIZE_REACHED)
    assert.equal(group.heartbeatOf('e').errorCode, ErrorCode.NONE)
  })

  it('remembers how far the state is of tasks that there are, and of no others', () => {
    const known = new StreamsVolatile()
    const topics = new StreamsGroupHarness().topics
    for (const name of ['lines', 'words', 'counts']) topics.put(name, 3)
    const told = [
      { subtopologyId: '1', partition: 2, offset: 7 },
      { subtopologyId: '1', partition: 3, offset: 7 },
      { subtopologyId: 'none', partition: 0, offset: 7 },
    ]
    known.noteOffsets('a', told, known.configured(COUNT, topics))
    assert.deepEqual([...known.offsetsOf('a')], [['1_2', 7]])
  })

  it('tells of topics that do not fit', () => {
    const group = new StreamsGroupHarness()
    group.topics.put('lines', 3)
    group.topics.put('words', 4)
    assert.deepEqual(statuses(group.joinAs('a')), ['INCORRECTLY_PARTITIONED_TOPICS'])
  })

  it('waits a while for more members when it was empty', () => {
    const group = new StreamsGroupHarness()
    group.streamsSettings = { initialRebalanceDelayMs: 3_000 }
    group.putTopics()
    assert.deepEqual(statuses(group.joinAs('a')), ['ASSIGNMENT_DELAYED'])
    assert.deepEqual(statuses(group.joinAs('b')), ['ASSIGNMENT_DELAYED'])
    group.pass(3_000)
    const given = [active(group.heartbeatOf('a')), active(group.heartbeatOf('b'))]
    assert.deepEqual(given, ['0: 0 2, 1: 1', '0: 1, 1: 0 2'])
  })

  it('gives a task to another member when the one that had it has given it up', () => {
    const group = new StreamsGroupHarness()
    group.putTopics()
    group.joinAs('a')
    assert.equal(active(group.joinAs('b')), '')
    const told = group.heartbeatOf('a', { owns: '0: 0 1 2, 1: 0 1 2' })
    assert.deepEqual([active(told), told.memberEpoch], ['0: 0 1, 1: 0', 2])
    assert.equal(active(group.heartbeatOf('b', { owns: '' })), null)
    const given = group.heartbeatOf('a', { owns: '0: 0 1, 1: 0' })
    assert.deepEqual([active(given), given.memberEpoch], [null, 3])
    assert.equal(active(group.heartbeatOf('b', { owns: '' })), '0: 2, 1: 1 2')
    assert.equal(group.state, 'Stable')
  })

  it('expels who does not give up tasks in time, and who is silent', () => {
    const group = new StreamsGroupHarness()
    group.putTopics()
    group.joinAs('a', { rebalanceTimeoutMs: 5_000 })
    group.joinAs('b')
    for (let at = 0; at < 3; at++) {
      group.heartbeatOf('a', { owns: '0: 0 1 2, 1: 0 1 2' })
      group.heartbeatOf('b')
      group.pass(2_000)
    }
    assert.equal(group.heartbeatOf('a').errorCode, ErrorCode.UNKNOWN_MEMBER_ID)
    assert.equal(active(group.heartbeatOf('b')), '0: 0 1 2, 1: 0 1 2')
    group.pass(10_000)
    assert.equal(group.state, 'Empty')
  })

  it('has standby tasks of what has state, never in the process of the active one', () => {
    const group = new StreamsGroupHarness()
    group.streamsSettings = { standbyReplicas: 1 }
    group.putTopics()
    assert.equal(standby(group.joinAs('a1', { processId: 'a' })), '')
    group.joinAs('a2', { processId: 'a' })
    group.heartbeatOf('a1', { owns: '0: 0 1, 1: 0' })
    group.heartbeatOf('a2', { owns: '' })
    group.joinAs('b', { processId: 'b' })
    for (const { targetAssignment } of group.described.members)
      assert.equal(targetAssignment.activeTasks.flatMap(({ partitions }) => partitions).length, 2)
    const of = (id: string): string =>
      JSON.stringify(group.described.members.find(({ memberId }) => memberId === id)!.targetAssignment)
    assert.match(of('b'), /"standbyTasks":\[\{"subtopologyId":"1"/)
  })

  it('lets a standby become active where its state is when a member is gone', () => {
    const group = new StreamsGroupHarness()
    group.streamsSettings = { standbyReplicas: 1 }
    group.putTopics()
    group.joinAs('a')
    group.joinAs('b')
    settle(group, ['a', 'b'])
    const before = group.described.members.find(({ memberId }) => memberId === 'b')!.assignment
    assert.equal(before.standbyTasks.length, 1)
    group.leaveAs('a')
    settle(group, ['b'])
    const { assignment } = group.described.members[0]!
    assert.deepEqual(
      assignment.activeTasks.map(({ partitions }) => partitions),
      [
        [0, 1, 2],
        [0, 1, 2],
      ],
    )
    assert.deepEqual(assignment.standbyTasks, [])
  })

  it('keeps the tasks of a static member that has left for now', () => {
    const group = new StreamsGroupHarness()
    group.putTopics()
    group.joinAs('a', { instanceId: 'i' })
    group.leaveAs('a', { memberEpoch: -2, instanceId: 'i' })
    assert.equal(group.joinAs('x', { instanceId: 'j' }).errorCode, ErrorCode.NONE)
    group.leaveAs('x', { instanceId: 'j' })
    const back = group.joinAs('b', { instanceId: 'i', processId: 'process of a' })
    assert.equal(active(back), '0: 0 1 2, 1: 0 1 2')
    assert.equal(group.joinAs('c', { instanceId: 'i' }).errorCode, ErrorCode.UNRELEASED_INSTANCE_ID)
    assert.equal(
      group.heartbeatOf('a', { instanceId: 'i', memberEpoch: 2 }).errorCode,
      ErrorCode.FENCED_INSTANCE_ID,
    )
  })

  it('keeps the topology of who came first', () => {
    const group = new StreamsGroupHarness()
    group.putTopics()
    group.joinAs('a', { topology: { ...COUNT, epoch: 1 } })
    assert.deepEqual(statuses(group.joinAs('old')), ['STALE_TOPOLOGY'])
    const other = { epoch: 1, subtopologies: [part('0', { sourceTopics: ['lines'] })] }
    assert.equal(group.joinAs('b', { topology: other }).errorCode, ErrorCode.INVALID_REQUEST)
  })

  it('refuses a topology that cannot come true, and is not there then', () => {
    const group = new StreamsGroupHarness()
    group.topics.put('lines', 3)
    for (const broken of [
      part('0', {}),
      part('0', { sourceTopics: ['lines'], copartitionGroups: [places([7], [])] }),
      part('0', { sourceTopics: ['lines'], copartitionGroups: [places([], [7])] }),
    ]) {
      const { errorCode } = group.joinAs('a', { topology: { epoch: 0, subtopologies: [broken] } })
      assert.equal(errorCode, ErrorCode.STREAMS_INVALID_TOPOLOGY)
    }
    assert.equal(group.described.errorCode, ErrorCode.GROUP_ID_NOT_FOUND)
  })

  it('tells everybody that one wants the application to end, until all are gone', () => {
    const group = new StreamsGroupHarness()
    group.putTopics()
    group.joinAs('a')
    group.joinAs('b')
    group.heartbeatOf('a', { shutdownApplication: true })
    assert.deepEqual(statuses(group.heartbeatOf('b')), ['SHUTDOWN_APPLICATION'])
    group.leaveAs('a')
    group.leaveAs('b')
    assert.deepEqual(statuses(group.joinAs('c')), [])
  })

  it('fences members of other epochs, but not who missed an answer', () => {
    const group = new StreamsGroupHarness()
    group.putTopics()
    group.joinAs('a')
    assert.equal(group.heartbeatOf('a', { memberEpoch: 9 }).errorCode, ErrorCode.FENCED_MEMBER_EPOCH)
    group.joinAs('b')
    group.heartbeatOf('a', { owns: '0: 0 1 2, 1: 0 1 2' })
    group.heartbeatOf('a', { owns: '0: 0 1, 1: 0' })
    const repeated = group.heartbeatOf('a', { memberEpoch: 2, owns: '0: 0 1, 1: 0' })
    assert.deepEqual([repeated.errorCode, repeated.memberEpoch], [ErrorCode.NONE, 3])
    assert.equal(
      group.heartbeatOf('a', { memberEpoch: 2, owns: '0: 0 1 2' }).errorCode,
      ErrorCode.FENCED_MEMBER_EPOCH,
    )
  })

  it('takes commits of an older epoch for tasks that the member has had since then', () => {
    const group = new StreamsGroupHarness()
    group.putTopics()
    group.joinAs('a')
    group.joinAs('b')
    group.heartbeatOf('a', { owns: '0: 0 1 2, 1: 0 1 2' })
    group.heartbeatOf('a', { owns: '0: 0 1, 1: 0' })
    const commit = (topic: string, partition: number, generationId: number, producerId?: number): number =>
      group.commit(
        { apiVersion: 9, memberId: 'a', generationId, topics: [topicOffset(topic, partition, 5)] },
        5,
        producerId,
      )[0]!.partitions[0]!.errorCode
    assert.equal(commit('lines', 0, 3), ErrorCode.NONE)
    assert.equal(commit('lines', 0, 2), ErrorCode.NONE)
    assert.equal(commit('lines', 2, 2), ErrorCode.STALE_MEMBER_EPOCH)
    assert.equal(commit('lines', 2, 2, 7), ErrorCode.ILLEGAL_GENERATION)
    assert.equal(commit('other', 0, 2), ErrorCode.STALE_MEMBER_EPOCH)
    assert.equal(commit('lines', 0, 4), ErrorCode.STALE_MEMBER_EPOCH)
  })

  it('tells endpoints and what can be asked there', () => {
    const group = new StreamsGroupHarness()
    group.putTopics()
    group.joinAs('a', { userEndpoint: { host: 'here', port: 1 } })
    const { partitionsByUserEndpoint, endpointInformationEpoch } = group.heartbeatOf('a')
    assert.deepEqual(partitionsByUserEndpoint, [
      {
        userEndpoint: { host: 'here', port: 1 },
        activePartitions: [
          { topic: 'lines', partitions: [0, 1, 2] },
          { topic: 'words', partitions: [0, 1, 2] },
        ],
        standbyPartitions: [],
      },
    ])
    assert.equal(group.heartbeatOf('a', { endpointInformationEpoch }).partitionsByUserEndpoint, null)
  })

  it('takes the place of a group of the classic protocol that nobody is in, and gives it back', () => {
    const group = new StreamsGroupHarness()
    group.putTopics()
    const { memberIds } = group.stable(1)
    assert.equal(group.joinAs('a').errorCode, ErrorCode.GROUP_ID_NOT_FOUND)
    group.leave(...memberIds)
    group.commit()
    assert.equal(group.joinAs('a').errorCode, ErrorCode.NONE)
    assert.equal(group.coordinator.list()[0]!.groupType, 'streams')
    const refused = group.join()
    assert.equal(group.joined(refused)!.errorCode, ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
    group.leaveAs('a')
    group.stable(1)
    assert.equal(group.coordinator.list()[0]!.groupType, 'classic')
    assert.equal(group.fetch().offset, 1)
  })

  it('is as it was when the log refuses what was decided', () => {
    const group = new StreamsGroupHarness()
    group.putTopics()
    group.joinAs('a')
    group.refuseAppends = true
    group.joinAs('b')
    group.refuseAppends = false
    assert.deepEqual(
      group.described.members.map(({ memberId }) => memberId),
      ['a'],
    )
    assert.equal(group.joinAs('b').errorCode, ErrorCode.NONE)
  })
})

/** Members heartbeat with what they have until nothing moves. */
function settle(group: StreamsGroupHarness, memberIds: readonly string[]): void {
  for (let round = 0; round < 6; round++) {
    for (const memberId of memberIds) {
      const { assignment } = group.described.members.find((member) => member.memberId === memberId)!
      group.heartbeatOf(memberId, {
        activeTasks: assignment.activeTasks,
        standbyTasks: assignment.standbyTasks,
        warmupTasks: [],
      })
    }
  }
  assert.equal(group.state, 'Stable')
}

function places(
  sourceTopics: number[],
  repartitionSourceTopics: number[],
): { sourceTopics: number[]; sourceTopicRegex: number[]; repartitionSourceTopics: number[] } {
  return { sourceTopics, sourceTopicRegex: [], repartitionSourceTopics }
}
