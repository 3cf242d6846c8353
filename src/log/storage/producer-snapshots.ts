import type { LogFile, OpenFiles } from './open-files.ts'
import { encodeProducerSnapshot } from './producer-snapshot.ts'
import type { ProducerStates } from './producer-states.ts'
import { segmentFileName } from './segment-file-names.ts'

/**
 * The snapshot files of a partition. One is taken at every roll and at a clean shutdown, so that a restart need not read
 * the whole log to know its producers. A snapshot is never the only way: recovery takes the newest whole one.
 */
export class ProducerSnapshots {
  readonly #files: OpenFiles
  readonly #directory: string
  /** Ascending. */
  #offsets: readonly number[]
  /** Files that are not on the device yet, by offset; made with the first, as most partitions have none. */
  #unsynced: Map<number, LogFile> | undefined

  /** A snapshot that every recovery can begin with; -1 before one is known. */
  #coveredTo = -1

  constructor(options: {
    readonly files: OpenFiles
    readonly directory: string
    readonly offsets: readonly number[]
    /** Whether the files that are there are known to be on the device. */
    readonly synced: boolean
  }) {
    this.#files = options.files
    this.#directory = options.directory
    this.#offsets = options.offsets
    if (!options.synced) for (const offset of this.#offsets) this.#mustSync(offset, this.#file(offset))
  }

  /** Writes the producers as they are at `offset`. Throws what the disk throws, and leaves no file then. */
  take(offset: number, producers: ProducerStates): void {
    const file = this.#file(offset)
    this.#forget(offset)
    const bytes = encodeProducerSnapshot(producers.producers())
    try {
      file.create()
      file.write([bytes], 0)
      file.truncate(bytes.length)
    } catch (error) {
      file.remove()
      throw error
    }
    this.#offsets = [...this.#offsets, offset]
    this.#mustSync(offset, file)
  }

  /**
   * Whether the log may begin at `offset`, a segment's first: everything below can be forgotten because a snapshot that
   * any recovery finds knows it. That is one of exactly this offset, or one further up from which recovery points on lie.
   */
  coverStartAt(offset: number): boolean {
    return offset <= this.#coveredTo || (this.#offsets.includes(offset) && !this.#isUnsynced(offset))
  }

  async sync(): Promise<void> {
    const files = [...(this.#unsynced ?? [])]
    await Promise.all(files.map(([, file]) => file.sync()))
    for (const [offset, file] of files) {
      file.close()
      if (this.#unsynced?.get(offset) === file) this.#unsynced.delete(offset)
    }
  }

  /**
   * No recovery will begin below `offset` any more: deletes all that are older than the newest one at or below it that is
   * on the device.
   */
  prune(offset: number): void {
    const newest = this.#offsets.findLast((each) => each <= offset && !this.#isUnsynced(each))
    if (newest === undefined) return
    this.#coveredTo = Math.max(this.#coveredTo, newest)
    for (const old of this.#offsets.filter((each) => each < newest)) {
      this.#forget(old)
      this.#file(old).remove()
    }
  }

  /** Deletes those between two offsets, both exclusive: what earlier shutdowns left inside the active segment. */
  removeBetween(after: number, before: number): void {
    for (const offset of this.#offsets.filter((each) => each > after && each < before)) {
      this.#forget(offset)
      this.#file(offset).remove()
    }
  }

  close(): void {
    for (const file of this.#unsynced?.values() ?? []) file.close()
  }

  #forget(offset: number): void {
    this.#offsets = this.#offsets.filter((each) => each !== offset)
    this.#unsynced?.get(offset)?.close()
    this.#unsynced?.delete(offset)
  }

  #mustSync(offset: number, file: LogFile): void {
    this.#unsynced ??= new Map()
    this.#unsynced.set(offset, file)
  }

  #isUnsynced(offset: number): boolean {
    return this.#unsynced?.has(offset) === true
  }

  #file(offset: number): LogFile {
    return this.#files.file(this.#directory, segmentFileName(offset, 'snapshot'))
  }
}
