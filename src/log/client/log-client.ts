/** What the parts of the client (admin, fetcher, producer, transactions) need of a connected client. */
import type { World } from '../../world/world.ts'
import type { AnyApi, Api } from '../protocol/api-schema.ts'
import type { ClusterMetadata, TopicMetadata } from './cluster-metadata.ts'

/** A node id, any broker, the controller, or whoever coordinates a group or a transactional id. */
export type Destination =
  number | 'any' | 'controller' | { readonly group: string } | { readonly transactionalId: string }

export interface RequestOptions {
  /** Default `any`. */
  readonly node?: Destination
  /** Upper bound of the version; default: the highest that both sides speak. */
  readonly maxVersion?: number
  /** Default: the client's. */
  readonly timeoutMs?: number
  /** Requests of different channels do not wait for each other's answers; default `main`. */
  readonly channel?: string
}

export interface LogClient {
  readonly world: Pick<World, 'clock' | 'network' | 'random'>
  readonly clientId: string
  readonly requestTimeoutMs: number
  /**
   * Asks the cluster and remembers the answer. `topics` undefined asks for all, an empty list for brokers alone. Topics
   * that do not exist come back with their error code. `autoCreate` lets the broker create them, if it is set up to.
   */
  metadata(topics?: readonly string[], options?: { readonly autoCreate?: boolean }): Promise<ClusterMetadata>
  /** The topic as last seen; undefined when it was never asked for or did not exist. */
  knownTopic(name: string): TopicMetadata | undefined
  /** Asks until the topic exists and every partition has a leader. Throws `MR_TOPIC_NOT_FOUND` after the timeout. */
  topic(
    name: string,
    options?: { readonly autoCreate?: boolean; readonly timeoutMs?: number },
  ): Promise<TopicMetadata>
  /** One attempt at one request; error codes in the answer are the caller's. */
  request<Req, Res, ReqInput, ResInput>(
    api: Api<Req, Res, ReqInput, ResInput>,
    body: ReqInput,
    options?: RequestOptions,
  ): Promise<Res>
  /** Connects if need be and says which version of the API `request` would use. */
  versionOf(api: AnyApi, options?: RequestOptions): Promise<number>
  /** A finalized feature's level, such as `transaction.version`; 0 when the cluster does not have it. */
  feature(name: string): Promise<number>
  /** Repeats `attempt` while it fails in a way that may pass, with growing pauses, at most `timeoutMs`. */
  retry<T>(attempt: () => Promise<T>, options?: { readonly timeoutMs?: number }): Promise<T>
  /** Forgets who coordinates: call it on NOT_COORDINATOR. */
  forgetCoordinator(destination: Destination): void
  /** Ends the connections of one channel. */
  closeChannel(channel: string): void
  close(): Promise<void>
}
