/** A mirror on the terminal: progress on one line, what happens above it; JSON lines for programs. */
import type { ReportLevel } from '../base/report.ts'
import type { MirrorStatus } from '../mirror/mirror-options.ts'
import { startMirror } from '../mirror/start-mirror.ts'
import { securityOf } from './cluster.ts'
import type { MirrorCommandOptions } from './mirror.ts'
import { renderTable, terminal } from './output.ts'

const PROGRESS_MS = 500

export async function runMirror(options: MirrorCommandOptions, stop: Promise<unknown>): Promise<void> {
  const { from, to, fromConfig, toConfig, json, every, ...rest } = options
  const [fromSecurity, toSecurity] = await Promise.all([securityOf(fromConfig), securityOf(toConfig)])
  const { topics, exclude, groups, prefix, name, offsets, onLost, once, wait } = rest
  const mirror = await startMirror({
    from: { bootstrap: from, security: fromSecurity },
    to: { bootstrap: to, security: toSecurity },
    topics,
    exclude,
    prefix,
    offsets,
    onLost,
    once,
    giveUpAfterMs: wait * 1000,
    ...(groups !== undefined && { groups }),
    ...(name !== undefined && { name }),
    report: (level, event, fields) => tell(level, event, { fields, json }),
  })
  void stop.then(() => mirror.stop())
  let toldMs = performance.now()
  const progress = setInterval(() => {
    const status = mirror.status()
    if (process.stderr.isTTY && !json) return terminal.progress(`millrace: ${line(status)}`)
    if (performance.now() < toldMs + every * 1000) return
    toldMs = performance.now()
    if (json) terminal.out(JSON.stringify({ event: 'progress', ...status }))
    else terminal.note(`millrace: ${line(status)}`)
  }, PROGRESS_MS)
  try {
    await mirror.ended
  } finally {
    clearInterval(progress)
    summarize(mirror.status(), json)
  }
}

function tell(
  level: ReportLevel,
  event: string,
  { fields, json }: { readonly fields: Readonly<Record<string, unknown>>; readonly json: boolean },
): void {
  if (level === 'debug') return
  if (json) return terminal.out(JSON.stringify({ event: 'report', level, what: event, ...fields }))
  if (event === 'mirror: waiting') return terminal.note(`millrace: waiting: ${waitingFor(fields)}`)
  const what = Object.entries(fields)
    .map(([name, value]) => `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ')
  terminal.note(`millrace: ${event.replace(/^mirror: /, '')}${what === '' ? '' : `: ${what}`}`)
}

function waitingFor({ reason, lag }: Readonly<Record<string, unknown>>): string {
  const behind = typeof lag === 'number' && lag > 0 ? `; ${plural(lag, 'record')} to go` : ''
  return `${String(reason).replace(/\.$/, '')} (tried again and again${behind})`
}

function plural(count: number, thing: string): string {
  return `${count.toLocaleString('en')} ${thing}${count === 1 ? '' : 's'}`
}

/** Why it waits was said above, see `waitingFor`; how far behind it is nobody knows before the first look. */
function line({ state, records, bytes, lag, partitions }: MirrorStatus): string {
  const megabytes = (bytes / 1e6).toLocaleString('en', { maximumFractionDigits: 1 })
  const toGo =
    partitions.length === 0
      ? ''
      : `, ${lag.toLocaleString('en')} to go in ${plural(partitions.length, 'partition')}`
  return `${state}, ${plural(records, 'record')} (${megabytes} MB) copied${toGo}`
}

function summarize(status: MirrorStatus, json: boolean): void {
  if (json) return terminal.out(JSON.stringify({ event: 'end', ...status }))
  terminal.note(`millrace: ${line(status)}`)
  if (status.partitions.length === 0) return
  const heads = ['TOPIC', 'PARTITION', 'OFFSETS', 'POSITION', 'END', 'LAG', 'RECORDS', 'LOST']
  const rows = status.partitions.map(({ target, partition, offsets, position, end, lag, records, lost }) => [
    target,
    partition,
    offsets,
    position,
    end,
    lag,
    records,
    lost,
  ])
  terminal.out(renderTable(heads, rows))
}
