import type { ByteReader } from '../../../../base/byte-reader.ts'
import { ByteWriter } from '../../../../base/byte-writer.ts'
import {
  fieldOf,
  readInts,
  readList,
  readStrings,
  readTags,
  writeInts,
  writeList,
  writeStrings,
  writeTags,
} from '../record-fields.ts'
import {
  listTasks,
  taskId,
  tasksFrom,
  type HeldTasks,
  type TaskId,
  type TaskIds,
  type Tasks,
} from './tasks.ts'
import type { InternalTopic, Subtopology, Topology } from './topology.ts'

/** How far a member is on its way to its target assignment. */
export type StreamsMemberState = 'stable' | 'unrevoked' | 'unreleased' | 'unknown'

/** Kafka's numbers for `StreamsMemberState` in the log; any other is `unknown`. */
const STATE_CODES: readonly StreamsMemberState[] = ['stable', 'unrevoked', 'unreleased']
const UNKNOWN_STATE_CODE = 127

/** The records of `__consumer_offsets` that belong to streams groups (KIP-1071). A null value is a tombstone. */
export type StreamsRecord =
  | {
      readonly kind: 'streams-group-epoch'
      readonly groupId: string
      readonly value: StreamsEpochValue | null
    }
  | {
      readonly kind: 'streams-member'
      readonly groupId: string
      readonly memberId: string
      readonly value: StreamsMemberValue | null
    }
  | {
      readonly kind: 'streams-assignment-epoch'
      readonly groupId: string
      readonly value: { readonly epoch: number; readonly timestampMs: number } | null
    }
  | {
      readonly kind: 'streams-target'
      readonly groupId: string
      readonly memberId: string
      readonly value: Tasks | null
    }
  | {
      readonly kind: 'streams-current'
      readonly groupId: string
      readonly memberId: string
      readonly value: StreamsCurrentValue | null
    }
  | { readonly kind: 'streams-topology'; readonly groupId: string; readonly value: Topology | null }

export interface StreamsEpochValue {
  readonly epoch: number
  /** Tells whether the topics of the topology are still as they were. */
  readonly metadataHash: number
  /** The epoch of the topology whose topics are all there as they have to be; -1 when some are not. */
  readonly validatedTopologyEpoch: number
  /** Settings that the last assignment was made with, by ascending name. */
  readonly assignmentConfigs: ReadonlyMap<string, string>
}

export interface Endpoint {
  readonly host: string
  readonly port: number
}

export interface StreamsMemberValue {
  readonly instanceId: string | null
  readonly rackId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly rebalanceTimeoutMs: number
  readonly topologyEpoch: number
  /** Members of one process share its state directory. */
  readonly processId: string
  /** Where its state can be asked for (interactive queries). */
  readonly userEndpoint: Endpoint | null
  readonly clientTags: readonly { readonly key: string; readonly value: string }[]
}

export interface StreamsCurrentValue {
  readonly memberEpoch: number
  readonly previousMemberEpoch: number
  readonly state: StreamsMemberState
  readonly assigned: HeldTasks
  readonly pendingRevocation: HeldTasks
}

/** Kafka's key versions, which are the kinds of records. */
const KEY_VERSIONS = {
  'streams-group-epoch': 17,
  'streams-member': 19,
  'streams-assignment-epoch': 20,
  'streams-target': 21,
  'streams-current': 22,
  'streams-topology': 23,
} as const

export function isStreamsRecord(record: { readonly kind: string }): record is StreamsRecord {
  return record.kind in KEY_VERSIONS
}

/** Encodes in Kafka's formats (StreamsGroupMetadata…, version 0 of each value). */
export function encodeStreamsRecord(record: StreamsRecord): { key: Buffer; value: Buffer | null } {
  const key = new ByteWriter(64)
  key.int16(KEY_VERSIONS[record.kind])
  key.string(record.groupId)
  if ('memberId' in record) key.string(record.memberId)
  if (record.value === null) return { key: key.toBuffer(), value: null }
  const writer = new ByteWriter(256)
  writer.int16(0)
  writeValue(writer, record)
  return { key: key.toBuffer(), value: writer.toBuffer() }
}

