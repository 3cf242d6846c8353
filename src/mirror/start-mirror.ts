/**
 * Copies topics from one cluster to another, exactly once, and goes on doing so whatever happens to either of them.
 *
 * The source is a log, so nothing has to be held while the target is away: the mirror waits, says how far it is behind and
 * when the source is about to delete what was not copied, and goes on. What was copied is remembered at the target, so a
 * mirror that is started elsewhere, or after a crash, goes on there too.
 *
 *   const mirror = await startMirror({ from: 'edge:9092', to: 'central:9092', topics: ['orders', 'sensors.*'] })
 *   mirror.status().lag
 *   await mirror.stop()
 */
import { messageOf, MillraceError } from '../base/millrace-error.ts'
import { type Report, reportNothing } from '../base/report.ts'
import { backoffMs } from '../log/client/backoff.ts'
import { connectClient, type LogClient } from '../log/client/client.ts'
import { nodeWorld } from '../world/node.ts'
import { sleep, type World } from '../world/world.ts'
import { awayTooLong, isFinal } from './mirror-errors.ts'
import {
  clusterOf,
  type Mirror,
  type MirrorCluster,
  type MirrorOptions,
  type MirrorStatus,
} from './mirror-options.ts'
import { MirrorSession } from './mirror-session.ts'
import { isFenced } from './mirror-transactions.ts'
import { matcher } from './name-patterns.ts'
import { PartitionProgress, type PartitionPlace } from './partition-copy.ts'
import { watchSource } from './source-watch.ts'

/** What a session is told, and tells. */
export interface MirrorSetting {
  readonly name: string
  /** Drawn by each start. */
  readonly instance: string
  readonly sourceClusterId: string
  readonly targetClusterId: string
  readonly patterns: readonly string[]
  /** Those of the patterns that no topic fits, which was told of. */
  readonly unfitting: Set<string>
  readonly topics: (name: string) => boolean
  readonly exclude: (name: string) => boolean
  readonly groups: ((name: string) => boolean) | undefined
  /** Offsets of groups that were carried over, see `carryGroups`. */
  readonly groupOffsets: Map<string, number>
  readonly prefix: string
  readonly offsets: 'auto' | 'identical' | 'translated'
  readonly once: boolean
  readonly onLost: 'stop' | 'skip'
  readonly commitIntervalMs: number
  readonly refreshIntervalMs: number
  readonly report: Report
  progressOf(place: PartitionPlace): PartitionProgress
  /** Everything is open, and copying begins. */
  copying(): void
  /** This start owns the mirror's ids. */
  owned(): void
  wasOwner(): boolean
}

const GIVE_UP_AFTER_MS = 60_000
/** How often it is said again that the mirror waits for the same reason. */
const SAY_AGAIN_MS = 60_000
const RETRY_MS_MAX = 30_000
const REFRESH_MS = 30_000
const COMMIT_MS = 500
const REQUEST_TIMEOUT_MS = 30_000

/**
 * Resolves at once; the clusters need not be there yet. Throws `MR_MIRROR_OPTIONS` and `MR_BAD_ADDRESS`. Everything else
 * is told by `status` and `ended`: `MR_MIRROR_LOST`, `MR_MIRROR_DIVERGED`, `MR_MIRROR_SOURCE_REMADE`, `MR_MIRROR_OFFSETS`,
 * `MR_MIRROR_TAKEN_OVER`, with `once` `MR_MIRROR_NO_TOPIC` and `MR_MIRROR_AWAY`, and what refuses this client, end it; what may pass does not.
 */
export function startMirror(options: MirrorOptions): Promise<Mirror> {
  // So that what is wrong with the options rejects.
  return Promise.resolve(options).then((given) => new RunningMirror(given))
}

