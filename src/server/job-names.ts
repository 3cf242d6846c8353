import { MillraceError } from '../base/millrace-error.ts'

interface Claim {
  /** Throws `MR_JOB_RUNS` when another job that has not ended has the name. */
  take(name: string): void
  release(): void
}

/** The names of the jobs that run: checkpoints and transactional ids are named after them, so two must not share one. */
export class JobNames {
  readonly #taken = new Map<string, Claim>()

  /** For one job, whose name is not known before it is loaded. */
  claim(): Claim {
    const claim: Claim = {
      take: (name) => {
        const holder = this.#taken.get(name)
        if (holder !== undefined && holder !== claim) {
          throw new MillraceError({
            code: 'MR_JOB_RUNS',
            job: name,
            message: 'a job of this name runs already in this process.',
            fix: 'Stop it first, or give the other one a name of its own.',
          })
        }
        this.#taken.set(name, claim)
      },
      release: () => {
        for (const [name, holder] of this.#taken) if (holder === claim) this.#taken.delete(name)
      },
    }
    return claim
  }
}