function writeValue(writer: ByteWriter, record: StreamsRecord): void {
  switch (record.kind) {
    case 'streams-group-epoch':
      writeEpoch(writer, record.value!)
      return
    case 'streams-member':
      writeMember(writer, record.value!)
      return
    case 'streams-assignment-epoch': {
      const { epoch, timestampMs } = record.value!
      writer.int32(epoch)
      writeTags(writer, timestampMs === 0 ? undefined : fieldOf((field) => field.int64(timestampMs)))
      return
    }
    case 'streams-target':
      writeTasks(writer, record.value!)
      writeTags(writer)
      return
    case 'streams-current':
      writeCurrent(writer, record.value!)
      return
    case 'streams-topology':
      writeTopology(writer, record.value!)
      return
  }
}

function writeEpoch(writer: ByteWriter, value: StreamsEpochValue): void {
  const { epoch, metadataHash, validatedTopologyEpoch, assignmentConfigs } = value
  writer.int32(epoch)
  writer.int64(metadataHash)
  writeTags(
    writer,
    validatedTopologyEpoch === -1 ? undefined : fieldOf((field) => field.int32(validatedTopologyEpoch)),
    fieldOf((field) =>
      writePairs(
        field,
        Array.from(assignmentConfigs, ([key, configured]) => ({ key, value: configured })),
      ),
    ),
  )
}

function writeMember(writer: ByteWriter, value: StreamsMemberValue): void {
  writer.compactNullableString(value.instanceId)
  writer.compactNullableString(value.rackId)
  writer.compactString(value.clientId)
  writer.compactString(value.clientHost)
  writer.int32(value.rebalanceTimeoutMs)
  writer.int32(value.topologyEpoch)
  writer.compactString(value.processId)
  // A struct that may be null begins with 1 where it is there, and is -1 where it is not.
  writer.int8(value.userEndpoint === null ? -1 : 1)
  if (value.userEndpoint !== null) {
    writer.compactString(value.userEndpoint.host)
    writer.uint16(value.userEndpoint.port)
    writeTags(writer)
  }
  writePairs(writer, value.clientTags)
  writeTags(writer)
}

function writeCurrent(writer: ByteWriter, value: StreamsCurrentValue): void {
  writer.int32(value.memberEpoch)
  writer.int32(value.previousMemberEpoch)
  const code = STATE_CODES.indexOf(value.state)
  writer.int8(code < 0 ? UNKNOWN_STATE_CODE : code)
  for (const held of [value.assigned, value.pendingRevocation]) writeTasks(writer, held, held.active)
  writeTags(writer)
}

/** `epochs`: those of the active tasks, where they are told. */
function writeTasks(writer: ByteWriter, tasks: Tasks, epochs?: ReadonlyMap<TaskId, number>): void {
  writeTaskIds(writer, tasks.active, epochs)
  writeTaskIds(writer, tasks.standby)
  writeTaskIds(writer, tasks.warmup)
}

function writeTaskIds(writer: ByteWriter, tasks: TaskIds, epochs?: ReadonlyMap<TaskId, number>): void {
  writeList(writer, listTasks(tasks), ({ subtopologyId, partitions }) => {
    writer.compactString(subtopologyId)
    writeInts(writer, partitions)
    writeTags(
      writer,
      epochs &&
        fieldOf((field) =>
          writeInts(
            field,
            partitions.map((partition) => epochs.get(taskId(subtopologyId, partition)) ?? 0),
          ),
        ),
    )
  })
}

