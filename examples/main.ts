/**
 * What `npm start` shows: the log and the job `earthquakes.ts` in one process, fed with real data by an ordinary Kafka
 * client, and answers read back by another one. `npm start -- --help` lists its options.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { MillraceError, serve, type RunningJob, type Served } from 'millrace'
import { feedQuakes } from './earthquakes/feed.ts'
import { followTopic } from './earthquakes/follow.ts'
import { Screen } from './earthquakes/screen.ts'
import type { Activity, Alert, Quake } from './earthquakes.ts'

const DEFAULT_SPEED = 10_000
const HELP = `npm start                        a week of earthquakes in about a minute; then serves until Ctrl-C
npm start -- --speed 600         ten minutes in a second (default ${DEFAULT_SPEED}; 1 is as it happened)
npm start -- --speed max         as fast as it goes; ends by itself with a summary
npm start -- --listen HOST:PORT  where Kafka clients connect (default 127.0.0.1:9092; port 0 takes a free one)
npm start -- --http HOST:PORT    where the status page is (default 127.0.0.1:8090)
npm start -- --data DIR          keeps the data there; by default they are removed at the end`

interface Options {
  readonly speed: number
  readonly listen: { readonly host: string; readonly port: number }
  readonly http: { readonly host: string; readonly port: number }
  readonly data: string | undefined
}

process.exit(await main())

async function main(): Promise<number> {
  let options: Options
  try {
    const read = readOptions()
    if (read === 'help') return (console.log(HELP), 0)
    options = read
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${HELP}`)
    return 2
  }
  const stop = stopSignal()
  // Without --data every start begins with an empty log, so that it always shows the same.
  const data = options.data ?? mkdtempSync(join(tmpdir(), 'millrace-earthquakes-'))
  try {
    await show({ ...options, data }, stop)
    return 0
  } catch (error) {
    // An error that a user can mend says how; anything else shows where it was thrown.
    console.error(error instanceof Error && !(error instanceof MillraceError) ? error.stack : String(error))
    if (error instanceof MillraceError && error.code === 'MR_ADDRESS_IN_USE') {
      console.error('Here: npm start -- --listen HOST:PORT --http HOST:PORT (port 0 takes a free one).')
    }
    return 1
  } finally {
    if (options.data === undefined) rmSync(data, { recursive: true, force: true })
  }
}

/** Resolves at the first Ctrl-C; another one ends the process at once. */
function stopSignal(): Promise<unknown> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, resolve)
  })
}

async function show(options: Options & { readonly data: string }, stop: Promise<unknown>): Promise<void> {
  await using served = await serve({ data: options.data, listen: options.listen, http: options.http })
  const run = await served.run(new URL('./earthquakes.ts', import.meta.url), {
    checkpoint: { intervalMs: 100 },
  })
  const over = Promise.race([stop, run.ended, served.logEnded])
  let stopped = false
  void stop.then(() => {
    stopped = true
  })
  const screen = new Screen(run)
  screen.line(`Kafka clients: ${served.bootstrap}   status page: ${served.url ?? 'none'}`)
  screen.line('Topics: quakes → quake-activity, quake-alerts, quakes-late. All times are UTC, in 2018.\n')

  await using followers = new AsyncDisposableStack()
  const follow = async <T>(topic: string, show: (event: T) => void): Promise<void> =>
    void followers.use(await followTopic<T>({ bootstrap: served.bootstrap, topic, show }))
  await Promise.all([
    follow<Alert>('quake-alerts', (alert) => screen.alert(alert)),
    follow<Activity>('quake-activity', (window) => screen.window(window)),
    follow<Quake>('quakes-late', (quake) => screen.late(quake)),
  ])

  const fed = feedQuakes({
    bootstrap: served.bootstrap,
    speed: options.speed,
    onFed: (quake) => screen.fed(quake),
    until: over,
  })
  {
    using _ticking = screen.start()
    await Promise.race([fed.then((events) => answered(run, events, screen)), over])
  }
  screen.line(screen.summary())
  if (options.speed === Infinity || stopped) return
  screen.line(`\nThe log and the job go on until Ctrl-C. Try, in another terminal:\n${hints(served)}`)
  await over
}

/** Waits until every event has been read, and what followed from them has been committed and read back. */
async function answered(run: RunningJob, events: number, screen: Screen): Promise<void> {
  const eventsIn = (...names: readonly string[]): number =>
    run
      .metrics()
      .steps.filter((step) => names.includes(step.name))
      .reduce((sum, step) => sum + step.eventsIn, 0)
  while (
    eventsIn('quakes') < events ||
    screen.readBack < eventsIn('activity-out', 'alerts-out', 'late-out')
  ) {
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

function readOptions(): Options | 'help' {
  const { values } = parseArgs({
    options: {
      help: { type: 'boolean', short: 'h', default: false },
      speed: { type: 'string', default: String(DEFAULT_SPEED) },
      listen: { type: 'string', default: '127.0.0.1:9092' },
      http: { type: 'string', default: '127.0.0.1:8090' },
      data: { type: 'string' },
    },
  })
  if (values.help) return 'help'
  const speed = values.speed === 'max' ? Infinity : Number(values.speed)
  if (!(speed > 0)) throw new Error(`--speed takes a factor or max, not ${values.speed}`)
  return { speed, listen: address(values.listen), http: address(values.http), data: values.data }
}

function address(text: string): { host: string; port: number } {
  const [, host = '', digits] = /^(?:(.*):)?(\d{1,5})$/.exec(text) ?? []
  const port = Number(digits)
  if (!(port <= 65_535)) throw new Error(`expected HOST:PORT, not ${text}`)
  return { host: host === '' ? '127.0.0.1' : host, port }
}
