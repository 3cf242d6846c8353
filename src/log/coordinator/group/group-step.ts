import { ErrorCode } from '../../protocol/error-code.ts'
import type { Instant } from '../coordinator-record.ts'
import { NO_BYTES, type ConsumerGroup, type JoinProtocol, type Waiter } from './consumer-group.ts'
import type { GroupRecord } from './group-record.ts'
import type { TopicRegexes, TopicsView } from './consumer/topics-view.ts'

/** Kafka's settings for groups. */
export interface GroupConfig {
  readonly initialRebalanceDelayMs: number
  readonly minSessionTimeoutMs: number
  readonly maxSessionTimeoutMs: number
  readonly maxSize: number
  readonly offsetsRetentionMs: number
  readonly maxOffsetMetadataBytes: number
  readonly consumer: ConsumerProtocolConfig
  readonly streams: StreamsProtocolConfig
  readonly share: ShareProtocolConfig
}

/** Kafka's settings for share groups (`group.share.…`). */
export interface ShareProtocolConfig {
  readonly maxSize: number
  /** What a group's own configuration may change. */
  ofGroup(groupId: string): ConsumerGroupTimes
}

/** Kafka's settings for streams groups (`group.streams.…`). */
export interface StreamsProtocolConfig {
  readonly maxSize: number
  /** What a group's own configuration may change. */
  ofGroup(groupId: string): StreamsGroupSettings
}

export interface StreamsGroupSettings extends ConsumerGroupTimes {
  /** How long a group that was empty waits for more members before anybody is assigned anything. */
  readonly initialRebalanceDelayMs: number
  /** How many standby tasks each task with state has. */
  readonly standbyReplicas: number
  /** Client tags that members have to have. */
  readonly rackAwareTags: readonly string[]
  /** How often members tell how far the state of their tasks is, and from which lag on it is. */
  readonly taskOffsetIntervalMs: number
  readonly acceptableRecoveryLag: number
}

/** Kafka's settings for groups of the consumer protocol (`group.consumer.…`). */
export interface ConsumerProtocolConfig {
  readonly maxSize: number
  /** Names of assignors, the default one first. */
  readonly assignors: readonly string[]
  /** Regular expressions are matched anew after this time, if not sooner: what a client may know of can have changed. */
  readonly regexRefreshIntervalMs: number
  /** Whether a group with members may change from the classic protocol (upgrade) and back (downgrade). */
  readonly mayUpgrade: boolean
  readonly mayDowngrade: boolean
  /** What a group's own configuration may change. */
  ofGroup(groupId: string): ConsumerGroupTimes
}

export interface ConsumerGroupTimes {
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  /** At least so long after an assignment comes the next. */
  readonly assignmentIntervalMs: number
}

/** What decisions look at besides the groups themselves. */
export interface GroupSurroundings {
  readonly config: GroupConfig
  readonly topics: TopicsView
  readonly regexes: TopicRegexes
}

/** One decision in progress: what it is about, and what it gives back. */
export interface GroupStep extends GroupSurroundings {
  readonly group: ConsumerGroup
  readonly now: Instant
  readonly effects: GroupEffects
}

/**
 * What a decision asks the broker to do, in this order: append the records (all or none), apply them, wait until they
 * are durable, send the replies. When the records cannot be appended, the replies become errors.
 */
export interface GroupEffects {
  readonly records: GroupRecord[]
  readonly replies: GroupReply[]
  /** Set when the records bring the group over to the other protocol: `converted` has to be called once they are applied. */
  conversion: Conversion | undefined
}

/** How a group has changed its protocol. */
export type Conversion =
  | { readonly kind: 'upgraded' }
  | {
      readonly kind: 'downgraded'
      /** All that each member supports; the record holds only what was chosen. */
      readonly protocols: ReadonlyMap<string, readonly JoinProtocol[]>
      readonly rebalance: boolean
    }

export type GroupReply =
  | { readonly kind: 'join'; readonly waiter: Waiter; readonly result: JoinResult }
  | { readonly kind: 'sync'; readonly waiter: Waiter; readonly result: SyncResult }

export interface JoinRequest {
  readonly groupId: string
  readonly sessionTimeoutMs: number
  /** -1 in version 0: the session timeout then. */
  readonly rebalanceTimeoutMs: number
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly protocolType: string
  readonly protocols: readonly JoinProtocol[]
  readonly clientId: string
  readonly clientHost: string
  /** What a new member is to be called, unique. */
  readonly newMemberId: string
  /** From version 4: a new dynamic member is given its id first and joins with it (KIP-394). */
  readonly requiresKnownMemberId: boolean
  /** From version 9: a restarted static leader is told to skip the assignment (KIP-814). */
  readonly canSkipAssignment: boolean
}

export interface JoinResult {
  readonly errorCode: number
  readonly generationId: number
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly leader: string
  readonly skipAssignment: boolean
  readonly memberId: string
  readonly members: readonly {
    readonly memberId: string
    readonly groupInstanceId: string | null
    readonly metadata: Buffer
  }[]
}

export interface SyncRequest {
  readonly groupId: string
  readonly generationId: number
  readonly memberId: string
  readonly groupInstanceId: string | null
  /** From version 5; null is not checked. */
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly assignments: readonly { readonly memberId: string; readonly assignment: Buffer }[]
}

export interface SyncResult {
  readonly errorCode: number
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly assignment: Buffer
}

/** Says who a request is from. */
export interface MemberIdentity {
  readonly memberId: string
  readonly groupInstanceId: string | null
}

export function noEffects(): GroupEffects {
  return { records: [], replies: [], conversion: undefined }
}

export function joinError(errorCode: number, memberId: string): JoinResult {
  return {
    errorCode,
    generationId: -1,
    protocolType: null,
    protocolName: null,
    leader: '',
    skipAssignment: false,
    memberId,
    members: [],
  }
}

export function syncError(errorCode: number): SyncResult {
  return { errorCode, protocolType: null, protocolName: null, assignment: NO_BYTES }
}

/** Whether the request comes from a member as the group knows it. */
export function identityError(
  group: ConsumerGroup,
  { memberId, groupInstanceId }: MemberIdentity,
): ErrorCode {
  if (groupInstanceId !== null) {
    const current = group.staticMembers.get(groupInstanceId)
    if (current === undefined) return ErrorCode.UNKNOWN_MEMBER_ID
    if (current !== memberId) return ErrorCode.FENCED_INSTANCE_ID
  }
  return group.members.has(memberId) ? ErrorCode.NONE : ErrorCode.UNKNOWN_MEMBER_ID
}
