/**
 * What clients have pushed about themselves, until they have been silent for three of their intervals.
 *
 * The figures of a client are a map from series to value. A series is one string (`seriesKey`): that is how it is looked
 * up, and how thousands of them cross to the thread that shows them at little cost. What is pushed in deltas is added up
 * here, so that counters run from the client's first push; gauges are those of the last push alone.
 *
 * Clients choose names and attributes: there are at most so many series of a client and altogether, and so long ones. What
 * is beyond that is counted, and not kept.
 */
import { OtlpMetrics, type OtlpAttributes, type OtlpPoint } from './otlp-metrics.ts'

/** A client as it is shown. */
export interface PushingClient {
  readonly clientInstanceId: string
  readonly clientId: string
  readonly softwareName: string
  readonly softwareVersion: string
  readonly address: string
  readonly pushIntervalMs: number
}

export interface PushedClient extends PushingClient {
  /** What it says of itself as a whole: its group, its rack, its transactional id. */
  readonly attributes: OtlpAttributes
  readonly sinceLastPushMs: number
  /** `seriesIn` reads them. */
  readonly series: readonly string[]
  readonly values: Float64Array
}

export interface PushedSeries {
  readonly metric: string
  readonly counter: boolean
  readonly attributes: OtlpAttributes
  readonly value: number
}

/** The series of a snapshot. */
export function* seriesIn({ series, values }: PushedClient): Generator<PushedSeries> {
  for (const [index, key] of series.entries()) {
    const [kind, metric, attributes] = JSON.parse(key) as SeriesParts
    yield { metric, counter: kind === COUNTER, attributes, value: values[index]! }
  }
}

const GAUGE = 0
const COUNTER = 1
type SeriesParts = readonly [kind: typeof GAUGE | typeof COUNTER, metric: string, attributes: OtlpAttributes]

const SERIES_PER_CLIENT_MAX = 2_000
const SERIES_MAX = 20_000
/** Of the names and values of one series together. */
const SERIES_LENGTH_MAX = 500
/** What is beyond in one push is not even looked at. */
const POINTS_PER_PUSH_MAX = 5_000
const ATTRIBUTES_MAX = 10

interface KeptClient {
  readonly client: PushingClient
  readonly attributes: OtlpAttributes
  readonly figures: ReadonlyMap<string, number>
  readonly pushedMs: number
  readonly keptUntilMs: number
}

export class PushedMetrics {
  /** In the order of their last push. */
  readonly #clients = new Map<string, KeptClient>()
  #seriesCount = 0
  #dropped = 0

  /** Figures that were pushed and not kept, because there were too many or their names too long. */
  get dropped(): number {
    return this.#dropped
  }

  /** Takes a push, decompressed, to be kept until then. Throws `WireError` when it is no metrics; nothing has changed then. */
  push(client: PushingClient, metricsData: Buffer, nowMs: number, keptUntilMs: number): void {
    this.#forgetSilent(nowMs)
    const { clientInstanceId } = client
    const before = this.#clients.get(clientInstanceId)
    const room = SERIES_MAX - this.#seriesCount + (before?.figures.size ?? 0)
    const { attributes, figures, dropped } = read(metricsData, {
      before: before?.figures ?? new Map<string, number>(),
      seriesMax: Math.min(SERIES_PER_CLIENT_MAX, room),
    })
    this.#forget(clientInstanceId)
    this.#dropped += dropped
    if (figures.size === 0) return
    this.#clients.set(clientInstanceId, { client, attributes, figures, pushedMs: nowMs, keptUntilMs })
    this.#seriesCount += figures.size
  }

  snapshot(nowMs: number): readonly PushedClient[] {
    this.#forgetSilent(nowMs)
    return Array.from(this.#clients.values(), ({ client, attributes, figures, pushedMs }) => ({
      ...client,
      attributes,
      sinceLastPushMs: nowMs - pushedMs,
      series: [...figures.keys()],
      values: Float64Array.from(figures.values()),
    }))
  }

  #forgetSilent(nowMs: number): void {
    for (const [clientInstanceId, { keptUntilMs }] of this.#clients)
      if (keptUntilMs < nowMs) this.#forget(clientInstanceId)
  }

  #forget(clientInstanceId: string): void {
    this.#seriesCount -= this.#clients.get(clientInstanceId)?.figures.size ?? 0
    this.#clients.delete(clientInstanceId)
  }
}

function read(
  metricsData: Buffer,
  { before, seriesMax }: { readonly before: ReadonlyMap<string, number>; readonly seriesMax: number },
): { attributes: OtlpAttributes; figures: Map<string, number>; dropped: number } {
  const figures = new Map([...before].filter(([key]) => isCounter(key)))
  let attributes: OtlpAttributes = []
  let points = 0
  let dropped = 0
  for (const resource of new OtlpMetrics(metricsData).resources()) {
    if (areKept(resource.attributes, 0)) ({ attributes } = resource)
    for (const point of resource.points) {
      if (++points > POINTS_PER_PUSH_MAX) return { attributes, figures, dropped: dropped + 1 }
      const key = seriesKey(point)
      const known = key === undefined ? undefined : figures.get(key)
      if (key === undefined || (known === undefined && figures.size >= seriesMax)) dropped += 1
      else figures.set(key, point.delta ? (known ?? 0) + point.value : point.value)
    }
  }
  return { attributes, figures, dropped }
}

/** Undefined for a series that is too long to be kept. */
function seriesKey({ counter, metric, attributes }: OtlpPoint): string | undefined {
  if (!areKept(attributes, metric.length)) return undefined
  const parts: SeriesParts = [counter ? COUNTER : GAUGE, metric, attributes]
  return JSON.stringify(parts)
}

function isCounter(key: string): boolean {
  return key.startsWith(`[${COUNTER},`)
}

/** Few and short enough, beside a name. */
function areKept(attributes: OtlpAttributes, nameLength: number): boolean {
  return attributes.length <= ATTRIBUTES_MAX && nameLength + textLength(attributes) <= SERIES_LENGTH_MAX
}

function textLength(attributes: OtlpAttributes): number {
  return attributes.reduce((total, [name, value]) => total + name.length + value.length, 0)
}
