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
 *
 * Whoever may read as any group may invent members. When there are as many sessions as there may be, the connection with
 * most gives up its oldest for one that has at least two fewer: nobody can keep all others out.
 */
export class ShareSessions {
  readonly #most: number
  readonly #onEnd: (session: ShareSession) => void
  readonly #sessions = new Map<string, OpenSession>()
  /** The sessions of each connection that has any, oldest first. */
  readonly #ofConnection = new Map<ClientConnection, Set<OpenSession>>()

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

  /** False once the session has ended, or its member has another. */
  isOpen(session: ShareSession): boolean {
    return this.#sessions.get(sessionKey(session)) === session
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
    if (this.#sessions.size >= this.#most && !this.#makeRoom(connection))
      return { kind: 'refused', error: ErrorCode.SHARE_SESSION_LIMIT_REACHED }
    const session: OpenSession = {
      groupId,
      memberId,
      partitions: new Map(added.map((partition) => [partitionKey(partition), partition])),
      nextEpoch: 1,
      connection,
      stopWatching: connection.onClose(() => this.end(session)),
    }
    this.#sessions.set(sessionKey(session), session)
    const siblings = this.#ofConnection.get(connection) ?? new Set()
    this.#ofConnection.set(connection, siblings.add(session))
    return { kind: 'session', session }
  }

  /** Whether a session of somebody who has more of them was ended for one of this connection. */
  #makeRoom(connection: ClientConnection): boolean {
    let most: ReadonlySet<OpenSession> = new Set()
    for (const sessions of this.#ofConnection.values()) if (sessions.size > most.size) most = sessions
    // With one fewer they would take the same session from each other again and again.
    const own = this.#ofConnection.get(connection)?.size ?? 0
    if (most.size < own + 2) return false
    for (const oldest of most) {
      this.end(oldest)
      break
    }
    return true
  }

  #forget(key: string): OpenSession | undefined {
    const session = this.#sessions.get(key)
    if (session === undefined) return undefined
    this.#sessions.delete(key)
    const siblings = this.#ofConnection.get(session.connection)
    siblings?.delete(session)
    if (siblings?.size === 0) this.#ofConnection.delete(session.connection)
    session.stopWatching()
    return session
  }
}

interface OpenSession extends ShareSession {
  nextEpoch: number
  readonly connection: ClientConnection
  readonly stopWatching: () => void
}

export function partitionKey({ topicId, partition }: SharedPartition): string {
  return `${topicId}:${partition}`
}

function sessionKey({ groupId, memberId }: { readonly groupId: string; readonly memberId: string }): string {
  return `${memberId.length}:${memberId}:${groupId}`
}
