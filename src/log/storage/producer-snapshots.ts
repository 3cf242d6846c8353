import { join } from 'node:path/posix'
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
  #offsets: number[]
  #unsynced: LogFile[] = []

  constructor(options: {
    readonly files: OpenFiles
    readonly directory: string
    readonly offsets: readonly number[]
  }) {
    this.#files = options.files
    this.#directory = options.directory
    this.#offsets = [...options.offsets]
  }

  /** Writes the producers as they are at `offset`. Throws what the disk throws, and leaves no file then. */
  take(offset: number, producers: ProducerStates): void {
    const file = this.#file(offset)
    this.#offsets = this.#offsets.filter((each) => each !== offset)
    const bytes = encodeProducerSnapshot(producers.producers())
    try {
      file.create()
      file.write([bytes], 0)
      file.truncate(bytes.length)
    } catch (error) {
      file.remove()
      throw error
    }
    this.#offsets.push(offset)
    this.#unsynced.push(file)
  }

  has(offset: number): boolean {
    return this.#offsets.includes(offset)
  }

  async sync(): Promise<void> {
    const files = this.#unsynced
    this.#unsynced = []
    await Promise.all(files.map((file) => file.sync()))
    for (const file of files) file.close()
  }

  /** Deletes all that are older than the newest one at or below `offset`. */
  prune(offset: number): void {
    const newest = this.#offsets.findLast((each) => each <= offset)
    if (newest === undefined) return
    for (const old of this.#offsets.filter((each) => each < newest)) this.#file(old).remove()
    this.#offsets = this.#offsets.filter((each) => each >= newest)
  }

  close(): void {
    for (const file of this.#unsynced) file.close()
  }

  #file(offset: number): LogFile {
    return this.#files.file(join(this.#directory, segmentFileName(offset, 'snapshot')))
  }
}
