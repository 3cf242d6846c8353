/** Questions about groups of the consumer protocol (KIP-848) that two servers are to answer alike. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { GroupServer } from './group-server.ts'

type Question = readonly [name: string, ask: (server: GroupServer) => Promise<unknown>]

const VALID = { memberEpoch: 0, rebalanceTimeoutMs: 60_000, subscribedTopicNames: ['x'], owns: {} }

/** Requests that are refused whatever the group. */
const REFUSED: readonly Question[] = [
  ['without a group', (server) => server.heartbeat('', 'm', VALID)],
  ['without a member id', (server) => server.heartbeat('refused', '', VALID)],
  ['in epoch -3', (server) => server.heartbeat('refused', 'm', { memberEpoch: -3 })],
  ['leaving without a member id', (server) => server.heartbeat('refused', '', { memberEpoch: -1 })],
  ['leaving for now without an instance', (server) => server.heartbeat('refused', 'm', { memberEpoch: -2 })],
  ['with an empty instance', (server) => server.heartbeat('refused', 'm', { ...VALID, instanceId: '' })],
  ['with an empty rack', (server) => server.heartbeat('refused', 'm', { ...VALID, rackId: '' })],
  [
    'without a rebalance timeout',
    (server) => server.heartbeat('refused', 'm', { ...VALID, rebalanceTimeoutMs: -1 }),
  ],
  [
    'joining without saying what it owns',
    (server) =>
      server.heartbeat('refused', 'm', {
        memberEpoch: 0,
        rebalanceTimeoutMs: 1_000,
        subscribedTopicNames: ['x'],
      }),
  ],
  ['joining with partitions', (server) => server.heartbeat('refused', 'm', { ...VALID, owns: { two: [0] } })],
  [
    'joining without a subscription',
    (server) => server.heartbeat('refused', 'm', { ...VALID, subscribedTopicNames: null }),
  ],

  [
    'with an unknown assignor',
    (server) => server.heartbeat('refused', 'm', { ...VALID, serverAssignor: 'mine' }),
  ],
  [
    'with an expression that is none',
    (server) =>
      server.heartbeat('refused', 'm', { ...VALID, subscribedTopicNames: null, subscribedTopicRegex: '[' }),
  ],
  ['of a group that is not there', (server) => server.heartbeat('refused', 'm', { memberEpoch: 5 })],
  ['leaving a group that is not there', (server) => server.heartbeat('refused', 'm', { memberEpoch: -1 })],
  ['described without being there', (server) => server.describe('refused')],
  ['committing to a group that is not there', (server) => server.commit('refused', 'm', 1, 0)],
  [
    'committing to a group that is not there, before version 9',
    (server) => server.commit('refused', 'm', 1, 0, { version: 8 }),
  ],
  ['fetching from a group that is not there', (server) => server.fetchOffset('refused', 'm', 1)],
]

/** An application that goes from the classic protocol to the consumer protocol and back, member by member. */
const MIGRATION: readonly Question[] = [
  ['a classic member is stable', (server) => server.classicAlone('m', 'old', ['two'], { two: [0, 1, 2, 3] })],
  ['one of the consumer protocol joins it', (server) => server.join('m', 'new', ['two'])],
  ['described as a consumer group', (server) => server.describe('m')],
  ['described as a classic group no more', (server) => server.describeAsClassic('m', 6)],
  ['listed by its type', (server) => server.list({ typesFilter: ['consumer'] })],
  ['the classic member is to join again', (server) => server.classicHeartbeat('m', 'old')],
  ['it may not sync before', (server) => server.classicSync('m', 'old')],
  ['commits in its generation', (server) => server.classicCommit('m', 'old', 0)],
  ['commits in a later generation', (server) => server.classicCommit('m', 'old', 1)],
  ['it joins again', (server) => server.classicRejoin('m', 'old', ['two'], { two: [0, 1, 2, 3] })],
  ['and hears what it is left', (server) => server.classicSync('m', 'old')],
  ['it has to tell that it gave up the rest', (server) => server.classicHeartbeat('m', 'old')],
  ['so it does', (server) => server.classicRejoin('m', 'old', ['two'], { two: [0, 1] })],
  ['and hears that it keeps it', (server) => server.classicSync('m', 'old')],
  ['then it is left alone', (server) => server.classicHeartbeat('m', 'old')],
  ['the new member gets its part', (server) => server.heartbeat('m', 'new', { owns: {} })],
  ['settled, described', (server) => server.describe('m')],
  ['a strange protocol may not join', (server) => server.classicJoinAs('m', 'strange')],
  ['the new member leaves', (server) => server.heartbeat('m', 'new', { memberEpoch: -1 })],
  ['it is a classic group again', (server) => server.describeAsClassic('m', 6)],
  ['and no consumer group', (server) => server.describe('m')],
  ['the classic member rebalances', (server) => server.classicHeartbeat('m', 'old')],
  ['and leaves', (server) => server.classicLeave('m', 'old')],
  ['an empty classic group takes a new member', (server) => server.join('m', 'next', ['two'])],
  ['which leaves by LeaveGroup', (server) => server.classicLeave('m', 'next', 'next')],
  [
    'an empty consumer group takes a classic member',
    (server) => server.classicAlone('m', 'last', ['two'], {}),
  ],
  ['described as what it is', (server) => server.describe('m')],
]

