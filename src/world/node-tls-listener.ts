import type * as net from 'node:net'
import * as tls from 'node:tls'
import { FairPlaces } from '../base/fair-places.ts'
import { messageOf, MillraceError } from '../base/millrace-error.ts'
import { hostAndPort, NodeConnection, type Receiver } from './node-connection.ts'
import type { ConnectionTls, Listener, ListenOptions, ServerTls, TlsCredentials } from './world.ts'

interface TlsListenOptions extends ListenOptions {
  readonly tls: ServerTls
  readonly backlog: number
  readonly failed: (options: ListenOptions, error: NodeJS.ErrnoException) => MillraceError
}

/** A connection whose handshake is under way, or was. */
interface Handshake {
  readonly host: string
  readonly peer: string
  readonly timer: NodeJS.Timeout
  /** Why it failed, when something has said so. */
  reason: string | undefined
}

/**
 * Listens with TLS through `node:tls`. Node's own limit on a handshake's time starts anew with every byte, so that one
 * byte a minute holds a connection for ever; here a handshake has a deadline, and there is a bound on how many are
 * under way, of which no address can take all from the others. Whoever fails is named to `onRefused`, once.
 */
export function listenTls(options: TlsListenOptions): Promise<Listener> {
  const { tls: how, onConnection, host, port, backlog } = options
  const handshakes = new Map<net.Socket, Handshake>()
  const places = new FairPlaces<net.Socket>(how.handshakesMax)
  return new Promise((resolve, reject) => {
    const server = tls.createServer({
      ...tlsContext(how.credentials),
      requestCert: how.clientCertificate !== 'none',
      // An optional certificate is looked at below: Node would refuse who has none.
      rejectUnauthorized: how.clientCertificate === 'required',
      noDelay: true,
      keepAlive: true,
    })

    /** Ends the time of a handshake; undefined when it has none any more. */
    const finish = (socket: net.Socket | undefined): Handshake | undefined => {
      const handshake = socket && handshakes.get(socket)
      if (handshake === undefined) return undefined
      clearTimeout(handshake.timer)
      handshakes.delete(socket!)
      places.leave(handshake.host, socket!)
      return handshake
    }
    const refuse = (handshake: Handshake | undefined): void => {
      if (handshake === undefined) return
      const { peer, reason = 'the client went away during the TLS handshake' } = handshake
      how.onRefused({ peer, reason })
    }
    const begin = (socket: net.Socket): void => {
      const host = socket.remoteAddress ?? 'unknown'
      const handshake: Handshake = {
        host,
        peer: hostAndPort(host, socket.remotePort ?? 0),
        timer: setTimeout(() => {
          handshake.reason = `no TLS handshake within ${how.handshakeTimeoutMs} ms`
          socket.destroy()
        }, how.handshakeTimeoutMs),
        reason: undefined,
      }
      handshakes.set(socket, handshake)
      const surplus = places.enter(host, socket)
      if (surplus !== undefined) {
        handshakes.get(surplus)!.reason =
          `more than ${how.handshakesMax} TLS handshakes at the same time, and this address has its share`
        // Not at once: `node:tls` is told of this connection too.
        process.nextTick(() => surplus.destroy())
      }
      // What the reason was is said after this, if at all.
      socket.once('close', () => setImmediate(() => refuse(finish(socket))))
    }
    server.prependListener('connection', begin)
    server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: tls.TLSSocket) => {
      const raw = rawSocket(socket)
      const handshake = raw && handshakes.get(raw)
      if (handshake !== undefined) handshake.reason ??= refusalOf(error, socket)
      socket.destroy()
      raw?.destroy()
    })
    server.on('secureConnection', (socket) => {
      const handshake = finish(rawSocket(socket))
      const certificate = socket.getPeerX509Certificate()
      if (certificate !== undefined && !socket.authorized) {
        const peer = handshake?.peer ?? 'unknown'
        how.onRefused({ peer, reason: certificateRefused(socket.authorizationError) })
        socket.destroy()
        return
      }
      onConnection(connectionOf(socket, certificate?.raw))
    })
    server.once('error', (error) => reject(options.failed(options, error)))
    server.listen({ host, port, backlog }, () => {
      const address = server.address() as net.AddressInfo
      server.removeAllListeners('error').on('error', () => undefined)
      resolve({
        host: address.address,
        port: address.port,
        setCredentials: (credentials) => server.setSecureContext(tlsContext(credentials)),
        close: () =>
          new Promise((closed) => {
            server.close()
            // Who is not in yet would keep the process alive until its time is over.
            for (const socket of handshakes.keys()) {
              finish(socket)
              socket.destroy()
            }
            setImmediate(closed)
          }),
      })
    })
  })
}

/** The TCP connection below; Node has no public name for it. */
function rawSocket(socket: tls.TLSSocket): net.Socket | undefined {
  return (socket as unknown as { readonly _parent?: net.Socket })._parent
}

function connectionOf(socket: tls.TLSSocket, peerCertificate: Uint8Array | undefined): NodeConnection {
  const receiver: Receiver = { onChunk: undefined }
  socket.pause()
  socket.on('data', (chunk: Buffer) => receiver.onChunk?.(chunk))
  const secured: ConnectionTls = {
    protocol: socket.getProtocol() ?? 'unknown',
    cipher: socket.getCipher().name,
    ...(peerCertificate !== undefined && { peerCertificate }),
  }
  return new NodeConnection({ socket, receiver, tls: secured })
}

/** What `node:tls` makes a server's context of; throws `MR_TLS_INVALID` when it cannot. */
export function tlsContext(credentials: TlsCredentials): tls.SecureContextOptions {
  const { certificate, key, passphrase, clientCa, minVersion } = credentials
  const context: tls.SecureContextOptions = {
    cert: certificate,
    key,
    minVersion,
    ...(passphrase !== undefined && { passphrase }),
    ...(clientCa !== undefined && { ca: clientCa }),
  }
  try {
    tls.createSecureContext(context)
  } catch (error) {
    throw new MillraceError({
      code: 'MR_TLS_INVALID',
      message: `the certificate, its key or the authorities cannot be used: ${messageOf(error)}.`,
      fix: 'Give PEM of a certificate (with its chain) and of the key that belongs to it, and the passphrase when the key has one.',
      cause: error,
    })
  }
  return context
}

function refusalOf(error: NodeJS.ErrnoException, socket: tls.TLSSocket): string | undefined {
  switch (error.code) {
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_HTTP_REQUEST':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
    case 'ERR_SSL_RECORD_LAYER_FAILURE':
      return `what came is not TLS: the client speaks without it (${error.code})`
    case 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE':
      return 'the client showed no certificate'
    case 'ECONNRESET':
      // Node says so also when it has closed the connection because of a certificate.
      return socket.authorizationError ? certificateRefused(socket.authorizationError) : undefined
    default:
      return messageOf(error)
  }
}

/** Node's types say that this is an error; it is a code. */
function certificateRefused(code: unknown): string {
  return `the client's certificate is refused: ${String(code)}`
}
