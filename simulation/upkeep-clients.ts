/** Clients of the log's upkeep: keys that are compacted, records that are deleted or expire, topics that come and go. */
import { MillraceError } from '../src/base/millrace-error.ts'
import { createTopics, deleteTopics } from '../src/log/client/admin.ts'
import { throwIfError } from '../src/log/client/kafka-error.ts'
import type { LogClient } from '../src/log/client/log-client.ts'
import { createProducer } from '../src/log/client/producer.ts'
import { deleteRecordsApi } from '../src/log/protocol/apis/delete-records.ts'
import type { SeededRandom } from '../src/world/simulated/seeded-random.ts'
import { sleep } from '../src/world/world.ts'
import { persist, type ClientProgram, type ClientSetting } from './clients.ts'
import { placeOf } from './history.ts'

export const KEYS = ['a', 'b', 'c', 'd', 'e'] as const

/** What the clients of the upkeep were told. */
export class UpkeepHistory {
  /** Of the compacted topic, by place: what was acknowledged. A null value is a tombstone. */
  readonly keyed = new Map<string, KeyedRecord[]>()
  /** Every value that was ever sent to the compacted topic, with its key. */
  readonly sentKeyed = new Map<string, string>()
  /** By place: the start of the log that was acknowledged, and the furthest that was asked for. */
  readonly trimmed = new Map<string, { acknowledged: number; asked: number }>()
  /** Values of topics whose records may be deleted, by place, with their offsets. */
  readonly placed = new Map<string, Map<number, string>>()
  readonly fleeting: FleetingTopic = { phase: 'unknown', incarnation: 0, acknowledged: new Map() }
}

export interface KeyedRecord {
  readonly key: string
  readonly value: string | null
  readonly offset: number
}

/** The topic that is made and deleted again and again, as its one client knows it. */
export interface FleetingTopic {
  phase: 'unknown' | 'creating' | 'present' | 'deleting' | 'absent'
  incarnation: number
  /** Values of this incarnation and their offsets. */
  acknowledged: Map<string, number>
}

/** Writes keys over and over, and deletes some. */
export function keyedProducer(upkeep: UpkeepHistory): ClientProgram {
  let number = 0
  return (setting) =>
    persist(setting, async (client) => {
      const { name, random, partitions, world, stopping } = setting
      const producer = await createProducer(client, {
        lingerMs: random.pick([0, 5]),
        batchSizeBytes: random.pick([200, 1_000, 4_000]),
        compression: random.pick(['none', 'gzip']),
      })
      try {
        while (!stopping()) {
          for (let count = 1 + random.below(10); count > 0; count--) {
            const key = random.pick(KEYS)
            const value = random.chance(0.1) ? null : `${name}.${number++}${padding(random)}`
            if (value !== null) upkeep.sentKeyed.set(value, key)
            producer.send(
              { topic: 'latest', partition: random.below(partitions), key, value },
              (error, place) => {
                if (error !== undefined) return
                const at = placeOf('latest', place.partition)
                if (place.offset >= 0) listIn(upkeep.keyed, at).push({ key, value, offset: place.offset })
              },
            )
          }
          await producer.flush()
          await sleep(world.clock, random.below(60))
        }
      } finally {
        await producer.close({ discard: true })
      }
    })
}

/** Writes to a topic whose oldest records go: by retention (`short`), or by whoever trims it (`trimmed`). */
export function placedProducer(upkeep: UpkeepHistory, topic: string): ClientProgram {
  let number = 0
  return (setting) =>
    persist(setting, async (client) => {
      const { name, random, partitions, world, stopping } = setting
      const producer = await createProducer(client, {
        lingerMs: 0,
        batchSizeBytes: random.pick([100, 2_000]),
      })
      try {
        while (!stopping()) {
          for (let count = 1 + random.below(6); count > 0; count--) {
            const value = `${name}.${number++}${padding(random)}`
            producer.send(
              { topic, partition: random.below(partitions), key: null, value },
              (error, place) => {
                if (error !== undefined || place.offset < 0) return
                const at = placeOf(topic, place.partition)
                let placed = upkeep.placed.get(at)
                if (placed === undefined) upkeep.placed.set(at, (placed = new Map<number, string>()))
                placed.set(place.offset, value)
              },
            )
          }
          await producer.flush()
          await sleep(world.clock, random.below(80))
        }
      } finally {
        await producer.close({ discard: true })
      }
    })
}

