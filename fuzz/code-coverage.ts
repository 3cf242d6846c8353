/** Which code has run in this process, by V8's own block coverage: tells whether an input reached something new. */
import { Session, type Profiler } from 'node:inspector'

export class CodeCoverage implements Disposable {
  readonly #session = new Session()
  readonly #folder: string
  readonly #seen = new Set<string>()

  /** `folder`: only files whose URL contains it count. */
  constructor(folder: string) {
    this.#folder = folder
    this.#session.connect()
    this.#session.post('Profiler.enable')
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
    this.newBlocks()
  }

  /** How many blocks ran for the first time since the last call. */
  newBlocks(): number {
    let found: readonly Profiler.ScriptCoverage[] = []
    // The answer comes before `post` returns: the inspected thread is this one.
    this.#session.post('Profiler.takePreciseCoverage', (error, taken) => {
      if (error === null) found = taken.result
    })
    const before = this.#seen.size
    for (const { url, functions } of found) {
      if (!url.includes(this.#folder)) continue
      for (const { ranges, functionName } of functions) {
        for (const { count, startOffset, endOffset } of ranges)
          if (count > 0) this.#seen.add(`${url} ${functionName} ${startOffset} ${endOffset}`)
      }
    }
    return this.#seen.size - before
  }

  get blocks(): number {
    return this.#seen.size
  }

  [Symbol.dispose](): void {
    this.#session.disconnect()
  }
}
