/** Questions about streams groups (KIP-1071) that two servers are to answer alike. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Part, StreamsSaying, StreamsServer } from './streams-server.ts'

type Question = readonly [name: string, ask: (server: StreamsServer) => Promise<unknown>]

const SIMPLE: readonly Part[] = [{ reads: ['lines'] }]

/** Lines are cut into words, which are counted. */
const COUNT: readonly Part[] = [
  { reads: ['lines'], writes: ['by-word'] },
  { repartitioned: { 'by-word': 0 }, state: ['counts'] },
]

/** Kafka computes what members are to have in the background, and hears of topics a little later. */
const AWHILE_MS = 700

const VALID: StreamsSaying = {
  memberEpoch: 0,
  rebalanceTimeoutMs: 60_000,
  topology: SIMPLE,
  active: {},
  processId: 'p',
}

const REFUSED: readonly Question[] = [
  ['without a group', (server) => server.streams('', 'm', VALID)],
  ['without a member id', (server) => server.streams('refused', '', VALID)],
  ['in epoch -3', (server) => server.streams('refused', 'm', { memberEpoch: -3 })],
  ['leaving for now without an instance', (server) => server.streams('refused', 'm', { memberEpoch: -2 })],
  ['with an empty instance', (server) => server.streams('refused', 'm', { ...VALID, instanceId: '' })],
  ['with an empty rack', (server) => server.streams('refused', 'm', { ...VALID, rackId: '' })],
  [
    'without a rebalance timeout',
    (server) => server.streams('refused', 'm', { ...VALID, rebalanceTimeoutMs: -1 }),
  ],
  [
    'without a topology',
    (server) => server.streams('refused', 'm', { memberEpoch: 0, rebalanceTimeoutMs: 1, active: {} }),
  ],
  ['joining with tasks', (server) => server.streams('refused', 'm', { ...VALID, active: { 0: [0] } })],
  ['with one kind of tasks', (server) => server.streams('refused', 'm', { memberEpoch: 3, activeTasks: [] })],
  [
    'with a topology later on',
    (server) => server.streams('refused', 'm', { memberEpoch: 3, topology: SIMPLE }),
  ],
  ['of a group that is not there', (server) => server.streams('refused', 'm', { memberEpoch: 5 })],
  ['leaving a group that is not there', (server) => server.streams('refused', 'm', { memberEpoch: -1 })],
  ['with an expression', (server) => server.streamsJoin('refused', 'm', [{ regex: ['l.*'] }])],
  [
    'with an internal topic',
    (server) => server.streamsJoin('refused', 'm', [{ reads: ['lines'], writes: ['a b'] }]),
  ],
  ['that reads nothing', (server) => server.streamsJoin('refused', 'm', [{ state: ['s'] }])],
  [
    'whose repartition topic nobody writes',
    (server) => server.streamsJoin('refused', 'm', [{ reads: ['lines'], repartitioned: { nowhere: 0 } }]),
  ],
  ['described without being there', (server) => server.describeStreams('refused')],
]

const TOPOLOGIES: readonly Question[] = [
  [
    'a source topic is missing',
    (server) => server.streamsJoin('missing', 'm', [{ reads: ['lines', 'late'] }]),
  ],
  ['many are', (server) => server.streamsJoin('missing4', 'm', [{ reads: ['e', 'd', 'c', 'b', 'a'] }])],
  ['described without it', (server) => server.describeStreams('missing')],
  ['it is created', (server) => server.createTopic('late', 2)],
  ['and found', async (server) => (await sleep(AWHILE_MS), server.streams('missing', 'm'))],
  ['the member has tasks then', (server) => server.streams('missing', 'm', { active: {} })],
  [
    'topics that do not fit',
    (server) => server.streamsJoin('unfit', 'm', [{ reads: ['lines', 'late'], together: { reads: [0, 1] } }]),
  ],
  ['described so', (server) => server.describeStreams('unfit')],
  [
    'a repartition topic that does not fit',
    (server) =>
      server.streamsJoin('unfit2', 'm', [
        { reads: ['lines'], writes: ['r'] },
        { reads: ['late'], repartitioned: { r: 5 }, together: { reads: [0], repartitioned: [0] } },
      ]),
  ],
  [
    'one that fits itself to what it is joined with',
    (server) =>
      server.streamsJoin('fit', 'm', [
        { reads: ['lines'], writes: ['fit-r'] },
        { reads: ['late'], repartitioned: { 'fit-r': 0 }, together: { reads: [0], repartitioned: [0] } },
      ]),
  ],
  ['has as many', (server) => server.created('fit-r')],
  [
    'one of another size',
    (server) =>
      server.streamsJoin('sized', 'm', [
        { reads: ['lines'], writes: ['sized-r'] },
        { repartitioned: { 'sized-r': 7 } },
      ]),
  ],
  ['has that', (server) => server.created('sized-r')],
  [
    'a changelog that is there but smaller',
    (server) => server.streamsJoin('small', 'm', [{ reads: ['lines'], state: ['late'] }]),
  ],
  ['a topology of epoch 1', (server) => server.streamsJoin('epochs', 'new', SIMPLE, { topologyEpoch: 1 })],
  ['a member with the one before', (server) => server.streamsJoin('epochs', 'old', SIMPLE)],
  [
    'a member with another of the same epoch',
    (server) => server.streamsJoin('epochs', 'other', COUNT, { topologyEpoch: 1 }),
  ],
  [
    'a member with a later one',
    (server) => server.streamsJoin('epochs', 'later', SIMPLE, { topologyEpoch: 2 }),
  ],
]

