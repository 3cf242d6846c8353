/** What the log promises of topics whose records go: by compaction, retention, deletion, or with their topic. */
import { BrokenPromise } from './history.ts'
import type { UpkeepHistory } from './upkeep-clients.ts'

export interface KeptRecord {
  readonly offset: number
  readonly key: string | null
  readonly value: string | null
}

export interface KeptPartition {
  readonly logStartOffset: number
  readonly records: readonly KeptRecord[]
}

export interface UpkeepState {
  /** By place: of `latest`, `trimmed` and `short`. */
  readonly partitions: ReadonlyMap<string, KeptPartition>
  /** Undefined when there is no such topic. */
  readonly fleeting: KeptPartition | undefined
}

export function checkUpkeep(upkeep: UpkeepHistory, state: UpkeepState): void {
  for (const [place, partition] of state.partitions) {
    offsetsRise(place, partition)
    if (place.startsWith('latest-')) latestIsThere(upkeep, place, partition)
    else placedIsThere(upkeep, place, partition)
    if (place.startsWith('trimmed-')) trimmedAsAsked(upkeep, place, partition)
  }
  fleetingIsItself(upkeep, state)
}

function offsetsRise(place: string, { records }: KeptPartition): void {
  for (const [index, { offset }] of records.entries())
    if (index > 0 && offset <= records[index - 1]!.offset)
      throw new BrokenPromise(`${place}: offset ${offset} comes after ${records[index - 1]!.offset}`)
}

/** An acknowledged record is where it was put, or a later one has its key; nothing is there that nobody sent. */
function latestIsThere(upkeep: UpkeepHistory, place: string, { records }: KeptPartition): void {
  const byOffset = new Map(records.map((record) => [record.offset, record]))
  const lastOfKey = new Map<string | null, number>()
  const seen = new Set<string>()
  for (const { offset, key, value } of records) {
    lastOfKey.set(key, offset)
    if (value === null) continue
    if (upkeep.sentKeyed.get(value) !== key)
      throw new BrokenPromise(`${place}@${offset}: nobody sent ${value} with key ${key}`)
    if (seen.has(value)) throw new BrokenPromise(`${place}@${offset}: ${value} is there twice`)
    seen.add(value)
  }
  const acknowledged = upkeep.keyed.get(place) ?? []
  const lastAcknowledged = new Map<string, number>()
  for (const { key, offset } of acknowledged)
    lastAcknowledged.set(key, Math.max(offset, lastAcknowledged.get(key) ?? -1))
  for (const { key, value, offset } of acknowledged) {
    const found = byOffset.get(offset)
    if (found !== undefined) {
      if (found.key !== key || found.value !== value)
        throw new BrokenPromise(
          `${place}@${offset}: ${key}=${value} was acknowledged, ${found.key}=${found.value} is there`,
        )
      continue
    }
    const isSuperseded = Math.max(lastOfKey.get(key) ?? -1, lastAcknowledged.get(key)!) > offset
    // A tombstone goes with what it deleted; a value goes only when a later record has its key.
    if (value !== null && !isSuperseded)
      throw new BrokenPromise(
        `${place}: ${key}=${value} was acknowledged at ${offset}, is the latest of its key and is gone`,
      )
  }
}

/** From the start of the log on, all that was acknowledged is where it was put. */
function placedIsThere(
  upkeep: UpkeepHistory,
  place: string,
  { logStartOffset, records }: KeptPartition,
): void {
  const byOffset = new Map(records.map(({ offset, value }) => [offset, value]))
  for (const [offset, value] of upkeep.placed.get(place) ?? []) {
    if (offset >= logStartOffset && byOffset.get(offset) !== value)
      throw new BrokenPromise(
        `${place}@${offset}: ${value} was acknowledged, now it is ${byOffset.get(offset) ?? 'gone'}; the log starts at ${logStartOffset}`,
      )
  }
}

function trimmedAsAsked(upkeep: UpkeepHistory, place: string, { logStartOffset }: KeptPartition): void {
  const { acknowledged, asked } = upkeep.trimmed.get(place) ?? { acknowledged: 0, asked: 0 }
  if (logStartOffset < acknowledged)
    throw new BrokenPromise(
      `${place}: records below ${acknowledged} were deleted, now the log starts at ${logStartOffset}`,
    )
  if (logStartOffset > asked)
    throw new BrokenPromise(
      `${place}: nobody asked for more than ${asked}, and the log starts at ${logStartOffset}`,
    )
}

function fleetingIsItself({ fleeting }: UpkeepHistory, { fleeting: found }: UpkeepState): void {
  const { phase, incarnation, acknowledged } = fleeting
  if (found === undefined) {
    if (phase === 'present')
      throw new BrokenPromise(`incarnation ${incarnation} of the topic was made and is gone`)
    return
  }
  if (phase === 'absent')
    throw new BrokenPromise(`incarnation ${incarnation} of the topic was deleted and is there`)
  const offsets = new Map(found.records.map(({ value, offset }) => [value, offset]))
  for (const { value } of found.records) {
    if (phase !== 'unknown' && !value!.startsWith(`incarnation ${incarnation}.`))
      throw new BrokenPromise(`incarnation ${incarnation} of the topic holds ${value}`)
  }
  if (phase !== 'present' && phase !== 'deleting') return
  for (const [value, offset] of acknowledged)
    if (offsets.get(value) !== offset)
      throw new BrokenPromise(`${value} was acknowledged at ${offset} and is at ${offsets.get(value)}`)
}
