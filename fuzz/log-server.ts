/** The process that is attacked: a log on this machine's disk and network, which tells its parent what it reports and needs. */
import { startBroker } from '../src/log/broker/broker.ts'
import { nodeWorld } from '../src/world/node.ts'

export type FromServer =
  | { readonly kind: 'ready'; readonly host: string; readonly port: number }
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

export type ServerConfig = NonNullable<Parameters<typeof startBroker>[0]['config']>

const [dataPath = '', config = '{}'] = process.argv.slice(2)

const tell = (message: FromServer): void => void process.send?.(message)

const broker = await startBroker({
  world: nodeWorld(),
  dataPath,
  listen: { host: '127.0.0.1', port: 0 },
  config: JSON.parse(config) as ServerConfig,
  report: (level, event, fields) => {
    if (level === 'warn' || level === 'error')
      tell({ kind: 'report', level, event, fields: describe(fields) })
  },
})

process.on('message', (message: ToServer) => {
  if (message === 'stop') void broker.close().then(() => process.disconnect?.())
  else tell({ kind: 'memory', memory: memory(message === 'memory') })
})
tell({ kind: 'ready', host: broker.host, port: broker.port })

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