const STATIC: readonly Question[] = [
  ['a static member joins', (server) => server.streamsJoin('s', 'one', SIMPLE, { instanceId: 'i' })],
  ['lives', (server) => server.streams('s', 'one', { instanceId: 'i', active: { 0: [0, 1, 2] } })],
  ['another takes its name', (server) => server.streamsJoin('s', 'two', SIMPLE, { instanceId: 'i' })],
  ['another says it is it', (server) => server.streams('s', 'three', { instanceId: 'i', memberEpoch: 2 })],
  [
    'an instance that is not there',
    (server) => server.streams('s', 'one', { instanceId: 'j', memberEpoch: 2 }),
  ],
  ['it leaves for now', (server) => server.streams('s', 'one', { instanceId: 'i', memberEpoch: -2 })],
  ['described while it is away', (server) => server.describeStreams('s')],
  [
    'it comes back under another id',
    (server) => server.streamsJoin('s', 'two', SIMPLE, { instanceId: 'i', processId: 'process of one' }),
  ],
  ['described when it is back', (server) => server.describeStreams('s')],
  ['it leaves for good', (server) => server.streams('s', 'two', { instanceId: 'i', memberEpoch: -1 })],
]

const ENDPOINTS: readonly Question[] = [
  ['a member has no endpoint', (server) => server.streamsJoin('e', 'a', SIMPLE)],
  ['it has all tasks', (server) => server.streams('e', 'a', { active: { 0: [0, 1, 2] } })],
  [
    'another has one',
    (server) => server.streamsJoin('e', 'b', SIMPLE, { userEndpoint: { host: 'here', port: 8080 } }),
  ],
  ['the first is to give up a task', (server) => server.streams('e', 'a')],
  ['it has', (server) => server.streams('e', 'a', { active: { 0: [0, 1] } })],
  ['the other gets it', (server) => server.streams('e', 'b', { active: {} })],
  ['it hears of it again', (server) => server.streams('e', 'b', { active: { 0: [2] } })],
  ['not if it knows', (server) => server.streams('e', 'b', { endpointInformationEpoch: 2 })],
  ['the first hears of it', (server) => server.streams('e', 'a')],
  [
    'it changes its endpoint',
    (server) => server.streams('e', 'b', { userEndpoint: { host: 'there', port: 1 } }),
  ],
]