/** Groups that have lost all their offsets are there until offsets expire, as they had some. */
const WITHOUT_OFFSETS: readonly Question[] = [
  ['a group without members commits', (server) => server.commit('o', '', -1, 0)],
  ['its last offset is deleted', (server) => server.deleteOffset('o', 'two')],
  ['it is listed nevertheless', (server) => server.list({ typesFilter: ['classic'] })],
  ['and described', (server) => server.describeAsClassic('o', 6)],
  ['its offset is deleted again', (server) => server.deleteOffset('o', 'two')],
  ['it is deleted', (server) => server.deleteGroup('o')],
  ['it is described no more', (server) => server.describeAsClassic('o', 6)],
  ['an offset of a group that is gone is deleted', (server) => server.deleteOffset('o', 'two')],
  ['a topic for a moment', (server) => server.createTopic('moment', 1)],
  ['a group commits for it', (server) => server.commit('p', '', -1, 0, { topic: 'moment' })],
  ['the topic is deleted', (server) => server.deleteTopic('moment')],
  ['the group is described nevertheless', (server) => server.describeAsClassic('p', 6)],
]

/** In order: later ones see what earlier ones did. */
export const GROUP_QUESTIONS: readonly Question[] = [
  ['(the coordinator is there)', (server) => server.coordinatorReady()],
  [
    'create topics',
    async (server) => [await server.createTopic('two', 2), await server.createTopic('four', 4)],
  ],
  ...REFUSED.map(([name, ask]) => [`a heartbeat ${name}`, ask] as const),

  ['the first member joins', (server) => server.join('g', 'a', ['two'])],
  ['it says so again', (server) => server.join('g', 'a', ['two'])],
  ['it lives', (server) => server.heartbeat('g', 'a')],
  ['it lives and owns', (server) => server.heartbeat('g', 'a', { owns: { two: [0, 1] } })],
  [
    'it says everything',
    (server) =>
      server.heartbeat('g', 'a', {
        rebalanceTimeoutMs: 60_000,
        subscribedTopicNames: [`${server.prefix}two`],
        owns: { two: [0, 1] },
      }),
  ],
  ['in a later epoch', (server) => server.heartbeat('g', 'a', { memberEpoch: 9 })],
  ['described', (server) => server.describe('g')],
  ['described in version 0', (server) => server.describe('g', 0)],
  ['described as if it were classic, version 5', (server) => server.describeAsClassic('g', 5)],
  ['described as if it were classic, version 6', (server) => server.describeAsClassic('g', 6)],
  ['commits in its epoch', (server) => server.commit('g', 'a', 2, 0)],
  ['commits in a later epoch', (server) => server.commit('g', 'a', 3, 0)],
  ['commits in an earlier epoch', (server) => server.commit('g', 'a', 1, 0)],
  ['commits by version 8', (server) => server.commit('g', 'a', 2, 0, { version: 8 })],
  ['commits by a stranger', (server) => server.commit('g', 'x', 1, 0)],
  ['commits by nobody', (server) => server.commit('g', '', -1, 0)],
  ['fetches in its epoch', (server) => server.fetchOffset('g', 'a', 2)],
  ['fetches in an earlier epoch', (server) => server.fetchOffset('g', 'a', 1)],
  ['fetches by a stranger', (server) => server.fetchOffset('g', 'x', 1)],
  ['fetches by nobody', (server) => server.fetchOffset('g', null, -1)],
  ['deletes an offset in use', (server) => server.deleteOffset('g', 'two')],
  ['deletes an offset of another topic', (server) => server.deleteOffset('g', 'four')],
  ['deletes a group in use', (server) => server.deleteGroup('g')],

  ['a second member joins', (server) => server.join('g', 'b', ['two'])],
  ['both described', (server) => server.describe('g')],
  ['the first is to give up a partition', (server) => server.heartbeat('g', 'a')],
  ['it has not yet', (server) => server.heartbeat('g', 'a', { owns: { two: [0, 1] } })],
  ['the second waits', (server) => server.heartbeat('g', 'b', { owns: {} })],
  ['meanwhile described', (server) => server.describe('g')],
  ['it has given it up', (server) => server.heartbeat('g', 'a', { owns: { two: [0] } })],
  [
    'the answer was lost: it says so again',
    (server) => server.heartbeat('g', 'a', { memberEpoch: 2, owns: { two: [0] } }),
  ],
  ['the second gets it', (server) => server.heartbeat('g', 'b', { owns: {} })],
  ['then described', (server) => server.describe('g')],
  ['commits in the epoch before, for what it has had since', (server) => server.commit('g', 'a', 2, 0)],
  ['commits in the epoch before, for what it gave up', (server) => server.commit('g', 'a', 2, 1)],
  ['an older epoch is fenced', (server) => server.heartbeat('g', 'b', { memberEpoch: 1 })],
  ['a stranger is unknown', (server) => server.heartbeat('g', 'x', { memberEpoch: 2 })],
  [
    'the second wants more',
    (server) =>
      server.heartbeat('g', 'b', {
        subscribedTopicNames: [`${server.prefix}two`, `${server.prefix}four`],
        owns: { two: [1] },
      }),
  ],
  ['what the first says to that', (server) => server.heartbeat('g', 'a', { owns: { two: [0] } })],
  ['the second again', (server) => server.heartbeat('g', 'b', { owns: { two: [1], four: [0, 1, 2, 3] } })],
  ['with two subscriptions described', (server) => server.describe('g')],
  ['listed', (server) => server.list({})],
  ['listed by type', (server) => server.list({ typesFilter: ['CONSUMER'] })],
  ['listed by state', (server) => server.list({ statesFilter: ['reconciling', 'Stable'] })],
  ['a topic grows', (server) => server.growTopic('two', 4)],
  ['(the coordinator hears of it)', () => sleep(500)],
  ['the first hears of it', (server) => server.heartbeat('g', 'a', { owns: { two: [0] } })],
  ['the second leaves', (server) => server.heartbeat('g', 'b', { memberEpoch: -1 })],
  ['and again', (server) => server.heartbeat('g', 'b', { memberEpoch: -1 })],
  ['the first gets everything', (server) => server.heartbeat('g', 'a', { owns: { two: [0] } })],
  ['the first leaves', (server) => server.heartbeat('g', 'a', { memberEpoch: -1 })],
  ['empty', (server) => server.describe('g')],
  ['empty, listed', (server) => server.list({ statesFilter: ['Empty'] })],
  ['commits by nobody when empty', (server) => server.commit('g', '', -1, 0)],
  ['deleted', (server) => server.deleteGroup('g')],
  ['deleted again', (server) => server.deleteGroup('g')],

  ['a static member joins', (server) => server.join('s', 'a', ['two'], { instanceId: 'i' })],
  ['its instance is taken', (server) => server.join('s', 'b', ['two'], { instanceId: 'i' })],
  ['in its name, as another', (server) => server.heartbeat('s', 'b', { memberEpoch: 2, instanceId: 'i' })],
  ['of an unknown instance', (server) => server.heartbeat('s', 'b', { memberEpoch: 1, instanceId: 'j' })],
  ['it leaves for now', (server) => server.heartbeat('s', 'a', { memberEpoch: -2, instanceId: 'i' })],
  ['gone for now, described', (server) => server.describe('s')],
  ['it is back under another id', (server) => server.join('s', 'b', ['two'], { instanceId: 'i' })],
  ['back, described', (server) => server.describe('s')],
  ['the old id is fenced', (server) => server.heartbeat('s', 'a', { memberEpoch: 1, instanceId: 'i' })],
  ['it leaves for good', (server) => server.heartbeat('s', 'b', { memberEpoch: -1, instanceId: 'i' })],

  ['joining with an empty subscription', (server) => server.join('n', 'a', [])],
  ['with an empty subscription, described', (server) => server.describe('n')],

  ['by assignor range', (server) => server.join('r', 'a', ['two', 'four'], { serverAssignor: 'range' })],
  ['a second one by range', (server) => server.join('r', 'b', ['two', 'four'], { serverAssignor: 'range' })],
  ['by range, described', (server) => server.describe('r')],

  [
    'by an expression',
    // Kafka matches it in the background: what is assigned comes with a later heartbeat.
    async (server) => {
      const saying = { subscribedTopicNames: null, subscribedTopicRegex: `${server.prefix}t.*` }
      await server.join('e', 'a', [], saying)
      await sleep(500)
      return await server.heartbeat('e', 'a', { ...saying, rebalanceTimeoutMs: 60_000, owns: {} })
    },
  ],
  ['by an expression, described', async (server) => (await server.describe('e')).members],
  ['by another that is none', (server) => server.heartbeat('e', 'a', { subscribedTopicRegex: '(' })],
  [
    'by names after all',
    (server) =>
      server.heartbeat('e', 'a', {
        subscribedTopicRegex: '',
        subscribedTopicNames: [`${server.prefix}four`],
        owns: {},
      }),
  ],
  ['by names after all, described', async (server) => (await server.describe('e')).members],
  ...MIGRATION,
  ...WITHOUT_OFFSETS,
]
