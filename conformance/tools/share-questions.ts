/** Questions about share groups (KIP-932) that two servers are to answer alike. */
import { AcknowledgeType } from '../../src/log/coordinator/share/share-partition.ts'
import { apis } from '../../src/log/protocol/apis.ts'
import type { ShareServer } from './share-server.ts'

type Question = readonly [name: string, ask: (server: ShareServer) => Promise<unknown>]

const { GAP, ACCEPT, RELEASE, REJECT, RENEW } = AcknowledgeType
const VALID = { memberEpoch: 0, subscribedTopicNames: ['x'] }

/** Requests that are refused whatever the group. */
const REFUSED: readonly Question[] = [
  ['without a group', (server) => server.heartbeat('', 'm', VALID)],
  ['without a member id', (server) => server.heartbeat('refused', '', VALID)],
  ['in epoch -2', (server) => server.heartbeat('refused', 'm', { memberEpoch: -2 })],
  ['with an empty rack', (server) => server.heartbeat('refused', 'm', { ...VALID, rackId: '' })],
  ['joining without a subscription', (server) => server.heartbeat('refused', 'm', { memberEpoch: 0 })],
  [
    'joining with an empty subscription',
    (server) => server.heartbeat('refused', 'm', { memberEpoch: 0, subscribedTopicNames: [] }),
  ],
  ['of a group that is not there', (server) => server.heartbeat('refused', 'm', { memberEpoch: 5 })],
  ['leaving a group that is not there', (server) => server.leave('refused', 'm')],
  ['described without being there', (server) => server.describe('refused')],
  ['offsets of a group that is not there', (server) => server.offsets('refused', null)],
  ['offsets of a topic of a group that is not there', (server) => server.offsets('refused', { one: [0] })],
  ['altering offsets of a group that is not there', (server) => server.alterOffsets('refused', 'one', 0)],
  ['deleting offsets of a group that is not there', (server) => server.deleteOffsets('refused', 'one')],
  ['deleting a group that is not there', (server) => server.deleteGroup('refused')],
  ['a fetch without a member', (server) => server.fetch('g', '', 'one')],
  ['a fetch with a long member id', (server) => server.fetch('g', 'm'.repeat(37), 'one')],
  [
    'a fetch in a session that is not there',
    (server) => server.fetch('g', 'x', 'one', { shareSessionEpoch: 3 }),
  ],
  [
    'ending a session that is not there',
    (server) => server.fetch('g', 'x', 'one', { shareSessionEpoch: -1 }),
  ],
  [
    'a first fetch that acknowledges',
    (server) => server.fetch('g', 'x', 'one', { acks: [[0, 0, ACCEPT]], shareSessionEpoch: 0 }),
  ],
  ['a first request that acknowledges', (server) => server.acknowledge('g', 'x', 'one', [[0, 0, ACCEPT]])],
  [
    'acknowledging in a session that is not there',
    (server) => server.acknowledge('g', 'x', 'one', [[0, 0, ACCEPT]], { shareSessionEpoch: 1 }),
  ],
]

const SETTINGS: readonly Question[] = [
  ['settings of a group that has none', (server) => server.settings('g')],
  ['begins at the beginning', (server) => server.configure('g', { 'share.auto.offset.reset': 'earliest' })],
  ['begins nowhere', (server) => server.configure('g', { 'share.auto.offset.reset': 'somewhere' })],
  [
    'begins an hour ago',
    (server) => server.configure('d', { 'share.auto.offset.reset': 'by_duration:PT1H' }),
  ],
  [
    'begins in the future',
    (server) => server.configure('d', { 'share.auto.offset.reset': 'by_duration:-PT1H' }),
  ],
  ['begins some time', (server) => server.configure('d', { 'share.auto.offset.reset': 'by_duration:soon' })],
  ['isolation', (server) => server.configure('d', { 'share.isolation.level': 'read_committed' })],
  ['no isolation', (server) => server.configure('d', { 'share.isolation.level': 'serializable' })],
  ['long locks', (server) => server.configure('g', { 'share.record.lock.duration.ms': '60000' })],
  ['too short locks', (server) => server.configure('d', { 'share.record.lock.duration.ms': '1000' })],
  ['few deliveries', (server) => server.configure('g', { 'share.delivery.count.limit': '2' })],
  ['too few deliveries', (server) => server.configure('d', { 'share.delivery.count.limit': '1' })],
  ['many locks', (server) => server.configure('d', { 'share.partition.max.record.locks': '4000' })],
  ['too many locks', (server) => server.configure('d', { 'share.partition.max.record.locks': '4001' })],
  ['no renewals', (server) => server.configure('d', { 'share.renew.acknowledge.enable': 'false' })],
  ['settings of a group that has some', (server) => server.settings('g')],
  ['and of another', (server) => server.settings('d')],
]

