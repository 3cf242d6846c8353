/**
 * Which topics of the source are copied: those that fit, but not what a mirror keeps for itself, and none that has come
 * through the target already: mirrors tell each other with what they remember which clusters a topic has come through.
 */
import type { TopicMetadata } from '../log/client/cluster-metadata.ts'
import type { LogClient } from '../log/client/log-client.ts'
import { ErrorCode } from '../log/protocol/error-code.ts'
import { isStateTopic, readState } from './mirror-state.ts'
import type { MirrorSetting } from './start-mirror.ts'

export interface SelectedTopic {
  readonly topic: TopicMetadata
  /** Ids of the clusters that its records have come through, the source last. */
  readonly origins: readonly string[]
}

export async function selectTopics(options: {
  readonly source: LogClient
  readonly setting: MirrorSetting
  readonly skipped: (topic: string, why: string) => void
  /** Hears the names that fit, before those are left out that cannot be copied. */
  readonly fitting: (names: readonly string[]) => void
}): Promise<readonly SelectedTopic[]> {
  const { source, setting, skipped, fitting } = options
  const { topics } = await source.metadata()
  const all = [...topics.values()].filter(({ errorCode }) => errorCode === ErrorCode.NONE)
  const wanted = all.filter(
    ({ name, internal }) =>
      !internal && !isStateTopic(name) && setting.topics(name) && !setting.exclude(name),
  )
  fitting(wanted.map(({ name }) => name))
  const origins = new Map<string, readonly string[]>()
  for (const { name } of all) {
    if (!isStateTopic(name)) continue
    const state = await readState(source, name)
    for (const [topic, cameThrough] of state.origins)
      origins.set(topic, [...(origins.get(topic) ?? []), ...cameThrough])
  }
  const selected: SelectedTopic[] = []
  for (const topic of wanted) {
    const before = origins.get(topic.name) ?? []
    if (before.includes(setting.targetClusterId)) {
      skipped(topic.name, 'it comes from the target: to copy it back would be a loop')
      continue
    }
    if (topic.partitions.some(({ leader }) => leader < 0)) continue
    selected.push({ topic, origins: [...new Set([...before, setting.sourceClusterId])] })
  }
  return selected
}
