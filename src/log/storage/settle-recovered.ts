import { messageOf } from '../../base/millrace-error.ts'
import type { Report } from '../../base/report.ts'
import type { BackgroundFlush } from './background-flush.ts'
import { inGroups } from './in-groups.ts'
import type { PartitionLog } from './partition-log.ts'
import type { Topic } from './topic.ts'

/**
 * Brings to the device what recovery found, after a crash. Coordinators take what they find in their topics as promised,
 * and nothing may follow a cut that the device does not know of: those partitions are waited for. The others are synced
 * in the background; until then those who read committed see only what a checkpoint says is on the device.
 */
export async function settleRecovered(options: {
  readonly topics: Iterable<Topic>
  readonly flush: BackgroundFlush
  readonly report: Report
}): Promise<void> {
  const urgent: { readonly log: PartitionLog; readonly wasCut: boolean }[] = []
  for (const { internal, partitions } of options.topics) {
    for (const log of partitions) {
      const wasCut = log.afterCrash()
      if (wasCut || internal) urgent.push({ log, wasCut })
      else options.flush.dirty(log, 0)
    }
  }
  await inGroups(urgent, async ({ log, wasCut }) => {
    try {
      await (wasCut ? log.settle() : log.sync())
    } catch (error) {
      const { topic, partition } = log
      const reason = messageOf(error)
      options.report('error', 'recovered partition could not be synced', { topic, partition, reason })
    }
  })
}
