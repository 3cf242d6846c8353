import { basename, dirname, join } from 'node:path/posix'
import { messageOf } from '../../base/millrace-error.ts'
import type { Report } from '../../base/report.ts'
import { readText, writeWhole } from '../../world/files.ts'
import type { World } from '../../world/world.ts'
import { decodePartitionMetadata, encodePartitionMetadata } from './checkpoint-files.ts'
import { randomId } from './directory-identity.ts'
import { parsePartitionDirectoryName } from './segment-file-names.ts'
import type { TopicRegistry } from './topic-registry.ts'

/** The longest name that file systems take. */
const MAX_NAME_BYTES = 255

/** Renames a partition's directory out of the way, as Kafka does: `orders-0.<32 characters>-delete`. Returns the new path. */
export function retireDirectory(
  world: Pick<World, 'disk' | 'random'>,
  path: string,
  why: 'delete' | 'stray',
): string {
  const suffix = `.${Buffer.from(world.random.bytes(16)).toString('hex')}-${why}`
  const retired = join(dirname(path), `${basename(path).slice(0, MAX_NAME_BYTES - suffix.length)}${suffix}`)
  world.disk.rename(path, retired)
  return retired
}

/** Removes directories one at a time, letting other work through in between. */
export async function removeDirectories(
  world: Pick<World, 'disk' | 'clock'>,
  paths: readonly string[],
): Promise<void> {
  for (const path of paths) {
    world.disk.remove(path)
    await new Promise<void>((resolve) => world.clock.defer(resolve))
  }
}

/**
 * Brings the directories in line with the list of topics, after whatever a crash left:
 *
 *  - `…-delete` of a topic that is still listed: its deletion did not reach the device; the directory goes back.
 *    Otherwise it is removed.
 *  - A directory of a deleted topic, or of another topic id than the list's: removed, or set aside as `…-stray` when
 *    nothing says that its data were given up.
 *  - Without any list, as in a directory that Kafka wrote, every partition found is taken in. The topics' own settings
 *    are not in there, so nothing of them is ever deleted until somebody says what may be. Kafka's metadata log stays as
 *    it is.
 */
export function arrangeTopicDirectories(options: {
  readonly world: Pick<World, 'disk' | 'random'>
  readonly report: Report
  readonly path: string
  readonly registry: TopicRegistry
  readonly adoptAll: boolean
}): void {
  const { world, report, path, registry } = options
  const idOf = (directory: string): string | undefined => {
    const text = readText(world.disk, join(path, directory, 'partition.metadata'))
    return text === undefined ? undefined : decodePartitionMetadata(text)
  }
  const directories = (): string[] =>
    world.disk.list(path).filter((name) => world.disk.stat(join(path, name))?.kind === 'directory')
  const setAside = (name: string): void => {
    const retired = retireDirectory(world, join(path, name), 'stray')
    report('warn', 'a directory that belongs to no topic was set aside', {
      from: join(path, name),
      to: retired,
    })
  }

  for (const name of directories().filter((each) => each.endsWith('-delete'))) {
    const original = parsePartitionDirectoryName(name.slice(0, name.lastIndexOf('.')))
    const listed = original === undefined ? undefined : registry.get(original.topic)
    if (
      original === undefined ||
      listed === undefined ||
      idOf(name) !== listed.id ||
      original.partition >= listed.partitions
    ) {
      world.disk.remove(join(path, name))
      continue
    }
    const target = `${original.topic}-${original.partition}`
    if (world.disk.stat(join(path, target)) !== undefined) setAside(target)
    world.disk.rename(join(path, name), join(path, target))
  }

  const adopted = new Map<string, { id: string; partitions: number }>()
  for (const name of directories()) {
    const found = parsePartitionDirectoryName(name)
    if (found === undefined || name.endsWith('-delete') || name.endsWith('-stray')) continue
    if (found.topic === CLUSTER_METADATA) continue
    const id = idOf(name)
    const listed = registry.get(found.topic)
    if (
      listed !== undefined &&
      found.partition < listed.partitions &&
      (id === listed.id || id === undefined)
    ) {
      if (id === undefined) writePartitionMetadata(world, join(path, name), { topicId: listed.id, report })
      continue
    }
    if (options.adoptAll && listed === undefined) {
      const known = adopted.get(found.topic)
      adopted.set(found.topic, {
        id: known?.id ?? id ?? randomId(world.random),
        partitions: Math.max(known?.partitions ?? 0, found.partition + 1),
      })
    } else if (id !== undefined && registry.isDeleted(id)) world.disk.remove(join(path, name))
    else setAside(name)
  }
  for (const [name, { id, partitions }] of adopted) {
    const internal = INTERNAL_TOPICS.has(name)
    const config = internal ? { ...KEPT_FOR_EVER, 'cleanup.policy': 'compact' } : KEPT_FOR_EVER
    registry.put({ name, id, partitions, internal, config })
    report(
      'warn',
      'topic found by its directories; its settings are not known, so its records are kept for ever',
      {
        topic: name,
        partitions,
        config,
      },
    )
  }
}

/** The file is for Kafka's tools and for directories without a list: a disk that is full must not stop the log. */
function writePartitionMetadata(
  world: Pick<World, 'disk'>,
  directory: string,
  options: { readonly topicId: string; readonly report: Report },
): void {
  const path = join(directory, 'partition.metadata')
  try {
    writeWhole(world.disk, path, encodePartitionMetadata(options.topicId))
  } catch (error) {
    options.report('warn', 'partition.metadata was not written', { path, reason: messageOf(error) })
  }
}

/** The log of a Kafka's controllers. It looks like a topic's partition and is none. */
export const CLUSTER_METADATA = '__cluster_metadata'

const KEPT_FOR_EVER = { 'retention.ms': '-1', 'retention.bytes': '-1' } as const

/** Topics of Kafka's own. */
export const INTERNAL_TOPICS: ReadonlySet<string> = new Set(['__consumer_offsets', '__transaction_state'])
