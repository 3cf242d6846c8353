/** The terminal of `npm start`: what happens as it happens, and a summary. */
import { styleText } from 'node:util'
import type { RunningJob } from 'millrace'
import type { Activity, Alert, Quake } from '../earthquakes.ts'

const LATE_SHOWN = 5
const HOUR_MS = 3_600_000

/**
 * On a terminal the last line tells how things stand and is drawn again, with everything else scrolling by above it;
 * elsewhere how things stand is a line now and then.
 */
export class Screen {
  readonly #run: RunningJob
  readonly #out: NodeJS.WriteStream
  #fed = 0
  #knownMs = 0
  #windows = 0
  #alerts = 0
  #late = 0
  readonly #kinds = new Map<string, number>()
  #busiest: Activity | undefined
  #statusDrawn = false

  constructor(run: RunningJob, out: NodeJS.WriteStream = process.stdout) {
    this.#run = run
    this.#out = out
  }

  /** Answers that came back from the log. */
  get readBack(): number {
    return this.#alerts + this.#windows + this.#late
  }

  /** Shows how things stand, again and again, until it is disposed of. */
  start(): Disposable {
    const everyMs = this.#out.isTTY ? 250 : 5_000
    let before = { fed: 0, atMs: Date.now() }
    let rate = 0
    const timer = setInterval(() => {
      const nowMs = Date.now()
      if (nowMs - before.atMs >= 1_000) {
        rate = ((this.#fed - before.fed) * 1000) / (nowMs - before.atMs)
        before = { fed: this.#fed, atMs: nowMs }
      }
      this.#drawStatus(this.#status(rate))
    }, everyMs)
    return {
      [Symbol.dispose]: () => {
        clearInterval(timer)
        this.#clearStatus()
      },
    }
  }

  line(text: string): void {
    this.#clearStatus()
    this.#out.write(`${text}\n`)
  }

  fed(quake: Quake): void {
    this.#fed++
    this.#knownMs = quake.properties.updated
  }

  alert(alert: Alert): void {
    this.#alerts++
    this.#kinds.set(alert.kind, (this.#kinds.get(alert.kind) ?? 0) + 1)
    this.line(`  ${this.#styled('yellow', 'ALERT')}  ${minute(alert.atMs)}  ${describe(alert)}`)
  }

  window(window: Activity): void {
    this.#windows++
    if (window.quakes > (this.#busiest?.quakes ?? 0)) this.#busiest = window
  }

  late({ properties: { mag, place, time, updated } }: Quake): void {
    this.#late++
    if (this.#late > LATE_SHOWN) return
    const hours = Math.round((updated - time) / HOUR_MS)
    const label = this.#styled('dim', 'LATE ')
    this.line(
      `  ${label}  ${minute(time)}  M ${mag} ${place}: known ${hours} hours after the earth moved, when its windows were over`,
    )
    if (this.#late === LATE_SHOWN)
      this.line(`  ${label}  further ones are only counted; the topic quakes-late has them all`)
  }

  summary(): string {
    const { steps, checkpoints } = this.#run.metrics()
    const countOf = (name: string): number => steps.find((step) => step.name === name)?.eventsIn ?? 0
    const filtered = steps.reduce((sum, step) => sum + (step.counters['filtered'] ?? 0), 0)
    const read = countOf('quakes')
    const kinds = [...this.#kinds].map(([kind, count]) => `${count} ${kind}`).join(', ')
    const { completed, last } = checkpoints
    return [
      '',
      `read      ${number(read)} events of ${number(this.#fed)} produced`,
      `ignored   ${number(filtered)} that are no earthquakes`,
      `on time   ${number(read - filtered - countOf('late-out'))}`,
      `late      ${number(countOf('late-out'))} for windows, ${number(countOf('alerts-late-out'))} for alerts`,
      `answered  ${number(this.#windows)} windows, ${number(this.#alerts)} alerts${kinds === '' ? '' : ` (${kinds})`}`,
      ...(this.#busiest === undefined ? [] : [`busiest   ${activity(this.#busiest)}`]),
      `watermark ${this.#watermark()}; windows that end later stay open for what may still come`,
      `safety    ${number(completed)} checkpoints${last === undefined ? '' : `, the last in ${last.durationMs.toFixed(0)} ms`}; every answer exactly once`,
    ].join('\n')
  }

  #status(rate: number): string {
    const known = this.#knownMs === 0 ? '–' : minute(this.#knownMs)
    return [
      `known until ${known}`,
      `watermark ${this.#watermark()}`,
      `${number(this.#fed)} events, ${rate.toFixed(0)}/s`,
      `${number(this.#windows)} windows`,
      `${number(this.#alerts)} alerts`,
      `${number(this.#late)} late`,
    ].join(' · ')
  }

  #watermark(): string {
    const step = this.#run.metrics().steps.find((one) => one.kind === 'event-time')
    return step?.watermarkMs === undefined ? '–' : minute(step.watermarkMs)
  }

  #drawStatus(text: string): void {
    if (!this.#out.isTTY) return this.line(text)
    this.#clearStatus()
    this.#out.write(this.#styled('cyan', text.slice(0, this.#out.columns - 1)))
    this.#statusDrawn = true
  }

  #clearStatus(): void {
    if (this.#statusDrawn) this.#out.write('\r\u001b[2K')
    this.#statusDrawn = false
  }

  #styled(style: 'yellow' | 'cyan' | 'dim', text: string): string {
    return styleText(style, text, { stream: this.#out })
  }
}

function describe(alert: Alert): string {
  const { region } = alert
  switch (alert.kind) {
    case 'swarm':
      return `swarm in ${region}: ${alert.quakes} quakes since ${minute(alert.sinceMs)}`
    case 'swarm-over':
      return `swarm in ${region} over: ${alert.quakes} quakes since ${minute(alert.sinceMs)}, the strongest M ${alert.strongest}`
    case 'aftershock':
      return `aftershock ${alert.number} of ${alert.mainshock} (M ${alert.mainshockMagnitude}) in ${region}: M ${alert.magnitude}, ${alert.km} km away`
  }
}

function activity({ key, quakes, strongest, windowStart, windowEnd }: Activity): string {
  return `${key}, ${quakes} quakes from ${minute(windowStart)} to ${minute(windowEnd)}, the strongest M ${strongest}`
}

/** "Feb 01 13:59", UTC. */
function minute(timeMs: number): string {
  const text = new Date(timeMs).toUTCString()
  return `${text.slice(8, 11)} ${text.slice(5, 7)} ${text.slice(17, 22)}`
}

function number(value: number): string {
  return value.toLocaleString('en')
}
