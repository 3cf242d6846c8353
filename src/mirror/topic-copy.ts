/** Makes the topics at the target as they are at the source, as far as the target can have them so. */
import { createPartitions, createTopics } from '../log/client/admin.ts'
import type { TopicMetadata } from '../log/client/cluster-metadata.ts'
import { describeConfigs } from '../log/client/config-admin.ts'
import { KafkaError } from '../log/client/kafka-error.ts'
import type { LogClient } from '../log/client/log-client.ts'
import { ErrorCode } from '../log/protocol/error-code.ts'
import type { Report } from '../base/report.ts'

/** Settings that are about the source's brokers and replicas, not about the records. */
const NOT_COPIED =
  /^(?:leader|follower)\.replication\.throttled\.replicas$|^min\.insync\.replicas$|^unclean\.leader\.election\.enable$|^remote\.|^local\.retention\.|^confluent\./

export interface TopicCopy {
  readonly source: LogClient
  readonly target: LogClient
  readonly topic: TopicMetadata
  /** Its name at the target. */
  readonly name: string
  readonly report: Report
}

/** The topic at the target, with at least as many partitions as at the source. */
export async function ensureTopicCopy(copy: TopicCopy): Promise<TopicMetadata> {
  const { target, topic, name, report } = copy
  const found = (await target.metadata([name])).topics.get(name)
  const partitions = topic.partitions.length
  if (found === undefined || found.errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) {
    await create(copy, await settingsOf(copy))
  } else if (found.errorCode === ErrorCode.NONE && found.partitions.length < partitions) {
    await createPartitions(target, name, partitions)
    report('info', 'mirror: partitions added', { topic: name, partitions })
  }
  return target.retry(async () => {
    const there = await target.topic(name)
    if (there.partitions.length >= partitions) return there
    throw new KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, { doing: 'adding partitions', topic: name })
  })
}

async function settingsOf({ source, topic }: TopicCopy): Promise<Record<string, string>> {
  const [found = []] = await describeConfigs(source, [{ type: 'topic', name: topic.name }])
  const settings: Record<string, string> = {}
  for (const one of found) {
    if (one.source !== 'topic' || one.value === null || NOT_COPIED.test(one.name)) continue
    settings[one.name] = one.value
  }
  // Records keep the times that they have at the source, which with LogAppendTime the target would overwrite.
  delete settings['message.timestamp.type']
  return settings
}

async function create(copy: TopicCopy, settings: Record<string, string>): Promise<void> {
  const { target, topic, name, report } = copy
  const partitions = topic.partitions.length
  const make = (config: Record<string, string>, validateOnly = false): Promise<void> =>
    createTopics(target, [{ name, partitions, config }], { ifNotExists: true, validateOnly })
  try {
    await make(settings)
  } catch (error) {
    if (!isRefusedSetting(error)) throw error
    // The target may be of another version, or not have everything: leave out what it does not take.
    const taken: Record<string, string> = {}
    for (const [key, value] of Object.entries(settings)) {
      try {
        await make({ [key]: value }, true)
        taken[key] = value
      } catch (refused) {
        if (!isRefusedSetting(refused)) throw refused
        report('warn', 'mirror: a setting is not copied', {
          topic: name,
          setting: key,
          value,
          reason: refused.message,
        })
      }
    }
    await make(taken)
  }
  report('info', 'mirror: topic created', { topic: name, partitions })
}

function isRefusedSetting(error: unknown): error is KafkaError {
  return error instanceof KafkaError && error.errorCode === ErrorCode.INVALID_CONFIG
}
