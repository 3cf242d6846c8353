import * as net from 'node:net'
import { messageOf, MillraceError } from '../base/millrace-error.ts'
import { HIGH_WATER_BYTES, hostAndPort, NodeConnection } from './node-connection.ts'
import type { ReadingSocket, Receiver } from './node-connection.ts'
import type {
  Connection,
  ConnectOptions,
  HttpAnswer,
  HttpRequest,
  Listener,
  ListenOptions,
  Network,
} from './world.ts'

const LISTEN_BACKLOG = 1024
const RECEIVE_BYTES = 256 * 1024

/** TCP through `node:net`: no Nagle delay, one `writev` for the chunks of a write. */
export class NodeNetwork implements Network {
  /**
   * All connections of a thread read into this one buffer, one after the other: chunks are only lent. Node's own way,
   * 64 KiB of fresh memory for every read, makes the collector mark the heap again and again: measured 231 → 175 ns of CPU
   * for a record of 100 bytes produced, and a peak of 158 MB of resident memory in place of 250.
   */
  #receiveBuffer: Buffer | undefined

  async listen(options: ListenOptions): Promise<Listener> {
    const { tls } = options
    if (tls === undefined) return this.#listen(options)
    const { listenTls } = await import('./node-tls-listener.ts')
    return listenTls({ ...options, tls, failed: listenError, backlog: LISTEN_BACKLOG })
  }

  #listen(options: ListenOptions): Promise<Listener> {
    return new Promise((resolve, reject) => {
      const server = net.createServer({ noDelay: true, keepAlive: true, pauseOnConnect: true }, (accepted) =>
        options.onConnection(new NodeConnection(this.#reading(accepted))),
      )
      server.once('error', (error) => reject(listenError(options, error)))
      server.listen({ host: options.host, port: options.port, backlog: LISTEN_BACKLOG }, () => {
        const address = server.address() as net.AddressInfo
        // Errors after this (no file descriptors left for accept) lose one connection, not the listener.
        server.removeAllListeners('error').on('error', () => undefined)
        resolve({
          host: address.address,
          port: address.port,
          close: () =>
            new Promise((closed) => {
              server.close()
              setImmediate(closed)
            }),
        })
      })
    })
  }

  async http(request: HttpRequest): Promise<HttpAnswer> {
    // Loaded when it is first asked: most processes never are.
    const { exchangeHttp } = await import('./node-http.ts')
    return exchangeHttp(request)
  }

  async connect(options: ConnectOptions): Promise<Connection> {
    const { tls } = options
    if (tls === undefined) return this.#connect(options)
    const { connectTls } = await import('./node-tls-connect.ts')
    return connectTls({ ...options, tls })
  }

  #connect(options: ConnectOptions): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const { host, port, timeoutMs } = options
      const reading = this.#reading(undefined)
      const { socket } = reading
      const fail = (error: unknown): void => {
        clearTimeout(timer)
        socket.destroy()
        reject(
          new MillraceError({
            code: 'MR_CONNECT_FAILED',
            message: `no connection: ${messageOf(error)}.`,
            fix: 'Check the address, and that the server runs.',
            peer: hostAndPort(host, port),
            cause: error,
          }),
        )
      }
      const timer = setTimeout(() => fail(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
      socket.once('error', fail)
      socket.once('connect', () => {
        clearTimeout(timer)
        socket.off('error', fail)
        resolve(new NodeConnection(reading))
      })
      const how: net.TcpNetConnectOpts = { host, port, noDelay: true, keepAlive: true }
      socket.connect(how)
    })
  }

  /**
   * A socket that reads into the shared buffer once it is resumed: a new one, or one for what the server has accepted.
   * `net.Server` makes its sockets without `onread`, so a second one takes over the handle of the first.
   */
  #reading(accepted: net.Socket | undefined): ReadingSocket {
    const buffer = (this.#receiveBuffer ??= Buffer.allocUnsafeSlow(RECEIVE_BYTES))
    const receiver: Receiver = { onChunk: undefined }
    const callback = (size: number): boolean => {
      receiver.onChunk?.(buffer.subarray(0, size))
      return true
    }
    // A socket is a `Duplex` and takes its options, although the types do not say so.
    const options: object = {
      onread: { buffer, callback },
      writableHighWaterMark: HIGH_WATER_BYTES,
      ...(accepted && { handle: (accepted as unknown as { readonly _handle: unknown })._handle }),
    }
    const socket = new net.Socket(options)
    socket.pause()
    return { socket, receiver }
  }
}

function listenError(
  options: { readonly host: string; readonly port: number },
  error: NodeJS.ErrnoException,
): MillraceError {
  const peer = hostAndPort(options.host, options.port)
  if (error.code === 'EADDRINUSE') {
    return new MillraceError({
      code: 'MR_ADDRESS_IN_USE',
      message: 'another program listens on this address.',
      fix: 'Stop it, or choose another port.',
      peer,
      cause: error,
    })
  }
  return new MillraceError({
    code: 'MR_LISTEN_FAILED',
    message: `cannot listen: ${error.message}.`,
    fix: 'Choose an address of this machine, and a port above 1023 unless you have the right to lower ones.',
    peer,
    cause: error,
  })
}
