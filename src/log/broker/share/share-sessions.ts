import { ErrorCode } from '../../protocol/error-code.ts'
import type { ClientConnection } from '../services.ts'

/** A partition by its topic's id. */
export interface SharedPartition {
  readonly topicId: string
  readonly partition: number
}

export interface ShareSession {
  readonly groupId: string
  readonly memberId: string
  /** What it fetches, by `partitionKey`, in the order in which it is served. */
  readonly partitions: Map<string, SharedPartition>
}

type Opened =
  | { readonly kind: 'session'; readonly session: ShareSession }
  /** It ends with this request. */
  | { readonly kind: 'final'; readonly session: ShareSession }
  | { readonly kind: 'refused'; readonly error: ErrorCode }

interface SessionRequest {
  readonly groupId: string
  readonly memberId: string
  readonly shareSessionEpoch: number
}

const INITIAL_EPOCH = 0
const FINAL_EPOCH = -1
const MAX_EPOCH = 2_147_483_647

/**
 * Share sessions (KIP-932): the broker remembers which partitions a member fetches. A member has one session, which
 * ends with its last request or with its connection; `onEnd` is told then, for what the member has acquired.
 */
export class ShareSessions {
  readonly #most: number
  readonly #onEnd: (session: ShareSession) => void
  readonly #sessions = new Map<string, OpenSession>()

  constructor(options: { readonly most: number; readonly onEnd: (session: ShareSession) => void }) {
    this.#most = options.most
    this.#onEnd = options.onEnd
  }

  /** For a fetch; `added` and `forgotten` change what the session fetches. */
  begin(
    request: SessionRequest & {
      readonly added: readonly SharedPartition[]
      readonly forgotten: readonly SharedPartition[]
      readonly acknowledges: boolean
    },
    connection: ClientConnection,
  ): Opened {
    if (request.shareSessionEpoch === INITIAL_EPOCH) {
      if (request.acknowledges) return { kind: 'refused', error: ErrorCode.INVALID_REQUEST }
      this.#forget(sessionKey(request))
      return this.#open(request, connection)
    }
    const opened = this.acknowledge(request)
    if (opened.kind !== 'session') return opened
    for (const partition of request.added) {
      const key = partitionKey(partition)
      if (!opened.session.partitions.has(key)) opened.session.partitions.set(key, partition)
    }
    for (const partition of request.forgotten) opened.session.partitions.delete(partitionKey(partition))
    return opened
  }

  /** For an acknowledgement: a session that is there, in the right epoch. */
  acknowledge(request: SessionRequest): Opened {
    const { shareSessionEpoch } = request
    if (shareSessionEpoch === INITIAL_EPOCH)
      return { kind: 'refused', error: ErrorCode.INVALID_SHARE_SESSION_EPOCH }
    const session = this.#sessions.get(sessionKey(request))
    if (session === undefined) return { kind: 'refused', error: ErrorCode.SHARE_SESSION_NOT_FOUND }
    if (shareSessionEpoch === FINAL_EPOCH) return { kind: 'final', session }
    if (shareSessionEpoch !== session.nextEpoch)
      return { kind: 'refused', error: ErrorCode.INVALID_SHARE_SESSION_EPOCH }
    session.nextEpoch = session.nextEpoch === MAX_EPOCH ? 1 : session.nextEpoch + 1
    return { kind: 'session', session }
  }

  /** The member needs no session any more, if it has one. */
  end(member: { readonly groupId: string; readonly memberId: string }): void {
    const session = this.#forget(sessionKey(member))
    if (session !== undefined) this.#onEnd(session)
  }

  #open(
    { groupId, memberId, added }: SessionRequest & { readonly added: readonly SharedPartition[] },
    connection: ClientConnection,
  ): Opened {
    if (this.#sessions.size >= this.#most)
      return { kind: 'refused', error: ErrorCode.SHARE_SESSION_LIMIT_REACHED }
    const session: OpenSession = {
      groupId,
      memberId,
      partitions: new Map(added.map((partition) => [partitionKey(partition), partition])),
      nextEpoch: 1,
      stopWatching: connection.onClose(() => this.end(session)),
    }
    this.#sessions.set(sessionKey(session), session)
    return { kind: 'session', session }
  }

  #forget(key: string): OpenSession | undefined {
    const session = this.#sessions.get(key)
    this.#sessions.delete(key)
    session?.stopWatching()
    return session
  }
}

interface OpenSession extends ShareSession {
  nextEpoch: number
  readonly stopWatching: () => void
}

export function partitionKey({ topicId, partition }: SharedPartition): string {
  return `${topicId}:${partition}`
}

function sessionKey({ groupId, memberId }: { readonly groupId: string; readonly memberId: string }): string {
  return `${memberId.length}:${memberId}:${groupId}`
}
