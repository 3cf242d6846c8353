import { join } from 'node:path/posix'
import type { Disk } from '../../world/world.ts'
import { DiskCheckpointStore, type CheckpointStore } from './store.ts'
import type { Manifest } from './snapshot.ts'
import { reportNothing } from '../../base/report.ts'

/** Checkpoints of a job that has no directory for them: good for restarts inside this process, gone with it. */
export class MemoryCheckpointStore implements CheckpointStore {
  readonly #disk: Disk
  #latest: Manifest | undefined

  constructor(disk: Disk) {
    this.#disk = disk
  }

  stateDirectory(): undefined {
    return undefined
  }

  begin(): Promise<void> {
    return Promise.resolve()
  }

  complete(manifest: Manifest): Promise<void> {
    this.#latest = manifest
    return Promise.resolve()
  }

  discard(): void {}

  latest(): { readonly manifest: Manifest | undefined; readonly nextCheckpointId: number } {
    return { manifest: this.#latest, nextCheckpointId: (this.#latest?.checkpointId ?? 0) + 1 }
  }

  async exportTo(manifest: Manifest, path: string): Promise<void> {
    const disk = new DiskCheckpointStore({
      disk: this.#disk,
      path: join(path, '..'),
      job: manifest.job,
      report: reportNothing,
    })
    await disk.exportTo(manifest, path)
  }
}
