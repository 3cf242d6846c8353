/**
 * The week of earthquakes that comes with the package `vega-datasets` (the USGS feed of 31 January to 7 February 2018),
 * produced by an unmodified Kafka client in the order in which the reports became known.
 */
import { readFileSync } from 'node:fs'
import { Producer, stringSerializers } from '@platformatic/kafka'
import type { Quake } from '../earthquakes.ts'

export function readQuakes(): Quake[] {
  // The package exports its code only; the data lie beside it.
  const path = new URL('../../node_modules/vega-datasets/data/earthquakes.json', import.meta.url)
  const { features } = JSON.parse(readFileSync(path, 'utf8')) as { features: Quake[] }
  return features.sort((a, b) => a.properties.updated - b.properties.updated || (a.id < b.id ? -1 : 1))
}

/** Produces all of them, `speed` times as fast as they became known; resolves with how many, also when it is stopped. */
export async function feedQuakes(options: {
  readonly bootstrap: string
  readonly speed: number
  /** In the order in which they became known; default: the whole week. */
  readonly quakes?: readonly Quake[]
  readonly onFed?: (quake: Quake) => void
  /** Stops when it settles. */
  readonly until?: Promise<unknown>
}): Promise<number> {
  const { bootstrap, speed, quakes = readQuakes(), onFed, until } = options
  let stopped = false
  const stop = (): void => {
    stopped = true
  }
  until?.then(stop, stop)
  const producer = new Producer({
    clientId: 'usgs-feed',
    bootstrapBrokers: [bootstrap],
    serializers: stringSerializers,
    autocreateTopics: true,
  })
  const startMs = Date.now()
  const firstMs = quakes[0]?.properties.updated ?? 0
  const dueMs = (quake: Quake): number => startMs + (quake.properties.updated - firstMs) / speed
  let next = 0
  while (next < quakes.length && !stopped) {
    const waitMs = dueMs(quakes[next] as Quake) - Date.now()
    if (waitMs > 0) {
      await new Promise((resolve) => setTimeout(resolve, Math.min(waitMs, 100)))
      continue
    }
    const due: Quake[] = []
    while (next < quakes.length && due.length < 200 && dueMs(quakes[next] as Quake) <= Date.now())
      due.push(quakes[next++] as Quake)
    await producer.send({
      acks: -1,
      messages: due.map((quake) => ({ topic: 'quakes', key: quake.id, value: JSON.stringify(quake) })),
    })
    for (const quake of due) onFed?.(quake)
  }
  await producer.close()
  return next
}
