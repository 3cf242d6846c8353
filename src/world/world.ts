/**
 * The world: everything in Millrace that is not a pure computation goes through these interfaces. `node.ts` is the
 * real one; `simulated/` is a seeded one in which clock, disk, network, randomness and workers run deterministically
 * in a single thread, fail on purpose, and crash with or without the writes that were not synced.
 *
 * Rules that both keep:
 *  - Disk reads and writes are synchronous (they hit the page cache); only `sync` waits for the device.
 *  - A chunk that a `Connection` hands out is only lent: it may be changed, and what is needed after `onData` has
 *    returned must be copied. A chunk that was passed to `write` must not be changed until `bufferedBytes` has been 0
 *    afterwards.
 *  - No callback runs inside the call that registered it.
 */
export interface World {
  readonly clock: Clock
  readonly random: Random
  readonly disk: Disk
  readonly network: Network
  readonly workers: Workers
}

export interface Clock {
  /** Wall clock, milliseconds since the Unix epoch, an integer. May jump in either direction. */
  nowMs(): number
  /** Milliseconds since some fixed moment, fractional, never decreasing. */
  monotonicMs(): number
  schedule(delayMs: number, callback: () => void): Timer
  /** Runs `callback` after the I/O that is ready now has been handled (`setImmediate`). */
  defer(callback: () => void): void
}

export interface Timer {
  cancel(): void
}

export interface Random {
  /** A uniform integer in [0, 2^32). */
  uint32(): number
  bytes(length: number): Uint8Array
}

export interface Disk {
  /** Opens for reading and writing; creates the file when `create` is set, otherwise it must exist. */
  open(path: string, options?: OpenOptions): DiskFile
  makeDirectory(path: string): void
  /** Names (not paths) in a directory, sorted; empty when the directory does not exist. */
  list(path: string): string[]
  stat(path: string): DiskEntry | undefined
  /** Replaces `to` when it exists. Durable only after `syncDirectory` of the parent. */
  rename(from: string, to: string): void
  /** Removes a file, or a directory with all it holds; nothing happens when it does not exist. */
  remove(path: string): void
  syncDirectory(path: string): Promise<void>
  freeBytes(path: string): number
  /** Takes an exclusive lock that dies with the process; throws `MR_DATA_DIR_IN_USE` when another process holds it. */
  lock(path: string): DiskLock
}

export interface OpenOptions {
  readonly create?: boolean
  /** A file that is created is for its owner's eyes alone. */
  readonly ownerOnly?: boolean
}

export interface DiskEntry {
  readonly kind: 'file' | 'directory'
  readonly sizeBytes: number
  readonly modifiedMs: number
}

/** Every method throws `MillraceError` with `MR_DISK_FULL` or `MR_DISK_IO` and the path when the device refuses. */
export interface DiskFile {
  readonly path: string
  sizeBytes(): number
  /** Reads up to `target.length` bytes at `position`; returns how many there were (0 at the end). */
  read(target: Uint8Array, position: number): number
  /**
   * Brings a part of the file into memory, so that a following `read` of it does not wait for the device. Nobody else
   * waits meanwhile. What fails shows in the `read`.
   */
  preload(position: number, sizeBytes: number): Promise<void>
  /** Writes all chunks one after the other from `position`. On an error any prefix may have been written. */
  write(chunks: readonly Uint8Array[], position: number): void
  truncate(sizeBytes: number): void
  /** Waits until all that was written before the call is on the device (fdatasync). */
  sync(): Promise<void>
  close(): void
}

export interface DiskLock {
  release(): void
}

export interface Network {
  listen(options: ListenOptions): Promise<Listener>
  /**
   * Throws `MR_CONNECT_FAILED` with the peer when nobody answers within `timeoutMs`; with `tls` also `MR_TLS_UNTRUSTED`,
   * `MR_TLS_FAILED` and `MR_TLS_INVALID`. The simulated network has no TLS.
   */
  connect(options: ConnectOptions): Promise<Connection>
  /**
   * One HTTP exchange; resolves with any status. Throws `MR_HTTP_FAILED` with the URL's host when there is no answer
   * within `timeoutMs`, or one of more than 1 MiB. The simulated network has none.
   */
  http(request: HttpRequest): Promise<HttpAnswer>
}

export interface ConnectOptions {
  readonly host: string
  readonly port: number
  /** For the connection and, with `tls`, its handshake. */
  readonly timeoutMs: number
  readonly tls?: ClientTls
}

/** How a client speaks TLS; certificates and keys are PEM text. */
export interface ClientTls {
  /** Authorities that may have signed the server's certificate. Default: the well-known public ones. */
  readonly ca?: string
  /** The client's own certificate and those between it and its root, for servers that ask for one. */
  readonly certificate?: string
  readonly key?: string
  /** Of the key, when it is encrypted. */
  readonly passphrase?: string
  /** The name that the server's certificate must bear. Default: the host that is dialled. */
  readonly serverName?: string
  /** Whether the certificate must bear that name; that it was signed by an authority is always asked for. Default: true. */
  readonly verifyHostname?: boolean
}

