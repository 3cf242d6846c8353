/**
 * What `npm start` shows: the log and the job `earthquakes.ts` in one process, fed with real data by an ordinary Kafka
 * client, and answers read back by another one.
 *
 *   npm start                        a week of earthquakes in about a minute; then serves until Ctrl-C
 *   npm start -- --speed 600         an hour in six seconds
 *   npm start -- --speed max         as fast as it goes; ends by itself with a summary
 *   npm start -- --listen :0 --http :0 --data DIR
 */
import { rmSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { MillraceError, serve, type RunningJob, type Served } from 'millrace'
import { feedQuakes } from './earthquakes/feed.ts'
import { followTopic } from './earthquakes/follow.ts'
import { Screen } from './earthquakes/screen.ts'
import type { Alert, Quake } from './earthquakes.ts'

const DEFAULT_SPEED = 10_000

try {
  await main()
  process.exit(0)
} catch (error) {
  // An error that a user can mend says how; anything else shows where it was thrown.
  console.error(error instanceof MillraceError || !(error instanceof Error) ? String(error) : error.stack)
  if (error instanceof MillraceError && error.code === 'MR_ADDRESS_IN_USE') {
    console.error(
      'For this demonstration: npm start -- --listen HOST:PORT --http HOST:PORT (port 0 takes a free one).',
    )
  }
  process.exit(1)
}

async function main(): Promise<void> {
  const options = readOptions()
  const stop = new Promise((resolve) => process.once('SIGINT', resolve).once('SIGTERM', resolve))
  // Without --data every start begins with an empty log, so that it always shows the same.
  if (options.ownData) rmSync(options.data, { recursive: true, force: true })
  await using served = await serve({ data: options.data, listen: options.listen, http: options.http })
  const run = await served.run(new URL('./earthquakes.ts', import.meta.url), {
    checkpoint: { intervalMs: 100 },
  })

  const screen = new Screen(run)
  console.log(
    `Kafka clients: ${served.bootstrap}   status page: ${served.url ?? 'none'}   topics: quakes → quake-activity, quake-alerts, quakes-late`,
  )
  await using followers = new AsyncDisposableStack()
  const follow = async <T>(topic: string, show: (event: T) => void): Promise<void> =>
    void followers.use(await followTopic<T>({ bootstrap: served.bootstrap, topic, show }))
  await follow<Alert>('quake-alerts', (alert) => screen.alert(alert))
  await follow<{ strongest: number }>('quake-activity', (window) => screen.window(window))
  await follow<Quake>('quakes-late', (quake) => screen.late(quake))

  using ticking = screen.start({ everyMs: 1_000 })
  const fed = feedQuakes({
    bootstrap: served.bootstrap,
    speed: options.speed,
    onFed: (quake) => screen.fed(quake),
  })
  const events = await Promise.race([fed, stop.then(() => undefined), run.ended, served.logEnded])
  if (typeof events === 'number')
    await Promise.race([answered(run, events, screen), stop, run.ended, served.logEnded])
  ticking[Symbol.dispose]()
  console.log(screen.summary())
  if (options.speed === Infinity || typeof events !== 'number') return
  console.log(`\nThe log and the job go on until Ctrl-C. Try, in another terminal:\n${hints(served)}`)
  await Promise.race([stop, run.ended, served.logEnded])
}

/** Waits until every event has been read, and what followed from them has been committed and read back. */
async function answered(run: RunningJob, events: number, screen: Screen): Promise<void> {
  const source = () => run.metrics().steps.find((step) => step.kind === 'source')
  const sinks = () =>
    run
      .metrics()
      .steps.filter((step) => step.name.endsWith('-out'))
      .reduce((sum, step) => sum + step.eventsIn, 0)
  while ((source()?.eventsIn ?? 0) < events || screen.readBack < sinks()) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

function hints({ bootstrap, url }: Served): string {
  return [
    `  kcat -b ${bootstrap} -t quake-alerts -C -e`,
    `  npm run -s millrace -- consume quake-activity --keys --exit --kafka ${bootstrap}`,
    ...(url === undefined ? [] : [`  curl ${url}/api/v1/jobs/earthquakes`]),
  ].join('\n')
}

interface Options {
  readonly speed: number
  readonly listen: { readonly host: string; readonly port: number }
  readonly http: { readonly host: string; readonly port: number }
  readonly data: string
  readonly ownData: boolean
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      speed: { type: 'string', default: String(DEFAULT_SPEED) },
      listen: { type: 'string', default: '127.0.0.1:9092' },
      http: { type: 'string', default: '127.0.0.1:8090' },
      data: { type: 'string' },
    },
  })
  const speed = values.speed === 'max' ? Infinity : Number(values.speed)
  if (!(speed > 0))
    throw new Error(
      `--speed takes a factor (1 is as it happened, ${DEFAULT_SPEED} the default) or max, not ${values.speed}`,
    )
  const data = values.data ?? '.data/npm-start'
  return {
    speed,
    listen: address(values.listen),
    http: address(values.http),
    data,
    ownData: values.data === undefined,
  }
}

function address(text: string): { host: string; port: number } {
  const [host, port] = [text.slice(0, text.lastIndexOf(':')), Number(text.slice(text.lastIndexOf(':') + 1))]
  if (!Number.isInteger(port) || !text.includes(':')) throw new Error(`expected HOST:PORT, not ${text}`)
  return { host: host === '' ? '127.0.0.1' : host, port }
}