/** One member and one partition. */
const DELIVERY: readonly Question[] = [
  ['a topic', (server) => server.createTopic('one')],
  ['with a batch of ten', (server) => server.produce('one', letters(10))],
  ['joins', (server) => server.join('g', 'm', ['one'], 1)],
  ['described', (server) => server.describe('g')],
  ['listed', (server) => server.list({ typesFilter: ['share'] })],
  ['listed when stable', (server) => server.list({ statesFilter: ['Stable'], typesFilter: ['share'] })],
  ['a later epoch', (server) => server.heartbeat('g', 'm', { memberEpoch: 99 })],
  ['a stranger', (server) => server.heartbeat('g', 'stranger', { memberEpoch: 1 })],
  ['is given the ten', (server) => server.fetchSome('g', 'm', 'one')],
  ['is given nothing more', (server) => server.fetch('g', 'm', 'one', { maxWaitMs: 0 })],
  ['in the wrong epoch', (server) => server.fetch('g', 'm', 'one', { shareSessionEpoch: 77 })],
  [
    'acknowledges in the wrong epoch',
    (server) => server.acknowledge('g', 'm', 'one', [], { shareSessionEpoch: 77 }),
  ],
  ['accepts three', (server) => server.acknowledge('g', 'm', 'one', [[0, 2, ACCEPT]])],
  ['accepts them again', (server) => server.acknowledge('g', 'm', 'one', [[0, 2, ACCEPT]])],
  [
    'each in its way',
    (server) => server.acknowledge('g', 'm', 'one', [[3, 6, ACCEPT, RELEASE, REJECT, GAP]]),
  ],
  ['accepts what it released', (server) => server.acknowledge('g', 'm', 'one', [[4, 4, ACCEPT]])],
  ['accepts past the end', (server) => server.acknowledge('g', 'm', 'one', [[7, 12, ACCEPT]])],
  ['accepts beyond the end', (server) => server.acknowledge('g', 'm', 'one', [[20, 25, ACCEPT]])],
  ['types that do not fit', (server) => server.acknowledge('g', 'm', 'one', [[7, 9, ACCEPT, ACCEPT]])],
  ['no types', (server) => server.acknowledge('g', 'm', 'one', [[7, 9]])],
  ['a type that is none', (server) => server.acknowledge('g', 'm', 'one', [[7, 7, 5]])],
  ['backwards', (server) => server.acknowledge('g', 'm', 'one', [[8, 7, ACCEPT]])],
  [
    'overlapping',
    (server) =>
      server.acknowledge('g', 'm', 'one', [
        [7, 8, ACCEPT],
        [8, 9, ACCEPT],
      ]),
  ],
  ['renews without saying so', (server) => server.acknowledge('g', 'm', 'one', [[7, 7, RENEW]])],
  ['renews', (server) => server.acknowledge('g', 'm', 'one', [[7, 7, RENEW]], { isRenewAck: true })],
  ['of a topic that is not there', (server) => server.acknowledge('g', 'm', 'none', [[7, 7, ACCEPT]])],
  [
    'of a partition that is not there',
    (server) => server.acknowledge('g', 'm', 'one', [[7, 7, ACCEPT]], { partition: 5 }),
  ],
  ['is given what it released', (server) => server.fetchSome('g', 'm', 'one')],
  ['releases it for the last time', (server) => server.acknowledge('g', 'm', 'one', [[4, 4, RELEASE]])],
  ['which was its last', (server) => server.fetch('g', 'm', 'one', { maxWaitMs: 0 })],
  [
    'accepts the rest and fetches',
    (server) => server.fetch('g', 'm', 'one', { maxWaitMs: 0, acks: [[7, 9, ACCEPT]] }),
  ],
  ['lag', (server) => server.lag('g')],
  ['three batches more', (server) => threeBatches(server)],
  ['is given whole batches', (server) => server.fetchSome('g', 'm', 'one', { maxRecords: 3 })],
  [
    'is given exactly so many',
    (server) => server.fetchSome('g', 'm', 'one', { maxRecords: 1, shareAcquireMode: 1 }),
  ],
  ['another joins', (server) => server.join('g', 'n', ['one'], 1)],
  ['and is given what is left', (server) => server.fetchSome('g', 'n', 'one')],
  ['which the first does not have', (server) => server.acknowledge('g', 'm', 'one', [[15, 15, ACCEPT]])],
  [
    'the other ends its session',
    (server) => server.fetch('g', 'n', 'one', { shareSessionEpoch: -1, acks: [[15, 15, ACCEPT]] }),
  ],
  ['what it did not accept is given again', (server) => server.fetchSome('g', 'm', 'one')],
  ['a renewing fetch that fetches', (server) => server.fetch('g', 'm', 'one', { isRenewAck: true })],
  [
    'a renewing fetch',
    (server) =>
      server.fetch('g', 'm', 'one', {
        isRenewAck: true,
        maxWaitMs: 0,
        minBytes: 0,
        maxBytes: 0,
        maxRecords: 0,
        acks: [[10, 10, RENEW]],
      }),
  ],
  ['of a topic that is not there, fetching', (server) => server.fetch('g', 'm', 'none', { maxWaitMs: 0 })],
  ['a classic member may not join', (server) => classicJoin(server)],
  ['nor one of the consumer protocol', (server) => consumerJoin(server)],
  ['nobody commits', (server) => commit(server, 9)],
  ['nor before version 9', (server) => commit(server, 8)],
  ['it is no classic group', (server) => describeClassic(server)],
  ['offsets of a group with members stay', (server) => server.alterOffsets('g', 'one', 0)],
  ['and are not deleted', (server) => server.deleteOffsets('g', 'one')],
  ['nor is the group', (server) => server.deleteGroup('g')],
  ['one leaves', (server) => server.leave('g', 'n')],
  ['the other leaves', (server) => server.leave('g', 'm')],
  ['leaves again', (server) => server.leave('g', 'm')],
  ['nobody is left', (server) => server.describe('g')],
  ['sets it back', (server) => server.alterOffsets('g', 'one', 12)],
  ['offsets once set back', (server) => server.offsets('g', null)],
  ['in a topic that is not there', (server) => server.alterOffsets('g', 'none', 0)],
  ['in a partition that is not there', (server) => server.alterOffsets('g', 'one', 0, 7)],
  ['forgets a topic that is not there', (server) => server.deleteOffsets('g', 'none')],
  ['forgets the topic', (server) => server.deleteOffsets('g', 'one')],
  ['forgets it again', (server) => server.deleteOffsets('g', 'one')],
  ['offsets once forgotten', (server) => server.offsets('g', null)],
  ['is deleted', (server) => server.deleteGroup('g')],
  ['is deleted again', (server) => server.deleteGroup('g')],
]

