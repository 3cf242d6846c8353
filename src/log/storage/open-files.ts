import { join } from 'node:path/posix'
import type { Disk, DiskFile } from '../../world/world.ts'

/**
 * Keeps the number of open files below a cap. A `LogFile` stands for a path and opens it when it is used; when too many
 * are open, those unused for longest are closed and open again on their next use. Closing loses nothing: what was
 * written stays in the page cache, and a sync through another descriptor covers it.
 */
export class OpenFiles {
  readonly disk: Disk
  readonly #maxOpen: number
  readonly #open = new Set<LogFile>()
  /** A logical clock of uses. */
  #uses = 0

  constructor(disk: Disk, maxOpen: number) {
    this.disk = disk
    this.#maxOpen = Math.max(2, maxOpen)
  }

  /** A file that is opened on first use. */
  file(directory: string, name: string): LogFile {
    return new LogFile(this, directory, name)
  }

  get openCount(): number {
    return this.#open.size
  }

  /** Called by `LogFile` on each use. */
  used(file: LogFile): number {
    if (!this.#open.has(file)) {
      if (this.#open.size >= this.#maxOpen) this.#closeOldest()
      this.#open.add(file)
    }
    return ++this.#uses
  }

  /** Called by `LogFile` when it closed its descriptor. */
  closed(file: LogFile): void {
    this.#open.delete(file)
  }

  /** Closes an eighth of the files at once, so that the search is paid rarely. */
  #closeOldest(): void {
    const oldest = [...this.#open].sort((a, b) => a.lastUse - b.lastUse)
    const count = Math.max(1, Math.floor(oldest.length / 8))
    for (const file of oldest.slice(0, count)) file.close()
  }
}

/** One file of the log; the same object for as long as the log knows the file, open or not. */
export class LogFile {
  readonly #files: OpenFiles
  readonly #directory: string
  readonly #name: string
  #handle: DiskFile | undefined
  #mayCreate = false
  lastUse = 0

  constructor(files: OpenFiles, directory: string, name: string) {
    this.#files = files
    this.#directory = directory
    this.#name = name
  }

  /** Put together when it is needed: there are several files to a partition, and the path of each is 100 bytes and more. */
  get path(): string {
    return join(this.#directory, this.#name)
  }

  /** Creates the file if it does not exist. */
  create(): void {
    this.#mayCreate = true
    this.#use()
    this.#mayCreate = false
  }

  exists(): boolean {
    return this.#handle !== undefined || this.#files.disk.stat(this.path) !== undefined
  }

  sizeBytes(): number {
    return this.#use().sizeBytes()
  }

  read(target: Uint8Array, position: number): number {
    return this.#use().read(target, position)
  }

  preload(position: number, sizeBytes: number): Promise<void> {
    return this.#use().preload(position, sizeBytes)
  }

  write(chunks: readonly Uint8Array[], position: number): void {
    this.#use().write(chunks, position)
  }

  truncate(sizeBytes: number): void {
    this.#use().truncate(sizeBytes)
  }

  sync(): Promise<void> {
    return this.#use().sync()
  }

  close(): void {
    const handle = this.#handle
    if (handle === undefined) return
    this.#handle = undefined
    this.#files.closed(this)
    handle.close()
  }

  /** Closes and deletes. */
  remove(): void {
    this.close()
    this.#files.disk.remove(this.path)
  }

  #use(): DiskFile {
    this.lastUse = this.#files.used(this)
    if (this.#handle === undefined) {
      try {
        this.#handle = this.#files.disk.open(this.path, { create: this.#mayCreate })
      } catch (error) {
        this.#files.closed(this)
        throw error
      }
    }
    return this.#handle
  }
}
