import { join } from 'node:path/posix'
import { MillraceError } from '../../base/millrace-error.ts'
import { readText, writeAtomically } from '../../world/files.ts'
import type { World } from '../../world/world.ts'
import { decodeMetaProperties, type DirectoryIdentity, encodeMetaProperties } from './checkpoint-files.ts'
import { LOG_CONFIG_DEFAULTS, type LogConfig } from './log-config.ts'

/** A random id in Kafka's form: 16 bytes as 22 characters, not beginning with a dash, which command lines would mistake. */
export function randomId(random: World['random']): string {
  for (;;) {
    const id = Buffer.from(random.bytes(16)).toString('base64url')
    if (!id.startsWith('-')) return id
  }
}

/**
 * Reads `meta.properties`, or writes it for a new directory. Throws `MR_DATA_DIR_MISMATCH` when the directory belongs to
 * another node or cluster than the configuration says, `MR_DATA_DIR_DAMAGED` when it does not say to whom.
 */
export async function openIdentity(
  world: Pick<World, 'disk' | 'random'>,
  directory: string,
  config: LogConfig,
): Promise<DirectoryIdentity> {
  const path = join(directory, 'meta.properties')
  const text = readText(world.disk, path)
  if (text === undefined) {
    const identity: DirectoryIdentity = {
      clusterId: config.clusterId ?? randomId(world.random),
      nodeId: config.nodeId ?? LOG_CONFIG_DEFAULTS.nodeId,
      directoryId: randomId(world.random),
    }
    await writeAtomically(world.disk, path, encodeMetaProperties(identity))
    return identity
  }
  const found = decodeMetaProperties(text)
  if (found === undefined) {
    throw new MillraceError({
      code: 'MR_DATA_DIR_DAMAGED',
      message: 'the file does not say to which cluster and node the data belongs.',
      fix: 'Restore it from a copy, or remove it: a new identity is made then, and clients will see another cluster.',
      path,
    })
  }
  mustMatch('cluster id', { configured: config.clusterId, found: found.clusterId, path })
  mustMatch('node id', { configured: config.nodeId, found: found.nodeId, path })
  if (found.directoryId !== undefined) return { ...found, directoryId: found.directoryId }
  const identity: DirectoryIdentity = { ...found, directoryId: randomId(world.random) }
  await writeAtomically(world.disk, path, encodeMetaProperties(identity))
  return identity
}

function mustMatch(
  what: string,
  values: {
    readonly configured: string | number | undefined
    readonly found: string | number
    readonly path: string
  },
): void {
  if (values.configured === undefined || values.configured === values.found) return
  throw new MillraceError({
    code: 'MR_DATA_DIR_MISMATCH',
    message: `the data directory's ${what} is ${values.found}, the configuration says ${values.configured}.`,
    fix: 'Use the directory that belongs to this node, or leave the setting out.',
    path: values.path,
  })
}
