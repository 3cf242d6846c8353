import { join } from 'node:path/posix'
import type { Report } from '../../base/report.ts'
import { readText } from '../../world/files.ts'
import type { Disk } from '../../world/world.ts'
import { AtomicFile } from './atomic-file.ts'
import { decodeOffsetCheckpoint, encodeOffsetCheckpoint } from './checkpoint-files.ts'
import type { PartitionLog } from './partition-log.ts'

/** The files that say, for all partitions, up to where records are on the device, deleted, and compacted. */
export class LogCheckpoints {
  readonly #partitions: () => Iterable<PartitionLog>
  readonly #recoveryPoints: AtomicFile
  readonly #logStarts: AtomicFile
  readonly #cleaned: AtomicFile
  readonly #disk: Disk
  readonly #report: Report

  constructor(options: {
    readonly disk: Disk
    readonly directory: string
    readonly report: Report
    readonly partitions: () => Iterable<PartitionLog>
  }) {
    const { disk, directory } = options
    this.#disk = disk
    this.#report = options.report
    this.#partitions = options.partitions
    this.#recoveryPoints = new AtomicFile({
      disk,
      path: join(directory, 'recovery-point-offset-checkpoint'),
      render: () => this.#render((partition) => partition.durableOffset),
    })
    this.#logStarts = new AtomicFile({
      disk,
      path: join(directory, 'log-start-offset-checkpoint'),
      render: () => this.#render((partition) => partition.logStartOffset),
    })
    this.#cleaned = new AtomicFile({
      disk,
      path: join(directory, 'cleaner-offset-checkpoint'),
      render: () => this.#render((partition) => partition.cleanedTo),
    })
  }

  /** What the files say, by `topic-partition`; damaged ones say nothing. */
  read(): {
    readonly recoveryPoints: ReadonlyMap<string, number>
    readonly logStarts: ReadonlyMap<string, number>
    readonly cleaned: ReadonlyMap<string, number>
  } {
    return {
      recoveryPoints: this.#read(this.#recoveryPoints.path),
      logStarts: this.#read(this.#logStarts.path),
      cleaned: this.#read(this.#cleaned.path),
    }
  }

  async saveRecoveryPoints(): Promise<void> {
    const points = Array.from(this.#partitions(), (partition) => ({
      partition,
      offset: partition.durableOffset,
    }))
    await this.#recoveryPoints.save()
    for (const { partition, offset } of points) partition.recoveryPointSaved(offset)
  }

  saveLogStarts(): Promise<void> {
    return this.#logStarts.save()
  }

  saveCleaned(): Promise<void> {
    return this.#cleaned.save()
  }

  /** Resolves when nothing is being written. */
  async idle(): Promise<void> {
    await Promise.all([this.#recoveryPoints.idle(), this.#logStarts.idle(), this.#cleaned.idle()])
  }

  #render(offsetOf: (partition: PartitionLog) => number): string {
    return encodeOffsetCheckpoint(
      Array.from(this.#partitions(), (log) => ({
        topic: log.topic,
        partition: log.partition,
        offset: offsetOf(log),
      })),
    )
  }

  #read(path: string): ReadonlyMap<string, number> {
    const text = readText(this.#disk, path)
    const offsets = text === undefined ? [] : decodeOffsetCheckpoint(text)
    if (offsets === undefined) this.#report('warn', 'checkpoint file is damaged and not used', { path })
    return new Map((offsets ?? []).map(({ topic, partition, offset }) => [`${topic}-${partition}`, offset]))
  }
}
