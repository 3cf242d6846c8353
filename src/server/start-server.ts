import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { MillraceError, messageOf } from '../base/millrace-error.ts'
import type { ServerOptions } from './rest-server.ts'

export interface RunningServer extends AsyncDisposable {
  readonly host: string
  readonly port: number
  readonly url: string
  close(): Promise<void>
}

/** The REST server. Throws `MR_ADDRESS_IN_USE` or `MR_LISTEN_FAILED`. */
export function startServer(options: ServerOptions): Promise<RunningServer> {
  return startHttp({
    listen: options.listen,
    load: async () => (await import('./rest-server.ts')).restServer(options),
  })
}

/**
 * Listens for HTTP, and loads what answers with the first connection: the REST server is 29 MB of resident memory and
 * 210 ms of CPU time that a log which nobody watches does not need.
 *
 * Resolves once it listens. Throws `MR_ADDRESS_IN_USE` or `MR_LISTEN_FAILED`.
 */
export async function startHttp(options: {
  readonly listen: { readonly host: string; readonly port: number }
  readonly load: () => Promise<FastifyInstance>
}): Promise<RunningServer> {
  let loading: Promise<FastifyInstance> | undefined
  // Those that came before the HTTP server listened itself: it does not know of them when it closes all connections.
  const early = new Set<Socket>()
  const door = createServer((socket) => {
    early.add(socket)
    socket.on('close', () => early.delete(socket))
    socket.on('error', () => undefined)
    loading ??= loaded(options.load, door)
    void loading.then(
      ({ server }) => server.emit('connection', socket),
      () => socket.destroy(),
    )
  })
  await listen(door, options.listen)
  const { address: host, port } = door.address() as AddressInfo
  const close = async (): Promise<void> => {
    door.close()
    for (const socket of early) socket.destroy()
    const app = await loading
    app?.server.close()
    app?.server.closeAllConnections()
    await app?.close()
  }
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`
  return { host, port, url, close, [Symbol.asyncDispose]: close }
}

/** The HTTP server takes over what listens; connections that came before are handed to it one by one. */
async function loaded(load: () => Promise<FastifyInstance>, door: Server): Promise<FastifyInstance> {
  const app = await load()
  if (door.listening) app.server.listen(door)
  return app
}

function listen(
  door: Server,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      const inUse = error.code === 'EADDRINUSE'
      reject(
        new MillraceError({
          code: inUse ? 'MR_ADDRESS_IN_USE' : 'MR_LISTEN_FAILED',
          peer: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
          message: inUse
            ? 'another program listens on this address, which HTTP shall have.'
            : `cannot listen for HTTP: ${messageOf(error)}.`,
          fix: 'Stop it, or choose another address; port 0 takes a free one.',
          cause: error,
        }),
      )
    }
    door.once('error', failed)
    door.listen({ host, port }, () => {
      door.off('error', failed)
      // Errors after this lose one connection, not the server.
      door.on('error', () => undefined)
      resolve()
    })
  })
}
