import type { TopicsView } from '../consumer/topics-view.ts'
import { taskId, type TaskId } from './tasks.ts'
import { configureTopology, type ConfiguredTopology, type Topology } from './topology.ts'

interface TaskOffset {
  readonly subtopologyId: string
  readonly partition: number
  readonly offset: number
}

const NO_OFFSETS: ReadonlyMap<TaskId, number> = new Map()

/** What a streams group knows only until the broker ends. */
export class StreamsVolatile {
  /** The member that asked for the end of the whole application, while anybody is in the group. */
  shutdownRequestedBy: string | undefined
  /** Another number whenever an endpoint or what it has changes. */
  endpointEpoch = 0
  /** Member → tasks whose state it has, as it told last → the sum of changelog offsets. */
  readonly #taskOffsets = new Map<string, ReadonlyMap<TaskId, number>>()
  /** Monotonic; until when a group that was empty waits for more members before anybody is assigned anything. */
  delayUntilMs: number | undefined
  #configured:
    { readonly topology: Topology; readonly version: number; readonly result: ConfiguredTopology } | undefined

  configured(topology: Topology, topics: TopicsView): ConfiguredTopology {
    const known = this.#configured
    if (known?.topology === topology && known.version === topics.version) return known.result
    const result = configureTopology(topology, topics)
    this.#configured = { topology, version: topics.version, result }
    return result
  }

  offsetsOf(memberId: string): ReadonlyMap<TaskId, number> {
    return this.#taskOffsets.get(memberId) ?? NO_OFFSETS
  }

  /** Keeps what a member tells of tasks that there are; others are nobody's, and would only take room. */
  noteOffsets(memberId: string, told: readonly TaskOffset[], { subtopologies }: ConfiguredTopology): void {
    const offsets = new Map<TaskId, number>()
    for (const { subtopologyId, partition, offset } of told) {
      const count = subtopologies?.get(subtopologyId)?.taskCount ?? 0
      if (partition >= 0 && partition < count) offsets.set(taskId(subtopologyId, partition), offset)
    }
    this.#taskOffsets.set(memberId, offsets)
  }

  forget(memberId: string): void {
    this.#taskOffsets.delete(memberId)
  }

  /** Nobody is left: who comes next begins anew. */
  clear(): void {
    this.shutdownRequestedBy = undefined
    this.delayUntilMs = undefined
    this.#taskOffsets.clear()
  }
}
