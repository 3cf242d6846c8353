/**
 * Checkpoints on disk:
 *
 *   <path>/<job>/chk-7/state-0      keyed state of subtask 0: everything, or what changed since its previous file
 *   <path>/<job>/chk-7/manifest     written last: complete when it is there
 *
 * A manifest names every file that its state consists of (a chain of them a subtask, perhaps in older checkpoints'
 * directories) with size and CRC-32C, and begins with its own. All files are on the device before the manifest is, and
 * the manifest is before anything is committed. The newest checkpoint of which every byte is right is the one to
 * restore; older ones are kept for the case that it is not. Savepoints have the same form, with all files in one
 * directory of their own.
 */
import { basename, dirname, join } from 'node:path/posix'
import { crc32c } from '../../base/crc32c.ts'
import { MillraceError, messageOf } from '../../base/millrace-error.ts'
import type { Report } from '../../base/report.ts'
import { makeDurableDirectory, readWhole, writeAtomically } from '../../world/files.ts'
import type { Disk } from '../../world/world.ts'
import type { Manifest, StateReference } from './snapshot.ts'

/** What a job needs of the place where its checkpoints live. */
export interface CheckpointStore {
  /** Where a subtask writes its state files; undefined: it sends the bytes along. */
  stateDirectory(checkpointId: number): string | undefined
  /** Prepares for a checkpoint's files. */
  begin(checkpointId: number): Promise<void>
  /** Makes the checkpoint complete; resolves once it is durable. Then drops what no retained checkpoint needs. */
  complete(manifest: Manifest): Promise<void>
  /** Removes what an aborted checkpoint left. */
  discard(checkpointId: number): void
  /** The checkpoint to restore, all of it verified, and the first id that is free. */
  latest(): { readonly manifest: Manifest | undefined; readonly nextCheckpointId: number }
  /** Writes a self-contained copy of a complete checkpoint. */
  exportTo(manifest: Manifest, path: string): Promise<void>
}

export interface DiskCheckpointStoreOptions {
  readonly disk: Disk
  /** Directory of all jobs' checkpoints. */
  readonly path: string
  readonly job: string
  /** Complete checkpoints kept. Default: 2. */
  readonly retained?: number
  readonly report: Report
}

const MANIFEST = 'manifest'

export class DiskCheckpointStore implements CheckpointStore {
  readonly #disk: Disk
  readonly #root: string
  readonly #job: string
  readonly #retained: number
  readonly #report: Report
  /** Complete ones, oldest first, as far as this process knows them. */
  #complete: Manifest[] = []
  #rootIsDurable = false

  constructor(options: DiskCheckpointStoreOptions) {
    this.#disk = options.disk
    this.#job = options.job
    this.#root = join(options.path, options.job)
    this.#retained = options.retained ?? 2
    this.#report = options.report
  }