/** Deletes the oldest records of `trimmed` from time to time. */
export function trimmer(upkeep: UpkeepHistory): ClientProgram {
  return (setting) =>
    persist(setting, async (client) => {
      const { random, partitions, world, stopping } = setting
      while (!stopping()) {
        await sleep(world.clock, random.below(400))
        const partition = random.below(partitions)
        const at = placeOf('trimmed', partition)
        const offsets = [...(upkeep.placed.get(at)?.keys() ?? [])]
        if (offsets.length === 0) continue
        await trim(client, upkeep, { partition, offset: random.pick(offsets) })
      }
    })
}

async function trim(
  client: LogClient,
  upkeep: UpkeepHistory,
  { partition, offset }: { readonly partition: number; readonly offset: number },
): Promise<void> {
  const at = placeOf('trimmed', partition)
  const known = upkeep.trimmed.get(at) ?? { acknowledged: 0, asked: 0 }
  upkeep.trimmed.set(at, known)
  known.asked = Math.max(known.asked, offset)
  const topics = [{ name: 'trimmed', partitions: [{ partitionIndex: partition, offset }] }]
  const answer = await client.request(deleteRecordsApi, { topics, timeoutMs: 2_000 })
  const result = answer.topics[0]!.partitions[0]!
  throwIfError(result.errorCode, { doing: 'deleting records', topic: 'trimmed', partition })
  known.acknowledged = Math.max(known.acknowledged, result.lowWatermark)
}

/** Makes a topic, fills it, deletes it, and begins anew: nothing of one incarnation may be seen in another. */
export function fleetingTopic(upkeep: UpkeepHistory): ClientProgram {
  const { fleeting } = upkeep
  return (setting) =>
    persist(setting, async (client) => {
      // What became of the last request is not known: the topic is gone before anything is said about it again.
      await remove(client, fleeting)
      while (!setting.stopping()) {
        fleeting.phase = 'creating'
        fleeting.incarnation++
        fleeting.acknowledged = new Map()
        await createTopics(client, [{ name: 'fleeting', partitions: 1 }])
        fleeting.phase = 'present'
        await fill(client, setting, fleeting)
        if (setting.stopping() && setting.random.chance(0.5)) return
        await remove(client, fleeting)
        await sleep(setting.world.clock, setting.random.below(100))
      }
    })
}

async function remove(client: LogClient, fleeting: FleetingTopic): Promise<void> {
  fleeting.phase = fleeting.phase === 'present' || fleeting.phase === 'deleting' ? 'deleting' : 'unknown'
  try {
    await deleteTopics(client, ['fleeting'])
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== 'MR_TOPIC_NOT_FOUND') throw error
  }
  fleeting.phase = 'absent'
}

async function fill(client: LogClient, setting: ClientSetting, fleeting: FleetingTopic): Promise<void> {
  const { random, world } = setting
  const producer = await createProducer(client, { lingerMs: 0 })
  try {
    for (let batch = random.below(6); batch > 0; batch--) {
      const value = `incarnation ${fleeting.incarnation}.${batch}`
      producer.send({ topic: 'fleeting', partition: 0, key: null, value }, (error, place) => {
        if (error === undefined) fleeting.acknowledged.set(value, place.offset)
      })
      await producer.flush()
      await sleep(world.clock, random.below(50))
    }
  } finally {
    await producer.close({ discard: true })
  }
}

/** Batches over several sectors of the device, which may keep some of them. */
function padding(random: SeededRandom): string {
  return '.'.repeat(random.pick([0, 0, 400, 1_200]))
}

function listIn<T>(lists: Map<string, T[]>, key: string): T[] {
  let list = lists.get(key)
  if (list === undefined) lists.set(key, (list = []))
  return list
}
