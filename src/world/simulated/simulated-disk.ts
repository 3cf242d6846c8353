/** A disk in memory that fails on purpose. It outlives the processes that use it; `as` gives one of them its view. */
import { dirname } from 'node:path/posix'
import { MillraceError } from '../../base/millrace-error.ts'
import type { Disk, DiskEntry, DiskFile, DiskLock, OpenOptions } from '../world.ts'
import type { Unsynced } from './file-content.ts'
import { DirectoryNode, FileNode, FileTree, namesOf } from './file-tree.ts'
import type { TreeNode } from './file-tree.ts'
import type { Life, Scheduler } from './scheduler.ts'
import type { SeededRandom } from './seeded-random.ts'

/** How the device behaves; change it at any time. Chances are per call, from 0 to 1. */
export interface DiskConditions {
  capacityBytes: number
  /** How long a sync takes, from–to, in virtual ms. */
  syncDelayMs: readonly [from: number, to: number]
  /** A failed sync drops what it should have written, as Linux does. */
  syncFailureChance: number
  writeFailureChance: number
  readFailureChance: number
  /** Mounted so by a system that met an error: whatever changes anything is refused. */
  readOnly: boolean
}

export class SimulatedDisk {
  readonly conditions: DiskConditions
  readonly #scheduler: Scheduler
  readonly #random: SeededRandom
  readonly #locks = new Map<string, Life>()
  #tree = new FileTree()
  #usedBytes = 0

  constructor(scheduler: Scheduler, random: SeededRandom, conditions: Partial<DiskConditions> = {}) {
    this.#scheduler = scheduler
    this.#random = random
    this.conditions = {
      capacityBytes: 64 * 1024 ** 3,
      syncDelayMs: [0.1, 2],
      syncFailureChance: 0,
      writeFailureChance: 0,
      readFailureChance: 0,
      readOnly: false,
      ...conditions,
    }
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  as(life: Life): Disk {
    return new DiskView(this, life)
  }

  /** What is left when the power goes: synced bytes and names, and of the others what `unsynced` says. */
  losePower(options: { readonly unsynced: Unsynced; readonly torn: boolean }): void {
    const { unsynced } = options
    const keep = (count: number): number =>
      unsynced === 'all' ? count : unsynced === 'none' ? 0 : this.#random.below(count + 1)
    this.#tree = this.#tree.afterPowerLoss(
      keep,
      (file) => new FileNode(file.modifiedMs, file.content.afterPowerLoss(this.#random, options)),
      unsynced === 'reordered' ? 'by directory' : 'all',
    )
    this.#usedBytes = bytesIn(this.#tree.root)
    this.#locks.clear()
  }

  open(life: Life, path: string, create: boolean): DiskFile {
    let node = this.#tree.find(path)
    if (node === undefined) {
      const place = this.#tree.place(path)
      if (!create || place === undefined) throw ioError(path, 'ENOENT: no such file or directory')
      this.#mustBeWritable(path)
      node = new FileNode(this.#scheduler.nowMs)
      this.#tree.edit([{ ...place, node }])
    }
    if (node.kind !== 'file') throw ioError(path, 'EISDIR: it is a directory')
    return new SimulatedFile(this, life, path, node)
  }

  makeDirectory(path: string): void {
    let at = ''
    if (this.#tree.find(path) === undefined) this.#mustBeWritable(path)
    for (const name of namesOf(path)) {
      at = `${at}/${name}`
      const node = this.#tree.find(at)
      if (node?.kind === 'file') throw ioError(path, 'ENOTDIR: a file is in the way')
      const place = this.#tree.place(at)
      if (node === undefined && place !== undefined) {
        this.#tree.edit([{ ...place, node: new DirectoryNode(this.#scheduler.nowMs) }])
      }
    }
  }

  list(path: string): string[] {
    const node = this.#tree.find(path)
    return node?.kind === 'directory' ? [...node.entries.keys()].sort() : []
  }

  stat(path: string): DiskEntry | undefined {
    const node = this.#tree.find(path)
    if (node === undefined) return undefined
    const sizeBytes = node.kind === 'file' ? node.content.live.size : 0
    return { kind: node.kind, sizeBytes, modifiedMs: Math.floor(node.modifiedMs) }
  }

  rename(from: string, to: string): void {
    this.#mustBeWritable(from)
    const node = this.#tree.find(from)
    const source = this.#tree.place(from)
    const target = this.#tree.place(to)
    if (node === undefined || source === undefined || target === undefined) {
      throw ioError(from, `ENOENT: cannot be renamed to ${to}`)
    }
    const replaced = target.directory.entries.get(target.name)
    if (replaced === node) return
    if (replaced?.kind === 'directory' && replaced.entries.size > 0)
      throw ioError(to, 'ENOTEMPTY: it is not empty')
    this.#unlink(replaced)
    this.#tree.edit([
      { ...source, node: undefined },
      { ...target, node },
    ])
  }

  remove(path: string): void {
    const node = this.#tree.find(path)
    const place = this.#tree.place(path)
    if (node === undefined || place === undefined) return
    this.#mustBeWritable(path)
    if (node.kind === 'directory') for (const name of [...node.entries.keys()]) this.remove(`${path}/${name}`)
    this.#unlink(node)
    this.#tree.edit([{ ...place, node: undefined }])
  }

  syncDirectory(life: Life, path: string): Promise<void> {
    const node = this.#tree.find(path)
    const tree = this.#tree
    const newest = tree.newest
    if (node?.kind !== 'directory') return Promise.reject(ioError(path, 'ENOENT: no such directory'))
    return this.#sync(life, path, (outcome) => {
      if (outcome === 'synced') tree.settle(node, newest)
    })
  }

