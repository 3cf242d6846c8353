import type * as net from 'node:net'
import type { Connection, ConnectionHandler, ConnectionTls } from './world.ts'

/** How much may wait to be sent before writers are asked to hold back. */
export const HIGH_WATER_BYTES = 1024 * 1024

/** Who gets what a socket reads. */
export interface Receiver {
  onChunk: ((chunk: Buffer) => void) | undefined
}

/** A socket that is paused, and hands what it reads to the receiver once it is resumed. */
export interface ReadingSocket {
  readonly socket: net.Socket
  readonly receiver: Receiver
  readonly tls?: ConnectionTls
  /** Makes of the socket's error what `onClose` is told. */
  readonly explain?: (error: Error) => Error
}

/** A socket as a `Connection`. */
export class NodeConnection implements Connection {
  readonly peer: string
  readonly tls?: ConnectionTls
  readonly #socket: net.Socket
  readonly #receiver: Receiver
  #handler: ConnectionHandler | undefined
  #error: Error | undefined
  #closed = false

  constructor({ socket, receiver, tls, explain }: ReadingSocket) {
    this.#socket = socket
    this.#receiver = receiver
    if (tls !== undefined) this.tls = tls
    this.peer = hostAndPort(socket.remoteAddress ?? 'unknown', socket.remotePort ?? 0)
    socket.on('error', (error) => {
      this.#error = explain === undefined ? error : explain(error)
    })
    socket.on('close', () => {
      this.#closed = true
      this.#handler?.onClose(this.#error)
    })
  }

  handle(handler: ConnectionHandler): void {
    this.#handler = handler
    if (this.#closed) {
      setImmediate(() => handler.onClose(this.#error))
      return
    }
    this.#receiver.onChunk = (chunk) => handler.onData(chunk)
    this.#socket.on('drain', () => handler.onDrain())
    this.#socket.resume()
  }

  write(chunks: readonly Uint8Array[]): boolean {
    const socket = this.#socket
    if (!socket.writable) return true
    if (chunks.length === 1) {
      socket.write(chunks[0]!)
    } else {
      socket.cork()
      for (const chunk of chunks) socket.write(chunk)
      socket.uncork()
    }
    // Sockets with TLS that a server has made ask to hold back at 64 KiB already; they emit 'drain' all the same.
    return this.tls === undefined ? !socket.writableNeedDrain : socket.writableLength < HIGH_WATER_BYTES
  }

  bufferedBytes(): number {
    return this.#socket.writableLength
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  end(): void {
    this.#socket.end()
  }

  destroy(): void {
    this.#socket.destroy()
  }
}

export function hostAndPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