function writeTopology(writer: ByteWriter, { epoch, subtopologies }: Topology): void {
  writer.int32(epoch)
  writeList(writer, subtopologies, (subtopology) => {
    writer.compactString(subtopology.subtopologyId)
    writeStrings(writer, subtopology.sourceTopics)
    writeStrings(writer, subtopology.sourceTopicRegex)
    writeInternalTopics(writer, subtopology.stateChangelogTopics)
    writeStrings(writer, subtopology.repartitionSinkTopics)
    writeInternalTopics(writer, subtopology.repartitionSourceTopics)
    writeList(writer, subtopology.copartitionGroups, (group) => {
      for (const places of [group.sourceTopics, group.sourceTopicRegex, group.repartitionSourceTopics])
        writeList(writer, places, (place) => writer.int16(place))
      writeTags(writer)
    })
    writeTags(writer)
  })
  writeTags(writer)
}

function writeInternalTopics(writer: ByteWriter, topics: readonly InternalTopic[]): void {
  writeList(writer, topics, ({ name, partitions, replicationFactor, topicConfigs }) => {
    writer.compactString(name)
    writer.int32(partitions)
    writer.int16(replicationFactor)
    writePairs(writer, topicConfigs)
    writeTags(writer)
  })
}

interface Pair {
  readonly key: string
  readonly value: string
}

function writePairs(writer: ByteWriter, pairs: readonly Pair[]): void {
  writeList(writer, pairs, ({ key, value }) => {
    writer.compactString(key)
    writer.compactString(value)
    writeTags(writer)
  })
}

/** Reads a record whose key has the version; undefined when the version is none of the streams groups'. */
export function decodeStreamsRecord(
  version: number,
  key: ByteReader,
  value: ByteReader | null,
): StreamsRecord | undefined {
  const read = READERS.get(version)
  if (read === undefined) return undefined
  // Version 0 is all there is of each value.
  value?.int16()
  return read(key, value)
}

const READERS: ReadonlyMap<number, (key: ByteReader, value: ByteReader | null) => StreamsRecord> = new Map([
  [
    KEY_VERSIONS['streams-group-epoch'],
    (key, value): StreamsRecord => ({
      kind: 'streams-group-epoch',
      groupId: key.string(),
      value: value && readEpoch(value),
    }),
  ],
  [
    KEY_VERSIONS['streams-member'],
    (key, value): StreamsRecord => ({
      kind: 'streams-member',
      groupId: key.string(),
      memberId: key.string(),
      value: value && readMember(value),
    }),
  ],
  [
    KEY_VERSIONS['streams-assignment-epoch'],
    (key, value): StreamsRecord => ({
      kind: 'streams-assignment-epoch',
      groupId: key.string(),
      value: value && readAssignmentEpoch(value),
    }),
  ],
  [
    KEY_VERSIONS['streams-target'],
    (key, value): StreamsRecord => ({
      kind: 'streams-target',
      groupId: key.string(),
      memberId: key.string(),
      value: value && readTasks(value),
    }),
  ],
  [
    KEY_VERSIONS['streams-current'],
    (key, value): StreamsRecord => ({
      kind: 'streams-current',
      groupId: key.string(),
      memberId: key.string(),
      value: value && readCurrent(value),
    }),
  ],
  [
    KEY_VERSIONS['streams-topology'],
    (key, value): StreamsRecord => ({
      kind: 'streams-topology',
      groupId: key.string(),
      value: value && readTopology(value),
    }),
  ],
])

function readEpoch(reader: ByteReader): StreamsEpochValue {
  const epoch = reader.int32()
  const metadataHash = reader.int64()
  let validatedTopologyEpoch = -1
  let configs: Pair[] = []
  readTags(
    reader,
    (field) => (validatedTopologyEpoch = field.int32()),
    (field) => (configs = readPairs(field)),
  )
  const assignmentConfigs = new Map(configs.map(({ key, value }) => [key, value]))
  return { epoch, metadataHash, validatedTopologyEpoch, assignmentConfigs }
}

function readAssignmentEpoch(reader: ByteReader): { epoch: number; timestampMs: number } {
  const epoch = reader.int32()
  let timestampMs = 0
  readTags(reader, (field) => (timestampMs = field.int64()))
  return { epoch, timestampMs }
}