  syncFile(life: Life, path: string, node: FileNode): Promise<void> {
    const newest = node.content.newest
    return this.#sync(life, path, (outcome) => node.content.settle(newest, outcome))
  }

  read(path: string, node: FileNode, target: Uint8Array, position: number): number {
    if (this.#random.chance(this.conditions.readFailureChance))
      throw ioError(path, 'EIO: simulated read error')
    return node.content.live.read(target, position)
  }

  write(path: string, node: FileNode, chunks: readonly Uint8Array[], position: number): void {
    this.#mustBeWritable(path)
    const bytes = Buffer.concat(chunks)
    const failed = this.#random.chance(this.conditions.writeFailureChance)
    const sizeBefore = node.content.live.size
    const room = node.linked ? Math.max(0, this.conditions.capacityBytes - this.#usedBytes) : Infinity
    const fitting = Math.max(0, Math.min(bytes.length, sizeBefore + room - position))
    const written = failed ? this.#random.below(fitting + 1) : fitting
    if (written > 0) {
      node.content.write(position, bytes.subarray(0, written))
      this.#resized(node, sizeBefore)
    }
    if (failed) throw ioError(path, 'EIO: simulated write error')
    if (written < bytes.length) {
      throw new MillraceError({
        code: 'MR_DISK_FULL',
        message: 'the disk is full.',
        fix: 'Free some space; work goes on by itself once there is room.',
        path,
      })
    }
  }

  truncate(path: string, node: FileNode, sizeBytes: number): void {
    this.#mustBeWritable(path)
    const sizeBefore = node.content.live.size
    node.content.truncate(sizeBytes)
    this.#resized(node, sizeBefore)
  }

  lock(life: Life, path: string): DiskLock {
    if (this.#locks.get(path)?.alive === true) {
      throw new MillraceError({
        code: 'MR_DATA_DIR_IN_USE',
        message: 'another process, or another log in this one, works on this data directory.',
        fix: 'Stop it, or choose another directory.',
        path: dirname(path),
      })
    }
    this.makeDirectory(dirname(path))
    this.open(life, path, true).close()
    this.#locks.set(path, life)
    return {
      release: () => {
        if (this.#locks.get(path) === life) this.#locks.delete(path)
      },
    }
  }

  #sync(life: Life, path: string, settle: (outcome: 'synced' | 'failed') => void): Promise<void> {
    const [from, to] = this.conditions.syncDelayMs
    return new Promise((resolve, reject) => {
      this.#scheduler.schedule(life, this.#random.between(from, to), () => {
        const failed = this.#random.chance(this.conditions.syncFailureChance) || this.conditions.readOnly
        settle(failed ? 'failed' : 'synced')
        if (failed) reject(ioError(path, 'EIO: simulated sync error'))
        else resolve()
      })
    })
  }

