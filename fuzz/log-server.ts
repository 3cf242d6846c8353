/** The process that is attacked: a log on this machine's disk and network, which tells its parent what it reports and needs. */
import { type BrokerOptions, startBroker } from '../src/log/broker/broker.ts'
import { nodeWorld } from '../src/world/node.ts'

export type FromServer =
  | { readonly kind: 'ready'; readonly host: string; readonly ports: readonly number[] }
  | { readonly kind: 'report'; readonly level: string; readonly event: string; readonly fields: string }
  | { readonly kind: 'memory'; readonly memory: ServerMemory }

/** Bytes, after garbage collection; `connections` are those that are open. */
export interface ServerMemory {
  readonly residentBytes: number
  readonly heapBytes: number
  readonly outsideHeapBytes: number
  readonly connections: number
}

export type ToServer = 'memory' | 'memory without collecting' | 'stop'

export type ServerConfig = NonNullable<BrokerOptions['config']>

/** What the process is started with, as JSON. */
export interface ServerOptions extends Pick<BrokerOptions, 'dataPath' | 'config' | 'listeners'> {}

/** Closing waits two seconds for clients, and then for the disk; after so long it stands still. */
const STANDS_STILL_MS = 30_000

const { listeners = [{ host: '127.0.0.1', port: 0 }], ...options } = JSON.parse(
  process.argv[2]!,
) as ServerOptions

const tell = (message: FromServer): void => void process.send?.(message)

const broker = await startBroker({
  world: nodeWorld(),
  ...options,
  listeners,
  report: (level, event, fields) => {
    if (level === 'warn' || level === 'error')
      tell({ kind: 'report', level, event, fields: describe(fields) })
  },
})

process.on('message', (message: ToServer) => {
  if (message === 'stop') void stop()
  else tell({ kind: 'memory', memory: memory(message === 'memory') })
})
tell({ kind: 'ready', host: broker.host, ports: broker.listeners.map(({ port }) => port) })

/** Closes the log, after which nothing may keep the process alive. */
async function stop(): Promise<void> {
  let what = 'closing stands still'
  setTimeout(() => {
    console.error(`${what}: ${process.getActiveResourcesInfo().join(', ')}`)
    process.exit(3)
  }, STANDS_STILL_MS).unref()
  await broker.close()
  what = 'it is closed, and something goes on'
  process.disconnect?.()
}

function memory(collect: boolean): ServerMemory {
  const { gc } = globalThis
  if (collect && gc !== undefined) for (let round = 0; round < 3; round++) gc()
  const { rss, heapUsed, external } = process.memoryUsage()
  const { connections } = broker.metrics()
  return { residentBytes: rss, heapBytes: heapUsed, outsideHeapBytes: external, connections }
}

function describe(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields)
    .map(
      ([name, value]) =>
        `${name}: ${value instanceof Error ? (value.stack ?? value.message) : String(value)}`,
    )
    .join(', ')
}
