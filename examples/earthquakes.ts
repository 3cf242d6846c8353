/**
 * Earthquakes of a world-wide sensor network: what happened where and when, although half of the reports become known
 * four hours or more after the earth moved, and in another order.
 *
 *   quakes ──▶ validate ──▶ by region ──▶ count and maximum magnitude, 6 h windows every hour ──▶ quake-activity
 *     │                        │           └▶ quakes-late: what came when its windows were over
 *     └▶ quakes-rejected       └────────▶ swarms and aftershocks (state and timers) ──▶ quake-alerts
 *                                          └▶ quake-alerts-late: what came when its sequence had been told
 *
 * Run it: `npm start`, or `millrace run examples/earthquakes.ts` and produce to the topic `quakes` yourself.
 */
import {
  count,
  job,
  list,
  max,
  sliding,
  value,
  type KeyedProcess,
  type ListHandle,
  type ValueHandle,
  type WindowOf,
} from 'millrace'
import { json, kafka } from 'millrace/kafka'
import { z } from 'zod'

const HOUR_MS = 3_600_000

/** A feature of the USGS GeoJSON feed; only what the job needs of it. */
export const Quake = z.object({
  id: z.string(),
  properties: z.object({
    mag: z.number(),
    place: z.string(),
    /** When the earth moved, ms since the epoch: the event time. */
    time: z.number().int(),
    /** When this report became known. */
    updated: z.number().int(),
    type: z.string(),
  }),
  geometry: z.object({ coordinates: z.tuple([z.number(), z.number(), z.number()]) }),
})
export type Quake = z.infer<typeof Quake>

/** Reports may be this much behind the newest before windows close … */
export const OUT_OF_ORDERNESS_MS = 36 * HOUR_MS
/** … and correct a closed window for this much longer. */
export const ALLOWED_LATENESS_MS = 24 * HOUR_MS
export const WINDOW_MS = 6 * HOUR_MS
export const SLIDE_MS = HOUR_MS
/** So many quakes of one region within so long are a swarm; it is over after so long without. */
export const SWARM = { quakes: 8, withinMs: HOUR_MS, quietMs: 3 * HOUR_MS }
/** A quake this strong may be a mainshock; weaker ones nearby within two days are its aftershocks. */
export const MAINSHOCK = { magnitude: 4.5, withinMs: 48 * HOUR_MS, withinKm: 100 }

export type Alert =
  | {
      readonly kind: 'swarm'
      readonly region: string
      readonly quakes: number
      readonly sinceMs: number
      readonly atMs: number
    }
  | {
      readonly kind: 'swarm-over'
      readonly region: string
      readonly quakes: number
      readonly sinceMs: number
      readonly atMs: number
      readonly strongest: number
    }
  | {
      readonly kind: 'aftershock'
      readonly region: string
      readonly mainshock: string
      readonly mainshockMagnitude: number
      readonly quake: string
      readonly number: number
      readonly magnitude: number
      readonly km: number
      readonly atMs: number
    }

/** What `quake-activity` holds: a later result for the same region and window replaces an earlier one. */
export type Activity = WindowOf<string> & { readonly quakes: number; readonly strongest: number }

/** The region of "4km W of Castaic, CA" is "California": after the last comma, or all of it. */
export function regionOf(quake: Quake): string {
  const region = quake.properties.place.split(', ').at(-1) ?? quake.properties.place
  return ABBREVIATIONS[region] ?? region
}
const ABBREVIATIONS: Readonly<Record<string, string>> = { CA: 'California', MX: 'Mexico', NV: 'Nevada' }

/** Great-circle distance. */
export function distanceKm(a: Quake, b: Quake): number {
  const radians = Math.PI / 180
  const [lonA, latA] = a.geometry.coordinates
  const [lonB, latB] = b.geometry.coordinates
  const h =
    Math.sin(((latB - latA) * radians) / 2) ** 2 +
    Math.cos(latA * radians) * Math.cos(latB * radians) * Math.sin(((lonB - lonA) * radians) / 2) ** 2
  return 2 * 6371 * Math.asin(Math.sqrt(h))
}

interface Mainshock {
  readonly quake: Quake
  readonly aftershocks: number
}

interface Swarm {
  readonly sinceMs: number
  readonly quakes: number
  readonly strongest: number
}

/**
 * Swarms and aftershocks of one region. Reports come in the order they became known, sequences are about the order in
 * which the earth moved: so each quake waits until the watermark says that no earlier one is expected.
 */
const state = {
  waiting: list<Quake>(),
  /** When the quakes of the last hour were. */
  recent: list<number>(),
  swarm: value<Swarm>(),
  mainshocks: list<Mainshock>(),
}

