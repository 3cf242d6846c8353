/**
 * The small text files of a Kafka data directory. Each `encode…` gives a file's whole text, each `decode…` reads it and
 * answers undefined when it is damaged.
 */

/** `recovery-point-offset-checkpoint`, `log-start-offset-checkpoint`: offsets by topic and partition. */
export interface PartitionOffset {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

const CHECKPOINT_VERSION = '0'

export function encodeOffsetCheckpoint(offsets: readonly PartitionOffset[]): string {
  const lines = offsets.map(({ topic, partition, offset }) => `${topic} ${partition} ${offset}`)
  return [CHECKPOINT_VERSION, String(offsets.length), ...lines, ''].join('\n')
}

export function decodeOffsetCheckpoint(text: string): PartitionOffset[] | undefined {
  return decodeCheckpoint(text, (line) => {
    const match = /^(\S+) (\d+) (\d+)$/.exec(line)
    return match === null
      ? undefined
      : { topic: match[1]!, partition: Number(match[2]), offset: Number(match[3]) }
  })
}

/** `leader-epoch-checkpoint`: where each leader epoch began. */
export interface LeaderEpochStart {
  readonly epoch: number
  readonly startOffset: number
}

export function encodeLeaderEpochs(epochs: readonly LeaderEpochStart[]): string {
  const lines = epochs.map(({ epoch, startOffset }) => `${epoch} ${startOffset}`)
  return [CHECKPOINT_VERSION, String(epochs.length), ...lines, ''].join('\n')
}

export function decodeLeaderEpochs(text: string): LeaderEpochStart[] | undefined {
  return decodeCheckpoint(text, (line) => {
    const match = /^(\d+) (\d+)$/.exec(line)
    return match === null ? undefined : { epoch: Number(match[1]), startOffset: Number(match[2]) }
  })
}

/** `partition.metadata`: which topic, by id, the directory belongs to. */
export function encodePartitionMetadata(topicId: string): string {
  return `version: 0\ntopic_id: ${topicId}`
}

export function decodePartitionMetadata(text: string): string | undefined {
  return /^version: 0\ntopic_id: (\S{22})\s*$/.exec(text)?.[1]
}

/** `.kafka_cleanshutdown`: everything was on disk, indexes and snapshots too, when the log was closed. */
export const CLEAN_SHUTDOWN_TEXT = '{"version":0,"brokerEpoch":-1}'

/** `meta.properties`: whose data directory this is. */
export interface DirectoryIdentity {
  readonly clusterId: string
  readonly nodeId: number
  readonly directoryId: string
}

export function encodeMetaProperties(identity: DirectoryIdentity): string {
  const { clusterId, nodeId, directoryId } = identity
  return `version=1\ncluster.id=${clusterId}\nnode.id=${nodeId}\ndirectory.id=${directoryId}\n`
}

/** What the file says; a directory id may be missing in older ones. */
export function decodeMetaProperties(
  text: string,
): (Omit<DirectoryIdentity, 'directoryId'> & { readonly directoryId?: string }) | undefined {
  const values = new Map<string, string>()
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*([^#!=\s][^=]*?)\s*=\s*(.*?)\s*$/.exec(line)
    if (match !== null) values.set(match[1]!, match[2]!.replaceAll('\\', ''))
  }
  const clusterId = values.get('cluster.id')
  const nodeId = values.get('node.id') ?? values.get('broker.id')
  const directoryId = values.get('directory.id')
  if (clusterId === undefined || clusterId === '' || nodeId === undefined || !/^\d+$/.test(nodeId))
    return undefined
  return { clusterId, nodeId: Number(nodeId), ...(directoryId === undefined ? {} : { directoryId }) }
}

function decodeCheckpoint<Entry>(
  text: string,
  decodeLine: (line: string) => Entry | undefined,
): Entry[] | undefined {
  const [version, count, ...rest] = text.split('\n')
  const lines = rest.filter((line) => line !== '')
  if (version !== CHECKPOINT_VERSION || count !== String(lines.length)) return undefined
  const entries: Entry[] = []
  for (const line of lines) {
    const entry = decodeLine(line)
    if (entry === undefined) return undefined
    entries.push(entry)
  }
  return entries
}
