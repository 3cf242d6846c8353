import { join } from 'node:path/posix'
import { messageOf, MillraceError } from '../../base/millrace-error.ts'
import type { Report } from '../../base/report.ts'
import { readText } from '../../world/files.ts'
import type { Disk } from '../../world/world.ts'
import { AtomicFile } from './atomic-file.ts'

/** Ids that are reserved on disk at a time; a crash loses at most twice as many. */
const BLOCK = 1000

/**
 * Hands out producer ids that are never given twice, crashes included: the file `millrace-producer-ids` holds an id
 * below which all may have been given out. It is moved up a block ahead, so that no one waits.
 */
export class ProducerIds {
  readonly #file: AtomicFile
  readonly #report: Report
  #next: number
  /** Ids below are reserved on the device. */
  #reserved: number
  #reserving = false

  private constructor(options: {
    readonly disk: Disk
    readonly directory: string
    readonly report: Report
    readonly next: number
  }) {
    this.#next = options.next
    this.#reserved = options.next
    this.#report = options.report
    const path = join(options.directory, PRODUCER_IDS_FILE_NAME)
    this.#file = new AtomicFile({ disk: options.disk, path, render: () => `${this.#target()}\n` })
  }

  /** `atLeast` is above every id that the log knows. */
  static async open(options: {
    readonly disk: Disk
    readonly directory: string
    readonly report: Report
    readonly atLeast: number
  }): Promise<ProducerIds> {
    const text = readText(options.disk, join(options.directory, PRODUCER_IDS_FILE_NAME))
    const saved = text !== undefined && /^\d+\s*$/.test(text) ? Number(text) : 0
    const ids = new ProducerIds({ ...options, next: Math.max(saved, options.atLeast) })
    await ids.#tryReserve()
    return ids
  }

  /** Throws `MR_PRODUCER_ID_UNAVAILABLE` while the disk refuses to reserve more. */
  next(): number {
    if (this.#reserved - this.#next <= BLOCK / 2 && !this.#reserving) {
      void this.#tryReserve()
    }
    if (this.#next >= this.#reserved) {
      throw new MillraceError({
        code: 'MR_PRODUCER_ID_UNAVAILABLE',
        message: 'all reserved producer ids are given out, and the next ones are not on disk yet.',
        fix: 'Try again; look at the disk if it lasts.',
      })
    }
    return this.#next++
  }

  /** Resolves when nothing is being written. */
  idle(): Promise<void> {
    return this.#file.idle()
  }

  async #tryReserve(): Promise<void> {
    this.#reserving = true
    try {
      const target = this.#target()
      await this.#file.save()
      this.#reserved = target
    } catch (error) {
      this.#report('error', 'producer ids were not reserved', { reason: messageOf(error) })
    } finally {
      this.#reserving = false
    }
  }

  #target(): number {
    return this.#reserved + BLOCK
  }
}

const PRODUCER_IDS_FILE_NAME = 'millrace-producer-ids'
