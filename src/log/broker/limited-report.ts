import type { Report, ReportLevel } from '../../base/report.ts'
import type { Clock } from '../../world/world.ts'

/** Lines at once about one cause, and lines a second afterwards. */
const PER_CAUSE = { burst: 10, perSecond: 1 }
const OVERALL = { burst: 200, perSecond: 20 }
/** Causes that are remembered; beyond these the one that came first is forgotten. */
const CAUSES_MAX = 1000
/** Clients may call themselves and others whatever fits a request: so many characters of it are told. */
const TEXT_MAX = 500

/**
 * Says what clients did wrong without letting those who do it in a loop fill the disk: each cause (a principal, an
 * address) has ten lines at once and then one a second, all causes together 200 and 20 a second. A line says how many
 * of its cause were left out before it (`leftOut`), and long texts in it are cut.
 */
export class LimitedReport {
  readonly #report: Report
  readonly #clock: Clock
  readonly #overall: Allowance
  readonly #causes = new Map<string, { readonly allowance: Allowance; leftOut: number }>()

  constructor(options: { readonly report: Report; readonly clock: Clock }) {
    this.#report = options.report
    this.#clock = options.clock
    this.#overall = new Allowance(OVERALL, this.#clock.monotonicMs())
  }

  /** `fields` runs only when there is a line to be written. */
  say(
    level: ReportLevel,
    event: string,
    line: { readonly cause: string; readonly fields: () => Readonly<Record<string, unknown>> },
  ): void {
    const nowMs = this.#clock.monotonicMs()
    const key = `${event} ${line.cause.slice(0, TEXT_MAX)}`
    let cause = this.#causes.get(key)
    if (cause === undefined) {
      if (this.#causes.size >= CAUSES_MAX) this.#causes.delete(this.#causes.keys().next().value!)
      this.#causes.set(key, (cause = { allowance: new Allowance(PER_CAUSE, nowMs), leftOut: 0 }))
    }
    if (!cause.allowance.take(nowMs) || !this.#overall.take(nowMs)) {
      cause.leftOut += 1
      return
    }
    const { leftOut } = cause
    cause.leftOut = 0
    const fields: Record<string, unknown> = {}
    for (const [name, value] of Object.entries(line.fields())) fields[name] = shortened(value)
    if (leftOut > 0) fields['leftOut'] = leftOut
    this.#report(level, event, fields)
  }
}

function shortened(value: unknown): unknown {
  if (typeof value !== 'string' || value.length <= TEXT_MAX) return value
  return `${value.slice(0, TEXT_MAX)}… (${value.length} characters)`
}

/** So many at once, and so many a second. */
class Allowance {
  readonly #rate: { readonly burst: number; readonly perSecond: number }
  #left: number
  #atMs: number

  constructor(rate: { readonly burst: number; readonly perSecond: number }, nowMs: number) {
    this.#rate = rate
    this.#left = rate.burst
    this.#atMs = nowMs
  }

  take(nowMs: number): boolean {
    const { burst, perSecond } = this.#rate
    this.#left = Math.min(burst, this.#left + ((nowMs - this.#atMs) / 1000) * perSecond)
    this.#atMs = nowMs
    if (this.#left < 1) return false
    this.#left -= 1
    return true
  }
}