class RunningMirror implements Mirror {
  readonly ended: Promise<void>
  readonly #options: MirrorOptions
  readonly #world: World
  readonly #report: Report
  readonly #matchers: Pick<MirrorSetting, 'topics' | 'exclude' | 'groups'>
  readonly #partitions = new Map<string, PartitionProgress>()
  readonly #groupOffsets = new Map<string, number>()
  readonly #instance: string
  readonly #stop = Promise.withResolvers<void>()
  readonly #aborted = new AbortController()
  readonly #clients: { source?: LogClient; target?: LogClient } = {}
  #name: string
  #state: MirrorStatus['state'] = 'starting'
  #problem: string | undefined
  #owner = false
  /** The side that no connection could be made to yet. */
  #unreached: 'source' | 'target' | undefined
  /** In a row: how long to wait depends on it. */
  #failures = 0
  readonly #interruptions: { count: number; last?: MirrorStatus['lastFailure'] } = { count: 0 }
  /** When what now keeps it from copying began, and was last told of. */
  #waiting: { readonly sinceMs: number; saidMs: number; said: string } | undefined
  readonly #unfitting = new Set<string>()

  constructor(options: MirrorOptions) {
    if (options.topics.length === 0)
      throw badOptions('no topics are named', 'Give at least one pattern; * is all.')
    this.#options = options
    this.#world = options.world ?? nodeWorld()
    this.#report = options.report ?? reportNothing
    this.#name = options.name ?? ''
    this.#instance = Buffer.from(this.#world.random.bytes(12)).toString('base64url')
    this.#matchers = {
      topics: matcher(options.topics),
      exclude: matcher(options.exclude ?? []),
      groups: options.groups === undefined ? undefined : matcher(options.groups),
    }
    if (this.#name !== '' && !/^[\w.-]{1,200}$/.test(this.#name))
      throw badOptions(
        `the name ${this.#name} cannot be used`,
        'Take letters, digits, dots, underscores and hyphens.',
      )
    this.ended = this.#run()
    this.ended.catch(() => undefined)
  }

  get name(): string {
    return this.#name
  }