  stateDirectory(checkpointId: number): string {
    return join(this.#root, `chk-${checkpointId}`)
  }

  async begin(checkpointId: number): Promise<void> {
    if (!this.#rootIsDurable) await makeDurableDirectory(this.#disk, this.#root)
    this.#rootIsDurable = true
    this.#disk.makeDirectory(this.stateDirectory(checkpointId))
    await this.#disk.syncDirectory(this.#root)
  }

  async complete(manifest: Manifest): Promise<void> {
    const directory = this.stateDirectory(manifest.checkpointId)
    await writeAtomically(this.#disk, join(directory, MANIFEST), encodeManifest(manifest, directory))
    this.#complete.push(manifest)
    this.#complete = this.#complete.slice(-this.#retained)
    try {
      this.#collectGarbage(manifest.checkpointId)
    } catch (error) {
      // The checkpoint is complete; what was left lying goes with the next one.
      this.#report('warn', 'old checkpoints could not be removed', {
        job: this.#job,
        reason: messageOf(error),
      })
    }
  }

  discard(checkpointId: number): void {
    this.#disk.remove(this.stateDirectory(checkpointId))
  }

  latest(): { readonly manifest: Manifest | undefined; readonly nextCheckpointId: number } {
    const ids = this.#checkpointIds()
    const nextCheckpointId = (ids.at(-1) ?? 0) + 1
    const broken: string[] = []
    this.#complete = []
    let newest: Manifest | undefined
    for (const id of ids.toReversed()) {
      const directory = this.stateDirectory(id)
      if (this.#disk.stat(join(directory, MANIFEST)) === undefined) continue
      try {
        const manifest = readManifest(this.#disk, directory)
        for (const subtask of manifest.subtasks) for (const file of subtask.chain) verify(this.#disk, file)
        newest ??= manifest
        this.#complete.unshift(manifest)
        if (this.#complete.length === this.#retained) break
      } catch (error) {
        if (!(error instanceof MillraceError) || error.code !== 'MR_CHECKPOINT_CORRUPT') throw error
        broken.push(messageOf(error))
        this.#report('warn', 'a checkpoint is damaged, the one before it is used', {
          job: this.#job,
          checkpointId: id,
          reason: messageOf(error),
        })
      }
    }
    if (newest === undefined && broken.length > 0) {
      throw new MillraceError({
        code: 'MR_CHECKPOINT_CORRUPT',
        job: this.#job,
        path: this.#root,
        message: `none of the job's complete checkpoints can be read: ${broken.join(' ')}`,
        fix: 'Restore the directory from a copy, start from a savepoint, or remove it to begin anew.',
      })
    }
    return { manifest: newest, nextCheckpointId }
  }

  async exportTo(manifest: Manifest, path: string): Promise<void> {
    const disk = this.#disk
    await makeDurableDirectory(disk, path)
    const subtasks = []
    for (const [number, subtask] of manifest.subtasks.entries()) {
      const chain: StateReference[] = []
      for (const [position, reference] of subtask.chain.entries()) {
        chain.push(
          await writeStateFile(disk, join(path, `state-${number}-${position}`), readState(disk, reference)),
        )
      }
      subtasks.push({ ...subtask, chain })
    }
    await writeAtomically(disk, join(path, MANIFEST), encodeManifest({ ...manifest, subtasks }, path))
  }

  #checkpointIds(): number[] {
    return this.#disk
      .list(this.#root)
      .flatMap((name) => (/^chk-\d+$/.test(name) ? [Number(name.slice(4))] : []))
      .sort((a, b) => a - b)
  }

  #collectGarbage(newest: number): void {
    const needed = new Set<string>()
    for (const manifest of this.#complete) {
      needed.add(join(this.stateDirectory(manifest.checkpointId), MANIFEST))
      for (const { chain } of manifest.subtasks)
        for (const file of chain) if (file.kind === 'file') needed.add(file.path)
    }
    for (const id of this.#checkpointIds()) {
      if (id >= newest) continue
      const directory = this.stateDirectory(id)
      const files = this.#disk.list(directory).map((name) => join(directory, name))
      const unneeded = files.filter((file) => !needed.has(file))
      if (unneeded.length === files.length) this.#disk.remove(directory)
      // The manifest goes first: a checkpoint without it is not complete, one without a file would be damaged.
      else
        for (const file of unneeded.sort(
          (a, b) => Number(basename(b) === MANIFEST) - Number(basename(a) === MANIFEST),
        ))
          this.#disk.remove(file)
    }
  }
}

/** Reads and checks the savepoint (or the checkpoint's directory) at `path`. */
export function readSavepoint(disk: Disk, path: string): Manifest {
  if (disk.stat(join(path, MANIFEST)) === undefined) {
    throw new MillraceError({
      code: 'MR_SAVEPOINT_NOT_FOUND',
      path,
      message: 'there is no savepoint: the directory holds no manifest.',
      fix: 'Give the directory that `savepoint` wrote, or one `chk-…` directory of a job’s checkpoints.',
    })
  }
  const manifest = readManifest(disk, path)
  for (const subtask of manifest.subtasks) for (const file of subtask.chain) verify(disk, file)
  return manifest
}

/** Writes a state file and waits until it is on the device (its name is once the directory is synced). */
export async function writeStateFile(disk: Disk, path: string, bytes: Uint8Array): Promise<StateReference> {
  const file = disk.open(path, { create: true })
  try {
    file.truncate(0)
    file.write([bytes], 0)
    await file.sync()
  } finally {
    file.close()
  }
  return { kind: 'file', path, sizeBytes: bytes.length, crc32c: crc32c(bytes) }
}

/** The bytes behind a reference; checks them. */
export function readState(disk: Disk, reference: StateReference): Uint8Array {
  return reference.kind === 'memory' ? reference.bytes : verify(disk, reference)
}

function verify(disk: Disk, reference: StateReference): Uint8Array {
  if (reference.kind === 'memory') return reference.bytes
  const bytes = readWhole(disk, reference.path)
  if (bytes === undefined) throw corrupt(reference.path, 'the file is missing.')
  if (bytes.length !== reference.sizeBytes) {
    throw corrupt(reference.path, `the file has ${bytes.length} bytes instead of ${reference.sizeBytes}.`)
  }
  if (crc32c(bytes) !== reference.crc32c) throw corrupt(reference.path, 'the file’s CRC is wrong.')
  return bytes
}

/** First line: format, CRC-32C and length of the JSON that follows. File paths are relative to the manifest. */
function encodeManifest(manifest: Manifest, directory: string): Buffer {
  const relative = (reference: StateReference): StateReference => {
    if (reference.kind === 'memory') return reference
    const inDirectory = dirname(reference.path) === directory
    const name = basename(reference.path)
    return { ...reference, path: inDirectory ? name : `../${basename(dirname(reference.path))}/${name}` }
  }
  const subtasks = manifest.subtasks.map((subtask) => ({ ...subtask, chain: subtask.chain.map(relative) }))
  const body = Buffer.from(JSON.stringify({ ...manifest, subtasks }), 'utf8')
  return Buffer.concat([Buffer.from(`millrace-checkpoint 1 ${crc32c(body)} ${body.length}\n`), body])
}

function readManifest(disk: Disk, directory: string): Manifest {
  const path = join(directory, MANIFEST)
  const bytes = readWhole(disk, path)
  if (bytes === undefined) throw corrupt(path, 'the manifest is missing.')
  const lineEnd = bytes.indexOf(10)
  const [name, version, crc, length] = bytes.toString('utf8', 0, Math.max(0, lineEnd)).split(' ')
  const body = bytes.subarray(lineEnd + 1)
  if (name !== 'millrace-checkpoint') throw corrupt(path, 'the manifest is not one.')
  if (version !== '1') {
    throw new MillraceError({
      code: 'MR_SAVEPOINT_VERSION',
      path,
      message: `the savepoint has format ${version}; this version of Millrace reads format 1.`,
      fix: 'Restore it with the version that wrote it, or a newer one.',
    })
  }
  if (body.length !== Number(length) || crc32c(body) !== Number(crc))
    throw corrupt(path, 'the manifest is torn.')
  const manifest = JSON.parse(body.toString('utf8')) as Manifest
  const absolute = (reference: StateReference): StateReference =>
    reference.kind === 'memory' ? reference : { ...reference, path: join(directory, reference.path) }
  return {
    ...manifest,
    subtasks: manifest.subtasks.map((part) => ({ ...part, chain: part.chain.map(absolute) })),
  }
}

function corrupt(path: string, message: string): MillraceError {
  return new MillraceError({
    code: 'MR_CHECKPOINT_CORRUPT',
    path,
    message,
    fix: 'The checkpoint before it is used, where there is one.',
  })
}
