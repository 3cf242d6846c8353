/**
 * What the job must find, computed the plain way: the whole week in memory, no streams, no state, none of the job's
 * code. Only how time passes is followed event by event, since it decides what is late.
 */
import { readFileSync } from 'node:fs'

const HOUR = 3_600_000
const [DISORDER, LATENESS, WINDOW, SLIDE] = [36 * HOUR, 24 * HOUR, 6 * HOUR, HOUR]

interface Feature {
  readonly id: string
  readonly properties: { mag: number; place: string; time: number; updated: number; type: string }
  readonly geometry: { coordinates: [longitude: number, latitude: number, depth: number] }
}

export interface ExpectedResults {
  readonly ignored: number
  /** `region/window start` → what the last result for it says. */
  readonly windows: ReadonlyMap<string, { readonly quakes: number; readonly strongest: number }>
  /** Ids of those that came when all of their windows were over. */
  readonly late: readonly string[]
  /** Ids of those that came when the sequences of their time had been told. */
  readonly lateForAlerts: readonly string[]
  readonly alerts: readonly object[]
}

export function expectedResults(): ExpectedResults {
  const path = new URL('../../node_modules/vega-datasets/data/earthquakes.json', import.meta.url)
  const all = (JSON.parse(readFileSync(path, 'utf8')) as { features: Feature[] }).features
  const known = all.toSorted((a, b) => a.properties.updated - b.properties.updated || (a.id < b.id ? -1 : 1))
  const quakes = known.filter((quake) => quake.properties.type === 'earthquake')

  const counted = new Map<string, { end: number; quakes: number; strongest: number }>()
  const late: string[] = []
  const lateForAlerts: string[] = []
  const forAlerts: Feature[] = []
  let watermark = -Infinity
  for (const quake of quakes) {
    const { time, mag } = quake.properties
    if (time <= watermark) lateForAlerts.push(quake.id)
    else forAlerts.push(quake)
    let inTime = false
    for (let start = Math.floor(time / SLIDE) * SLIDE; start > time - WINDOW; start -= SLIDE) {
      const end = start + WINDOW
      if (end - 1 + LATENESS <= watermark) continue
      inTime = true
      const name = `${region(quake)}/${start}`
      const window = counted.get(name) ?? { end, quakes: 0, strongest: -Infinity }
      counted.set(name, { end, quakes: window.quakes + 1, strongest: Math.max(window.strongest, mag) })
    }
    if (!inTime) late.push(quake.id)
    watermark = Math.max(watermark, Math.floor((time - DISORDER) / SLIDE) * SLIDE - 1)
  }

  const windows = [...counted]
    .filter(([, { end }]) => end - 1 <= watermark)
    .map(([name, { quakes, strongest }]) => [name, { quakes, strongest }] as const)
  const told = forAlerts.filter((quake) => quake.properties.time <= watermark)
  const alerts = [...Map.groupBy(told, region).values()].flatMap((one) => {
    const inOrder = one.toSorted((a, b) => a.properties.time - b.properties.time)
    return [...swarms(inOrder, watermark), ...aftershocks(inOrder)]
  })
  return { ignored: known.length - quakes.length, windows: new Map(windows), late, lateForAlerts, alerts }
}

function swarms(quakes: readonly Feature[], untilMs: number): object[] {
  const found: object[] = []
  for (let i = 0; i < quakes.length; i++) {
    const atMs = quakes[i]!.properties.time
    const recent = quakes.slice(0, i + 1).filter((quake) => quake.properties.time > atMs - HOUR)
    if (recent.length < 8) continue
    const sinceMs = recent[0]!.properties.time
    const about = { region: region(quakes[i]!), sinceMs }
    found.push({ ...about, kind: 'swarm', quakes: recent.length, atMs })
    // It goes on as long as no pause is longer than three hours.
    const time = (index: number): number => quakes[index]?.properties.time ?? Infinity
    let last = i
    while (time(last + 1) - time(last) <= 3 * HOUR) last++
    const overMs = time(last) + 3 * HOUR
    if (overMs > untilMs) break
    const strongest = Math.max(...quakes.slice(i, last + 1).map((quake) => quake.properties.mag))
    const count = recent.length + last - i
    found.push({ ...about, kind: 'swarm-over', quakes: count, atMs: overMs, strongest })
    i = last
  }
  return found
}

function aftershocks(quakes: readonly Feature[]): object[] {
  const numbers = new Map<string, number>()
  return quakes.flatMap((quake, i) => {
    const { mag, time } = quake.properties
    const mainshock = quakes
      .slice(0, i)
      .filter((one) => one.properties.mag >= 4.5 && one.properties.mag > mag)
      .filter((one) => one.properties.time > time - 48 * HOUR && kilometers(one, quake) <= 100)
      .reduce<Feature | undefined>(
        (best, one) => (best === undefined || one.properties.mag > best.properties.mag ? one : best),
        undefined,
      )
    if (mainshock === undefined) return []
    const number = (numbers.get(mainshock.id) ?? 0) + 1
    numbers.set(mainshock.id, number)
    return [
      {
        kind: 'aftershock',
        region: region(quake),
        mainshock: mainshock.id,
        mainshockMagnitude: mainshock.properties.mag,
        quake: quake.id,
        number,
        magnitude: mag,
        km: Math.round(kilometers(mainshock, quake)),
        atMs: time,
      },
    ]
  })
}

function region({ properties: { place } }: Feature): string {
  const name = /(?:^|, )((?:(?!, ).)*)$/.exec(place)?.[1] ?? place
  return { CA: 'California', NV: 'Nevada', MX: 'Mexico' }[name] ?? name
}

/** The angle between two places as seen from the middle of the earth, by their vectors. */
function kilometers(a: Feature, b: Feature): number {
  const vector = ({ geometry }: Feature): number[] => {
    const [longitude, latitude] = geometry.coordinates.map((degrees) => (degrees * Math.PI) / 180)
    const around = Math.cos(latitude ?? 0)
    return [around * Math.cos(longitude ?? 0), around * Math.sin(longitude ?? 0), Math.sin(latitude ?? 0)]
  }
  const [from, to] = [vector(a), vector(b)]
  return 6371 * 2 * Math.asin(Math.hypot(...from.map((x, i) => x - (to[i] ?? 0))) / 2)
}
