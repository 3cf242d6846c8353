import { writeAtomically } from '../../world/files.ts'
import type { Disk } from '../../world/world.ts'
import { SharedRun } from './shared-run.ts'

/** A small text file of the log that is always replaced as a whole; saves that overlap are merged. */
export class AtomicFile {
  readonly path: string
  readonly #saves: SharedRun

  /** `render` gives the text of the moment; it runs when a save begins. */
  constructor(options: { readonly disk: Disk; readonly path: string; readonly render: () => string }) {
    const { disk, path, render } = options
    this.path = path
    this.#saves = new SharedRun(() => writeAtomically(disk, path, render()))
  }

  /** Resolves when the text of a moment after this call is on the device. Calls during a save share the next one. */
  save(): Promise<void> {
    return this.#saves.run()
  }

  /** Resolves when no save is under way: nothing of this object touches the file any more, unless asked to. */
  idle(): Promise<void> {
    return this.#saves.idle()
  }
}