export const SHARE_QUESTIONS: readonly Question[] = [...REFUSED, ...SETTINGS, ...DELIVERY]

function letters(count: number): string[] {
  return Array.from({ length: count }, (_, index) => String.fromCharCode(97 + index))
}

async function threeBatches(server: ShareServer): Promise<unknown[]> {
  const answers: unknown[] = []
  for (const values of [
    ['k', 'l'],
    ['m', 'n'],
    ['o', 'p', 'q'],
  ])
    answers.push(await server.produce('one', values))
  return answers
}

async function classicJoin({ client, prefix }: ShareServer): Promise<number> {
  const answer = await client.call(apis.joinGroup, 9, {
    groupId: `${prefix}g`,
    sessionTimeoutMs: 30_000,
    rebalanceTimeoutMs: 30_000,
    memberId: '',
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
  })
  return answer.errorCode
}

async function consumerJoin({ client, prefix }: ShareServer): Promise<number> {
  const answer = await client.call(apis.consumerGroupHeartbeat, 1, {
    groupId: `${prefix}g`,
    memberId: 'c',
    memberEpoch: 0,
    rebalanceTimeoutMs: 1_000,
    subscribedTopicNames: [`${prefix}one`],
    topicPartitions: [],
  })
  return answer.errorCode
}

async function commit({ client, prefix }: ShareServer, version: number): Promise<unknown> {
  const partitions = [
    { partitionIndex: 0, committedOffset: 5, committedLeaderEpoch: -1, committedMetadata: null },
  ]
  const answer = await client.call(apis.offsetCommit, version, {
    groupId: `${prefix}g`,
    memberId: '',
    generationIdOrMemberEpoch: -1,
    topics: [{ name: `${prefix}one`, partitions }],
  })
  return answer.topics[0]!.partitions
}

async function describeClassic({ client, prefix }: ShareServer): Promise<unknown> {
  const answer = await client.call(apis.describeGroups, 6, { groups: [`${prefix}g`] })
  const { errorCode, groupState } = answer.groups[0]!
  return { errorCode, groupState }
}
