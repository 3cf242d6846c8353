/** The terminal of `npm start`: what happens as it happens, and a summary. */
import type { RunningJob } from 'millrace'
import type { Alert, Quake } from '../earthquakes.ts'

const LATE_SHOWN = 5

export class Screen {
  readonly #run: RunningJob
  #fed = 0
  #knownMs = 0
  #alerts = 0
  #windows = 0
  #late = 0
  readonly #kinds = new Map<string, number>()

  constructor(run: RunningJob) {
    this.#run = run
  }

  /** Answers that came back from the log. */
  get readBack(): number {
    return this.#alerts + this.#windows + this.#late
  }

  start({ everyMs }: { readonly everyMs: number }): Disposable {
    let before = { fed: 0, atMs: Date.now() }
    const timer = setInterval(() => {
      const rate = ((this.#fed - before.fed) * 1000) / (Date.now() - before.atMs)
      before = { fed: this.#fed, atMs: Date.now() }
      console.log(this.#status(rate))
    }, everyMs)
    return { [Symbol.dispose]: () => clearInterval(timer) }
  }

  fed(quake: Quake): void {
    this.#fed++
    this.#knownMs = quake.properties.updated
  }

  alert(alert: Alert): void {
    this.#alerts++
    this.#kinds.set(alert.kind, (this.#kinds.get(alert.kind) ?? 0) + 1)
    console.log(`  ALERT  ${describe(alert)}`)
  }

  window(_window: unknown): void {
    this.#windows++
  }

  late({ properties: { mag, place, time, updated } }: Quake): void {
    this.#late++
    if (this.#late > LATE_SHOWN) return
    const hours = Math.round((updated - time) / 3_600_000)
    console.log(
      `  LATE   M ${mag} ${place}: known ${hours} hours after the earth moved, its windows are over`,
    )
    if (this.#late === LATE_SHOWN)
      console.log('  LATE   … further ones are only counted; all are in the topic quakes-late')
  }

  summary(): string {
    const { steps, checkpoints } = this.#run.metrics()
    const read = steps.find((step) => step.kind === 'source')?.eventsIn ?? 0
    const filtered = steps.reduce((sum, step) => sum + (step.counters['filtered'] ?? 0), 0)
    const kinds = [...this.#kinds].map(([kind, count]) => `${count} ${kind}`).join(', ')
    const { completed, last } = checkpoints
    return [
      '',
      `read      ${number(read)} events (produced ${number(this.#fed)})`,
      `ignored   ${number(filtered)} that are no earthquakes`,
      `on time   ${number(read - filtered - this.#late)}`,
      `late      ${number(this.#late)}`,
      `answered  ${number(this.#windows)} windows, ${number(this.#alerts)} alerts${kinds === '' ? '' : ` (${kinds})`}`,
      `watermark ${this.#watermark()}; windows that end later stay open for what may still come`,
      `safety    ${number(completed)} checkpoints${last === undefined ? '' : `, the last in ${last.durationMs.toFixed(0)} ms`}; every answer exactly once`,
    ].join('\n')
  }

  #status(rate: number): string {
    const known = this.#knownMs === 0 ? '–' : minute(this.#knownMs)
    return (
      `known until ${known}  watermark ${this.#watermark()}  ${number(this.#fed)} events (${rate.toFixed(0)}/s)  ` +
      `${number(this.#windows)} windows  ${number(this.#alerts)} alerts  ${number(this.#late)} late`
    )
  }

  #watermark(): string {
    const step = this.#run.metrics().steps.find((one) => one.kind === 'event-time')
    return step?.watermarkMs === undefined ? '–' : minute(step.watermarkMs)
  }
}

function describe(alert: Alert): string {
  const { region } = alert
  switch (alert.kind) {
    case 'swarm':
      return `swarm in ${region}: ${alert.quakes} quakes between ${minute(alert.sinceMs)} and ${minute(alert.atMs)}`
    case 'swarm-over':
      return `swarm in ${region} over: ${alert.quakes} quakes since ${minute(alert.sinceMs)}, the strongest M ${alert.strongest}`
    case 'aftershock':
      return `aftershock ${alert.number} of ${alert.mainshock} in ${region}: M ${alert.magnitude}, ${alert.km} km away, ${minute(alert.atMs)}`
  }
}

function minute(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 16).replace('T', ' ')
}

function number(value: number): string {
  return value.toLocaleString('en')
}
