/**
 * Runs a task for many callers at once: who calls during a run shares the next one, together with all others who call
 * meanwhile. A caller's promise stands for a run that began after the call, so that whatever it covers is covered.
 */
export class SharedRun {
  readonly #task: () => Promise<void>
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined

  constructor(task: () => Promise<void>) {
    this.#task = task
  }

  get isRunning(): boolean {
    return this.#running !== undefined
  }

  /** The run under way; for callers who know that it covers them. */
  get current(): Promise<void> | undefined {
    return this.#running
  }

  run(): Promise<void> {
    if (this.#next !== undefined) return this.#next
    if (this.#running === undefined) return this.#start()
    this.#next = this.#running.then(
      () => this.#startNext(),
      () => this.#startNext(),
    )
    return this.#next
  }

  /** Resolves when nothing runs and nothing waits to run, however the runs end. */
  async idle(): Promise<void> {
    for (let last = this.#next ?? this.#running; last !== undefined; last = this.#next ?? this.#running) {
      await last.catch(() => {})
    }
  }

  #startNext(): Promise<void> {
    this.#next = undefined
    return this.#start()
  }

  #start(): Promise<void> {
    const run = this.#task().finally(() => {
      if (this.#running === run) this.#running = undefined
    })
    this.#running = run
    return run
  }
}