/** In order: later ones see what earlier ones did. */
export const STREAMS_QUESTIONS: readonly Question[] = [
  ['(the coordinator is there)', (server) => server.coordinatorReady()],
  [
    'topics are created',
    async (server) => [await server.createTopic('lines', 3), await server.createTopic('two', 2)],
  ],
  ...REFUSED.map(([name, ask]) => [`a heartbeat ${name}`, ask] as const),

  ['the first member joins', (server) => server.streamsJoin('g', 'a', COUNT)],
  ['its repartition topic is created', (server) => server.created('by-word')],
  ['and its changelog', (server) => server.created('counts')],
  ['with their settings', (server) => server.settingOf('counts', ['cleanup.policy'])],
  ['then it has tasks', async (server) => (await sleep(AWHILE_MS), server.streams('g', 'a', { active: {} }))],
  ['it has them', (server) => server.streams('g', 'a', { active: { 0: [0, 1, 2], 1: [0, 1, 2] } })],
  ['described', (server) => server.describeStreams('g')],
  ['described in version 0', (server) => server.describeStreams('g', 0)],
  ['listed', (server) => server.list({ typesFilter: ['streams'], statesFilter: ['stable'] })],
  ['described as if it were classic', (server) => server.describeAsClassic('g', 6)],
  ['described as if it were of consumers', (server) => server.describe('g')],
  ['in a later epoch', (server) => server.streams('g', 'a', { memberEpoch: 9 })],
  ['in an earlier epoch', (server) => server.streams('g', 'a', { memberEpoch: 1 })],
  ['with a task that there is not', (server) => server.streams('g', 'a', { active: { 0: [7] } })],
  ['with a subtopology that there is not', (server) => server.streams('g', 'a', { active: { 5: [0] } })],
  ['commits in its epoch', (server) => server.commit('g', 'a', 3, 0, { topic: 'lines' })],
  ['commits in a later epoch', (server) => server.commit('g', 'a', 4, 0, { topic: 'lines' })],
  ['commits in an earlier epoch', (server) => server.commit('g', 'a', 1, 0, { topic: 'lines' })],
  ['commits for a topic that it does not read', (server) => server.commit('g', 'a', 1, 0, { topic: 'two' })],
  ['commits by version 8', (server) => server.commit('g', 'a', 3, 0, { topic: 'lines', version: 8 })],
  ['commits by a stranger', (server) => server.commit('g', 'x', 3, 0, { topic: 'lines' })],
  ['commits by nobody', (server) => server.commit('g', '', -1, 0, { topic: 'lines' })],
  ['fetches in its epoch', (server) => server.fetchOffset('g', 'a', 3)],
  ['fetches in another', (server) => server.fetchOffset('g', 'a', 2)],
  ['fetches by nobody', (server) => server.fetchOffset('g', null, -1)],
  ['offsets of what it reads are not deleted', (server) => server.deleteOffset('g', 'lines')],
  ['it is not deleted while somebody is in it', (server) => server.deleteGroup('g')],
  ['a consumer may not join it', (server) => server.join('g', 'c', ['lines'])],
  ['nor one of the classic protocol', (server) => server.classicJoinAs('g', 'range')],

  ['a second member joins', (server) => server.streamsJoin('g', 'b', COUNT)],
  ['it waits', async (server) => (await sleep(AWHILE_MS), server.streams('g', 'b', { active: {} }))],
  ['the first is to give up some', (server) => server.streams('g', 'a')],
  ['described while it does', (server) => server.describeStreams('g')],
  ['commits for what it is to give up', (server) => server.commit('g', 'a', 3, 2, { topic: 'lines' })],
  ['it has not yet', (server) => server.streams('g', 'a', { active: { 0: [0, 1, 2], 1: [0, 1, 2] } })],
  ['it has', (server) => server.streams('g', 'a', { active: { 0: [0, 1], 1: [0] } })],
  ['the second gets them', (server) => server.streams('g', 'b', { active: {} })],
  ['described when both have theirs', (server) => server.describeStreams('g')],
  ['tasks are to have standbys', (server) => server.setGroup('g', 'streams.num.standby.replicas', '1')],
  [
    'the first hears of it',
    async (server) => (await sleep(AWHILE_MS), server.streams('g', 'a', { active: { 0: [0, 1], 1: [0] } })),
  ],
  [
    'and again',
    async (server) => (await sleep(AWHILE_MS), server.streams('g', 'a', { active: { 0: [0, 1], 1: [0] } })),
  ],
  ['the second, too', (server) => server.streams('g', 'b', { active: { 0: [2], 1: [1, 2] } })],
  ['described with standbys', (server) => server.describeStreams('g')],
  ['the second is gone', (server) => server.streams('g', 'b', { memberEpoch: -1 })],
  [
    'the first takes over',
    async (server) => (
      await sleep(AWHILE_MS),
      server.streams('g', 'a', { active: { 0: [0, 1], 1: [0] }, standby: { 1: [1, 2] } })
    ),
  ],
  [
    'again',
    async (server) => (
      await sleep(AWHILE_MS),
      server.streams('g', 'a', { active: { 0: [0, 1], 1: [0] }, standby: { 1: [1, 2] } })
    ),
  ],
  ['described when it has', (server) => server.describeStreams('g')],
  ['it wants all to end', (server) => server.streams('g', 'a', { shutdownApplication: true })],
  ['who joins hears that', (server) => server.streamsJoin('g', 'c', COUNT, { processId: 'process of a' })],
  ['that one is gone', (server) => server.streams('g', 'c', { memberEpoch: -1 })],
  ['the first is gone', (server) => server.streams('g', 'a', { memberEpoch: -1 })],
  ['described without members', (server) => server.describeStreams('g')],
  ['listed without members', (server) => server.list({ typesFilter: ['streams'] })],
  ['somebody else joins', (server) => server.streamsJoin('g', 'd', COUNT)],
  ['and is gone', (server) => server.streams('g', 'd', { memberEpoch: -1 })],
  ['offsets are deleted', (server) => server.deleteOffset('g', 'lines')],
  ['it is deleted', (server) => server.deleteGroup('g')],
  ['and not there', (server) => server.describeStreams('g')],

  ...TOPOLOGIES,
  ...STATIC,
  ...ENDPOINTS,
  ['a consumer joins a group', (server) => server.join('n', 'c', ['two'])],
  ['a streams member may not', (server) => server.streamsJoin('n', 'm', SIMPLE)],
  ['nor be described there', (server) => server.describeStreams('n')],
]