  status(): MirrorStatus {
    const partitions = [...this.#partitions.values()].map((one) => one.status())
    const sum = (of: (one: PartitionProgress) => number): number =>
      [...this.#partitions.values()].reduce((total, one) => total + of(one), 0)
    return {
      name: this.#name,
      state: this.#state,
      ...(this.#problem !== undefined && { problem: this.#problem }),
      failures: this.#interruptions.count,
      ...(this.#interruptions.last && { lastFailure: this.#interruptions.last }),
      records: sum(({ records }) => records),
      bytes: sum(({ bytes }) => bytes),
      lag: sum(({ lag }) => lag),
      partitions,
    }
  }

  async stop(): Promise<void> {
    this.#stop.resolve()
    this.#aborted.abort()
    await this.ended.catch(() => undefined)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #run(): Promise<void> {
    const watching = watchSource({
      clock: this.#world.clock,
      client: () => this.#clients.source,
      partitions: this.#partitions,
      signal: this.#aborted.signal,
      report: this.#report,
    })
    try {
      while (!this.#aborted.signal.aborted && !(await this.#session()));
      this.#state = 'ended'
    } catch (error) {
      this.#state = 'failed'
      this.#interrupted(messageOf(error))
      throw error
    } finally {
      this.#aborted.abort()
      await watching
      await Promise.all([this.#clients.source?.close(), this.#clients.target?.close()])
    }
  }

  /** One session; true when nothing is left to do. Waits after a failure that may pass, and throws any other. */
  async #session(): Promise<boolean> {
    try {
      const source = (this.#clients.source ??= await this.#connect(clusterOf(this.#options.from), 'source'))
      const target = (this.#clients.target ??= await this.#connect(clusterOf(this.#options.to), 'target'))
      const setting = await this.#settingFor({ source, target })
      await new MirrorSession(setting, { source, target }).run(this.#stop.promise)
      return true
    } catch (error) {
      if (this.#aborted.signal.aborted) return true
      // Fenced: by another instance, which the next session finds out, or by a transaction that timed out.
      if (isFinal(error) && !isFenced(error)) throw error
      await this.#waitAfter(error)
      return false
    }
  }

  #connect({ bootstrap, security }: MirrorCluster, side: 'source' | 'target'): Promise<LogClient> {
    this.#unreached = side
    return connectClient({
      world: this.#world,
      bootstrap,
      clientId: `millrace-mirror-${side}`,
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
      ...(security !== undefined && { security }),
    }).then((client) => {
      this.#unreached = undefined
      return client
    })
  }

  async #settingFor({ source, target }: { source: LogClient; target: LogClient }): Promise<MirrorSetting> {
    const [from, to] = await Promise.all([source.metadata([]), target.metadata([])])
    const { prefix = '', offsets = 'auto', once = false, onLost = 'stop' } = this.#options
    const sourceClusterId = from.clusterId ?? 'unknown'
    const targetClusterId = to.clusterId ?? 'unknown'
    if (sourceClusterId === targetClusterId && prefix === '')
      throw badOptions(
        'source and target are the same cluster',
        'Give a prefix to copy topics within a cluster.',
      )
    if (this.#name === '') this.#name = sourceClusterId
    return {
      ...this.#matchers,
      patterns: this.#options.topics,
      unfitting: this.#unfitting,
      name: this.#name,
      instance: this.#instance,
      sourceClusterId,
      targetClusterId,
      groupOffsets: this.#groupOffsets,
      prefix,
      offsets,
      once,
      onLost,
      commitIntervalMs: this.#options.commitIntervalMs ?? COMMIT_MS,
      refreshIntervalMs: this.#options.refreshIntervalMs ?? REFRESH_MS,
      report: this.#report,
      progressOf: (place) => {
        const key = `${place.topic}/${place.partition}`
        const known = this.#partitions.get(key) ?? new PartitionProgress(place)
        this.#partitions.set(key, known)
        return known
      },
      copying: () => {
        if (this.#problem !== undefined) this.#report('info', 'mirror: copying again', { name: this.#name })
        this.#state = 'copying'
        this.#problem = undefined
        this.#failures = 0
        this.#waiting = undefined
      },
      owned: () => (this.#owner = true),
      wasOwner: () => this.#owner,
    }
  }

  #interrupted(reason: string): void {
    this.#problem = reason
    this.#interruptions.count++
    this.#interruptions.last = { timeMs: this.#world.clock.nowMs(), reason }
  }

  async #waitAfter(error: unknown): Promise<void> {
    this.#state = 'waiting'
    const reason = `${this.#unreached === undefined ? '' : `the ${this.#unreached} is away: `}${messageOf(error)}`
    this.#interrupted(reason)
    const { once = false, giveUpAfterMs = GIVE_UP_AFTER_MS } = this.#options
    const nowMs = this.#world.clock.monotonicMs()
    const waiting = (this.#waiting ??= { sinceMs: nowMs, saidMs: -Infinity, said: '' })
    const leftMs = once ? waiting.sinceMs + giveUpAfterMs - nowMs : Infinity
    if (leftMs <= 0) throw awayTooLong(reason, Math.round(giveUpAfterMs / 1000))
    const pauseMs = Math.min(
      leftMs,
      RETRY_MS_MAX,
      backoffMs(this.#world.random, this.#failures) * 2 ** Math.max(0, this.#failures - 5),
    )
    this.#failures++
    this.#tellWaiting(waiting, reason, nowMs)
    await sleep(this.#world.clock, pauseMs, this.#aborted.signal)
  }

  /** Once for each reason, and again after a while. */
  #tellWaiting(waiting: { saidMs: number; said: string }, reason: string, nowMs: number): void {
    if (waiting.said === reason && nowMs < waiting.saidMs + SAY_AGAIN_MS) return
    waiting.said = reason
    waiting.saidMs = nowMs
    this.#report('warn', 'mirror: waiting', {
      ...(this.#name !== '' && { name: this.#name }),
      reason,
      // Before the first look at the source nobody knows.
      ...(this.#partitions.size > 0 && { lag: this.status().lag }),
    })
  }
}

function badOptions(message: string, fix: string): MillraceError {
  return new MillraceError({ code: 'MR_MIRROR_OPTIONS', message: `${message}.`, fix })
}