export interface HttpRequest {
  /** `http:` or `https:`. */
  readonly url: string
  readonly method: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly timeoutMs: number
  /** PEM of the authorities for `https:`. Default: the well-known public ones. */
  readonly ca?: string
  /** PEM of the client's own certificate and key, for servers that ask for one. */
  readonly certificate?: string
  readonly key?: string
  /** Of the key, when it is encrypted. */
  readonly passphrase?: string
}

export interface HttpAnswer {
  readonly status: number
  readonly body: string
}

export interface ListenOptions {
  readonly host: string
  /** 0 picks a free port. */
  readonly port: number
  readonly onConnection: (connection: Connection) => void
  /** With it, connections are handed on once their TLS handshake has succeeded. The simulated network has no TLS. */
  readonly tls?: ServerTls
}

/** How a listener speaks TLS. */
export interface ServerTls {
  readonly credentials: TlsCredentials
  /** Whether clients are asked for a certificate; one that `clientCa` did not sign is refused in any case. */
  readonly clientCertificate: 'none' | 'optional' | 'required'
  /** A handshake that takes longer is cut off. */
  readonly handshakeTimeoutMs: number
  /** Handshakes at the same time, of which each address has its share; further connections are closed at once. */
  readonly handshakesMax: number
  /** Told of each connection that came to no handshake. */
  readonly onRefused: (refusal: { readonly peer: string; readonly reason: string }) => void
}

/** What a TLS server shows; all of it PEM text. */
export interface TlsCredentials {
  /** The server's certificate, followed by those between it and its root. */
  readonly certificate: string
  readonly key: string
  readonly passphrase?: string
  /** Whose signature makes a client's certificate good; without it, the well-known public authorities'. */
  readonly clientCa?: string
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3'
}

export interface Listener {
  readonly host: string
  readonly port: number
  /**
   * Gives connections that are made from now on other credentials. Throws `MR_TLS_INVALID`, and keeps the old ones, when
   * they are none. Only listeners with `tls` have it.
   */
  setCredentials?(credentials: TlsCredentials): void
  /** Stops accepting; existing connections stay. */
  close(): Promise<void>
}

export interface Connection {
  /** `host:port` of the other side. */
  readonly peer: string
  /** How it is secured; absent on a connection without TLS. */
  readonly tls?: ConnectionTls
  /** Sets who is told; data that arrived before is delivered after this call. Call it once. */
  handle(handler: ConnectionHandler): void
  /** Queues the chunks; false means more than 1 MiB is waiting: hold back until `onDrain`. */
  write(chunks: readonly Uint8Array[]): boolean
  /** Bytes queued and not yet taken by the operating system. */
  bufferedBytes(): number
  pause(): void
  resume(): void
  /** Sends what is queued, then closes. */
  end(): void
  /** Closes at once. */
  destroy(): void
}

export interface ConnectionTls {
  /** Such as `TLSv1.3`. */
  readonly protocol: string
  readonly cipher: string
  /** The other side's certificate (DER), whose signatures have been checked; absent when it showed none. */
  readonly peerCertificate?: Uint8Array
}

export interface ConnectionHandler {
  /** The chunk's bytes are the handler's until it returns, no longer. */
  onData(chunk: Uint8Array): void
  onDrain(): void
  /** Called exactly once, whoever closed; `error` when it was not in order. */
  onClose(error?: Error): void
}

export interface Workers {
  /**
   * Starts `entry` in an isolate of its own. The module exports `main: WorkerMain`. `data` and messages are structured
   * clones; `SharedArrayBuffer`s are shared, `transfer` moves ownership.
   */
  spawn(options: SpawnOptions): WorkerHandle
  /** Whether workers are threads, which may wait for each other on shared memory; else they take turns in one. */
  readonly sharedMemoryWait: boolean
  /** How many run well side by side here. */
  readonly parallelism: number
}

export interface SpawnOptions {
  readonly entry: URL
  readonly name: string
  readonly data: unknown
  /** Default: as the platform sees fit, which is generous. The simulation has no limits. */
  readonly heap?: HeapLimits
}

/**
 * How much memory an isolate may take for its objects, buffers excepted. Less means that the collector runs more often;
 * `--max-semi-space-size` and `--max-old-space-size` go before what is given here.
 */
export interface HeapLimits {
  /** For objects that were made just now, in all. */
  readonly youngMiB: number
  /** For the others; the thread ends when they need more. */
  readonly oldMiB: number
}

export interface MessagePipe {
  post(message: unknown, transfer?: readonly ArrayBuffer[]): void
  /** Sets the receiver; call it once. */
  onMessage(callback: (message: unknown) => void): void
}

export interface WorkerHandle extends MessagePipe {
  /** Resolves when the worker has ended, with the error that ended it, if any. */
  readonly ended: Promise<Error | undefined>
  terminate(): Promise<void>
}

/** What a worker's entry module exports; the worker lives until `main` has resolved or failed. */
export type WorkerMain = (context: {
  readonly world: World
  readonly pipe: MessagePipe
  readonly data: unknown
}) => Promise<void>

/** Waits `delayMs` on the world's clock; resolves early (without an error) when `signal` aborts. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve()
    const done = (): void => {
      timer.cancel()
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = clock.schedule(delayMs, done)
    signal?.addEventListener('abort', done)
  })
}