  #mustBeWritable(path: string): void {
    if (this.conditions.readOnly) throw ioError(path, 'EROFS: read-only file system')
  }

  #resized(node: FileNode, sizeBefore: number): void {
    node.modifiedMs = this.#scheduler.nowMs
    if (node.linked) this.#usedBytes += node.content.live.size - sizeBefore
  }

  #unlink(node: TreeNode | undefined): void {
    if (node?.kind !== 'file') return
    node.linked = false
    this.#usedBytes -= node.content.live.size
  }
}

/** The disk as one process sees it. Once the process is dead its calls change nothing and its syncs never end. */
class DiskView implements Disk {
  readonly #disk: SimulatedDisk
  readonly #life: Life

  constructor(disk: SimulatedDisk, life: Life) {
    this.#disk = disk
    this.#life = life
  }

  open(path: string, options?: OpenOptions): DiskFile {
    return this.#disk.open(this.#life, path, options?.create === true && this.#life.alive)
  }

  makeDirectory(path: string): void {
    if (this.#life.alive) this.#disk.makeDirectory(path)
  }

  list(path: string): string[] {
    return this.#disk.list(path)
  }

  stat(path: string): DiskEntry | undefined {
    return this.#disk.stat(path)
  }

  rename(from: string, to: string): void {
    if (this.#life.alive) this.#disk.rename(from, to)
  }

  remove(path: string): void {
    if (this.#life.alive) this.#disk.remove(path)
  }

  syncDirectory(path: string): Promise<void> {
    return this.#disk.syncDirectory(this.#life, path)
  }

  freeBytes(_path: string): number {
    return Math.max(0, this.#disk.conditions.capacityBytes - this.#disk.usedBytes)
  }

  lock(path: string): DiskLock {
    return this.#disk.lock(this.#life, path)
  }
}

class SimulatedFile implements DiskFile {
  readonly path: string
  readonly #disk: SimulatedDisk
  readonly #life: Life
  readonly #node: FileNode
  #closed = false

  constructor(disk: SimulatedDisk, life: Life, path: string, node: FileNode) {
    this.path = path
    this.#disk = disk
    this.#life = life
    this.#node = node
  }

  sizeBytes(): number {
    this.#checkOpen()
    return this.#node.content.live.size
  }

  read(target: Uint8Array, position: number): number {
    this.#checkOpen()
    return this.#disk.read(this.path, this.#node, target, position)
  }

  preload(): Promise<void> {
    this.#checkOpen()
    return Promise.resolve()
  }

  write(chunks: readonly Uint8Array[], position: number): void {
    this.#checkOpen()
    if (this.#life.alive) this.#disk.write(this.path, this.#node, chunks, position)
  }

  truncate(sizeBytes: number): void {
    this.#checkOpen()
    if (this.#life.alive) this.#disk.truncate(this.path, this.#node, sizeBytes)
  }

  async sync(): Promise<void> {
    this.#checkOpen()
    await this.#disk.syncFile(this.#life, this.path, this.#node)
  }

  close(): void {
    this.#closed = true
  }

  #checkOpen(): void {
    if (this.#closed) throw ioError(this.path, 'EBADF: the file is closed')
  }
}

function bytesIn(node: TreeNode): number {
  if (node.kind === 'file') return node.content.live.size
  let sum = 0
  for (const child of node.entries.values()) sum += bytesIn(child)
  return sum
}

function ioError(path: string, message: string): MillraceError {
  return new MillraceError({ code: 'MR_DISK_IO', message: `${message}.`, path })
}