const sequences: KeyedProcess<Quake, Alert, typeof state, string> = {
  state,
  onEvent(quake, { state, timers, watermarkMs, side }) {
    if (quake.properties.time <= watermarkMs()) return side('late', quake)
    state.waiting.add(quake)
    timers.register('event', quake.properties.time, 'quake')
  },
  onTimer({ name, timeMs }, { key, state, timers }) {
    if (name === 'quiet') {
      const swarm = state.swarm.get()
      if (swarm === undefined || timeMs - (state.recent.get().at(-1) ?? 0) < SWARM.quietMs) return
      state.swarm.clear()
      const { sinceMs, quakes, strongest } = swarm
      return [{ kind: 'swarm-over', region: key, quakes, sinceMs, atMs: timeMs, strongest }]
    }
    const due = state.waiting.get().filter((quake) => quake.properties.time === timeMs)
    state.waiting.set(state.waiting.get().filter((quake) => quake.properties.time !== timeMs))
    return due.flatMap((quake) => {
      timers.register('event', timeMs + SWARM.quietMs, 'quiet')
      return [...swarmOf(quake, state), ...aftershocksOf(quake, state)]
    })
  },
}

function swarmOf(quake: Quake, state: { recent: ListHandle<number>; swarm: ValueHandle<Swarm> }): Alert[] {
  const { time, mag } = quake.properties
  const recent = [...state.recent.get().filter((timeMs) => timeMs > time - SWARM.withinMs), time]
  state.recent.set(recent)
  const swarm = state.swarm.get()
  if (swarm !== undefined) {
    state.swarm.set({ ...swarm, quakes: swarm.quakes + 1, strongest: Math.max(swarm.strongest, mag) })
    return []
  }
  if (recent.length < SWARM.quakes) return []
  const sinceMs = recent[0] ?? time
  state.swarm.set({ sinceMs, quakes: recent.length, strongest: mag })
  return [{ kind: 'swarm', region: regionOf(quake), quakes: recent.length, sinceMs, atMs: time }]
}

/** A quake is the aftershock of one mainshock: of several that it may follow, of the strongest. */
function aftershocksOf(quake: Quake, state: { mainshocks: ListHandle<Mainshock> }): Alert[] {
  const { time, mag } = quake.properties
  const recent = state.mainshocks.get().filter((one) => one.quake.properties.time > time - MAINSHOCK.withinMs)
  const [mainshock] = recent
    .filter((one) => one.quake.properties.mag > mag && distanceKm(one.quake, quake) <= MAINSHOCK.withinKm)
    .sort((a, b) => b.quake.properties.mag - a.quake.properties.mag)
  if (mag >= MAINSHOCK.magnitude) recent.push({ quake, aftershocks: 0 })
  if (mainshock === undefined) {
    state.mainshocks.set(recent)
    return []
  }
  const number = mainshock.aftershocks + 1
  state.mainshocks.set(recent.map((one) => (one === mainshock ? { ...one, aftershocks: number } : one)))
  const km = Math.round(distanceKm(mainshock.quake, quake))
  const region = regionOf(quake)
  return [
    {
      kind: 'aftershock',
      region,
      mainshock: mainshock.quake.id,
      mainshockMagnitude: mainshock.quake.properties.mag,
      quake: quake.id,
      number,
      magnitude: mag,
      km,
      atMs: time,
    },
  ]
}

export default job('earthquakes', (flow) => {
  const quakes = flow
    .source(
      'quakes',
      kafka({ topic: 'quakes', value: json(Quake), onError: { deadLetter: 'quakes-rejected' } }),
    )
    .filter((quake) => quake.properties.type === 'earthquake')
    .eventTime({
      at: (quake) => quake.properties.time,
      outOfOrdernessMs: OUT_OF_ORDERNESS_MS,
      // The same results in every run, however the feed was cut into batches.
      everyMs: SLIDE_MS,
    })
    .keyBy(regionOf)

  const activity = quakes
    .window(sliding({ sizeMs: WINDOW_MS, slideMs: SLIDE_MS }), { allowedLatenessMs: ALLOWED_LATENESS_MS })
    .aggregate('activity', { quakes: count(), strongest: max((quake) => quake.properties.mag) })
  activity.sink(
    'activity-out',
    kafka({ topic: 'quake-activity', key: (window) => window.key, value: json() }),
  )
  activity.late.sink('late-out', kafka({ topic: 'quakes-late', key: regionOf, value: json() }))

  const alerts = quakes.process('sequences', sequences)
  alerts.sink(
    'alerts-out',
    kafka({ topic: 'quake-alerts', key: (alert) => alert.region, value: json<Alert>() }),
  )
  alerts
    .sideOutput<Quake>('late')
    .sink('alerts-late-out', kafka({ topic: 'quake-alerts-late', key: regionOf, value: json() }))
})