function readMember(reader: ByteReader): StreamsMemberValue {
  return {
    instanceId: reader.compactNullableString(),
    rackId: reader.compactNullableString(),
    clientId: reader.compactString(),
    clientHost: reader.compactString(),
    rebalanceTimeoutMs: reader.int32(),
    topologyEpoch: reader.int32(),
    processId: reader.compactString(),
    userEndpoint: readEndpoint(reader),
    clientTags: readPairs(reader),
  }
}

function readEndpoint(reader: ByteReader): Endpoint | null {
  if (reader.int8() < 0) return null
  const endpoint = { host: reader.compactString(), port: reader.uint16() }
  reader.skipTaggedFields()
  return endpoint
}

function readTasks(reader: ByteReader): Tasks {
  return { active: readTaskIds(reader), standby: readTaskIds(reader), warmup: readTaskIds(reader) }
}

function readTaskIds(reader: ByteReader): Set<TaskId> {
  return tasksFrom(
    readList(reader, 3, () => {
      const listed = { subtopologyId: reader.compactString(), partitions: readInts(reader) }
      reader.skipTaggedFields()
      return listed
    }),
  )
}

function readCurrent(reader: ByteReader): StreamsCurrentValue {
  const memberEpoch = reader.int32()
  const previousMemberEpoch = reader.int32()
  const state = STATE_CODES[reader.int8()] ?? 'unknown'
  const assigned = readHeld(reader, memberEpoch)
  return {
    memberEpoch,
    previousMemberEpoch,
    state,
    assigned,
    pendingRevocation: readHeld(reader, memberEpoch),
  }
}

/** Tasks without epochs are as new as the member's epoch. */
function readHeld(reader: ByteReader, memberEpoch: number): HeldTasks {
  const active = new Map<TaskId, number>()
  readList(reader, 3, () => {
    const subtopologyId = reader.compactString()
    const partitions = readInts(reader)
    let epochs: number[] = []
    readTags(reader, (field) => (epochs = readInts(field)))
    partitions.forEach((partition, at) =>
      active.set(taskId(subtopologyId, partition), epochs[at] ?? memberEpoch),
    )
  })
  return { active, standby: readTaskIds(reader), warmup: readTaskIds(reader) }
}

function readTopology(reader: ByteReader): Topology {
  return { epoch: reader.int32(), subtopologies: readList(reader, 8, () => readSubtopology(reader)) }
}

function readSubtopology(reader: ByteReader): Subtopology {
  const subtopology = {
    subtopologyId: reader.compactString(),
    sourceTopics: readStrings(reader),
    sourceTopicRegex: readStrings(reader),
    stateChangelogTopics: readInternalTopics(reader),
    repartitionSinkTopics: readStrings(reader),
    repartitionSourceTopics: readInternalTopics(reader),
    copartitionGroups: readList(reader, 4, () => {
      const places = (): number[] => readList(reader, 2, () => reader.int16())
      const group = { sourceTopics: places(), sourceTopicRegex: places(), repartitionSourceTopics: places() }
      reader.skipTaggedFields()
      return group
    }),
  }
  reader.skipTaggedFields()
  return subtopology
}

function readInternalTopics(reader: ByteReader): InternalTopic[] {
  return readList(reader, 9, () => {
    const topic = {
      name: reader.compactString(),
      partitions: reader.int32(),
      replicationFactor: reader.int16(),
      topicConfigs: readPairs(reader),
    }
    reader.skipTaggedFields()
    return topic
  })
}

function readPairs(reader: ByteReader): Pair[] {
  return readList(reader, 3, () => {
    const pair = { key: reader.compactString(), value: reader.compactString() }
    reader.skipTaggedFields()
    return pair
  })
}

/** Whether both are written down as the same. */
export function sameTopology(one: Topology, other: Topology): boolean {
  const bytesOf = (topology: Topology): Buffer => fieldOf((writer) => writeTopology(writer, topology))
  return one === other || bytesOf(one).equals(bytesOf(other))
}
