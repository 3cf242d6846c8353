/**
 * Carries the offsets that consumer groups have committed at the source over to the target, so that a consumer that moves
 * there goes on where it was. Never further than what is copied, and never over what a group has committed at the target
 * itself: a group that has members there, or is ahead, is left alone.
 */
import type { Report } from '../base/report.ts'
import { messageOf } from '../base/millrace-error.ts'
import { type GroupOffset, listGroups, offsetCommit, offsetFetch } from '../log/client/group-admin.ts'
import { KafkaError } from '../log/client/kafka-error.ts'
import type { LogClient } from '../log/client/log-client.ts'
import { ErrorCode } from '../log/protocol/error-code.ts'
import type { PartitionCopy } from './partition-copy.ts'

export interface CarryOptions {
  readonly source: LogClient
  readonly target: LogClient
  readonly matches: (groupId: string) => boolean
  /** By `topic/partition` of the source. */
  readonly copies: ReadonlyMap<string, PartitionCopy>
  /** What was carried over before, by `group/topic/partition` of the target. */
  readonly written: Map<string, number>
  readonly report: Report
}

export async function carryGroups(options: CarryOptions): Promise<void> {
  const groups = (await listGroups(options.source)).filter(({ groupId }) => options.matches(groupId))
  for (const { groupId } of groups) await carryGroup(groupId, options)
}

async function carryGroup(groupId: string, options: CarryOptions): Promise<void> {
  const { source, target, written, report } = options
  const wanted: GroupOffset[] = []
  for (const { topic, partition, offset, metadata } of await offsetFetch(source, groupId)) {
    const copy = options.copies.get(`${topic}/${partition}`)
    // What is not copied yet is read when it has come.
    const translated = copy?.translate(Math.min(offset, copy.position))
    if (copy === undefined || translated === undefined) continue
    wanted.push({ topic: copy.place.target, partition, offset: translated, metadata })
  }
  if (wanted.length === 0) return
  const there = new Map(
    (await offsetFetch(target, groupId)).map((one) => [`${one.topic}/${one.partition}`, one.offset]),
  )
  const changed = wanted.filter(({ topic, partition, offset }) => {
    const now = there.get(`${topic}/${partition}`)
    const ours = now === undefined || now === written.get(`${groupId}/${topic}/${partition}`)
    return ours ? now !== offset : now < offset
  })
  if (changed.length === 0) return
  try {
    await offsetCommit(target, groupId, changed)
  } catch (error) {
    if (!(error instanceof KafkaError) || error.errorCode !== ErrorCode.UNKNOWN_MEMBER_ID) throw error
    report('info', 'mirror: the group has members at the target and keeps its offsets', {
      group: groupId,
      reason: messageOf(error),
    })
    return
  }
  for (const { topic, partition, offset } of changed) written.set(`${groupId}/${topic}/${partition}`, offset)
}
