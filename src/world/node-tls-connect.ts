/** Connections with TLS through `node:tls`, and what went wrong said in a way that helps. */
import { X509Certificate } from 'node:crypto'
import type * as net from 'node:net'
import * as tls from 'node:tls'
import { messageOf, MillraceError } from '../base/millrace-error.ts'
import { hostAndPort, NodeConnection, type Receiver } from './node-connection.ts'
import type { ClientTls, Connection, ConnectOptions } from './world.ts'

/** Connects, and shakes hands before it resolves. */
export function connectTls(options: ConnectOptions & { readonly tls: ClientTls }): Promise<Connection> {
  const { host, port, timeoutMs } = options
  const peer = hostAndPort(host, port)
  return new Promise((resolve, reject) => {
    const how: tls.ConnectionOptions & net.TcpNetConnectOpts = {
      host,
      port,
      noDelay: true,
      keepAlive: true,
      ...contextOf(options),
    }
    const socket = tls.connect(how)
    let connected = false
    const fail = (error: unknown): void => {
      clearTimeout(timer)
      socket.destroy()
      reject(connected ? tlsFailure(error, peer) : notConnected(error, peer))
    }
    const timer = setTimeout(() => fail(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
    socket.once('connect', () => (connected = true))
    socket.once('error', fail)
    socket.once('secureConnect', () => {
      clearTimeout(timer)
      socket.off('error', fail)
      resolve(connectionOf(socket, peer))
    })
  })
}

function connectionOf(socket: tls.TLSSocket, peer: string): NodeConnection {
  const receiver: Receiver = { onChunk: undefined }
  socket.pause()
  socket.on('data', (chunk: Buffer) => receiver.onChunk?.(chunk))
  const certificate = socket.getPeerX509Certificate()?.raw
  return new NodeConnection({
    socket,
    receiver,
    // With TLS 1.3 a server refuses a client's certificate after the client's side of the handshake: a late error.
    explain: (error) => (isTlsError(error) ? tlsFailure(error, peer) : error),
    tls: {
      protocol: socket.getProtocol() ?? 'unknown',
      cipher: socket.getCipher().name,
      ...(certificate !== undefined && { peerCertificate: certificate }),
    },
  })
}

type Context = Pick<tls.ConnectionOptions, 'secureContext' | 'servername' | 'checkServerIdentity'>

function contextOf({ host, port, tls: how }: ConnectOptions & { readonly tls: ClientTls }): Context {
  const { ca, certificate, key, passphrase, serverName, verifyHostname = true } = how
  const secrets = {
    ...(ca !== undefined && { ca }),
    ...(certificate !== undefined && { cert: certificate }),
    ...(key !== undefined && { key }),
    ...(passphrase !== undefined && { passphrase }),
  }
  try {
    // Node passes over what is none in silence, and then trusts nobody.
    if (ca !== undefined) new X509Certificate(ca)
    return {
      secureContext: tls.createSecureContext(secrets),
      ...(serverName !== undefined && { servername: serverName }),
      ...(!verifyHostname && { checkServerIdentity: () => undefined }),
    }
  } catch (error) {
    throw new MillraceError({
      code: 'MR_TLS_INVALID',
      message: `the certificate, its key or the authorities cannot be used: ${messageOf(error)}.`,
      fix: 'Give PEM of the authorities, and of a certificate with the key that belongs to it, and the passphrase when the key has one.',
      peer: hostAndPort(host, port),
      cause: error,
    })
  }
}

function notConnected(error: unknown, peer: string): MillraceError {
  return new MillraceError({
    code: 'MR_CONNECT_FAILED',
    message: `no connection: ${messageOf(error)}.`,
    fix: 'Check the address, and that the server runs.',
    peer,
    cause: error,
  })
}

/** Node's names of what is wrong with a certificate, as far as they do not say it themselves. */
const UNTRUSTED: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it has signed itself',
  SELF_SIGNED_CERT_IN_CHAIN: 'the authority behind it is not known',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the authority behind it is not known',
  UNABLE_TO_GET_ISSUER_CERT: 'the authority behind it is not known',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'the authority behind it is not known',
  CERT_HAS_EXPIRED: 'it has expired',
  CERT_NOT_YET_VALID: 'it is not valid yet',
  CERT_SIGNATURE_FAILURE: 'its signature is wrong',
  CERT_REVOKED: 'it was revoked',
  CERT_REJECTED: 'it was rejected',
  CERT_UNTRUSTED: 'it is not trusted',
  INVALID_CA: 'one of its authorities is none',
  INVALID_PURPOSE: 'it is not meant for a server',
  PATH_LENGTH_EXCEEDED: 'its chain is longer than an authority allows',
}

function tlsFailure(error: unknown, peer: string): MillraceError {
  const code = codeOf(error)
  const place = { peer, cause: error }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return new MillraceError({
      code: 'MR_TLS_UNTRUSTED',
      message: `the server's certificate is not for this name: ${messageOf(error)}.`,
      fix: 'Dial the server by a name in its certificate, or name the one that it has as serverName; advertised addresses of a cluster must be in its certificates too.',
      ...place,
    })
  }
  const why = UNTRUSTED[code]
  if (why !== undefined) {
    return new MillraceError({
      code: 'MR_TLS_UNTRUSTED',
      message: `the server's certificate is not trusted: ${why} (${code}).`,
      fix: 'Give the certificate of its authority (ssl.truststore.location, with ssl.truststore.type=PEM, in the file of --kafka-config; ca in a program), after you have made sure that it is the right server.',
      ...place,
    })
  }
  if (isTlsError(error)) {
    return new MillraceError({
      code: 'MR_TLS_FAILED',
      message: `no TLS with the server: ${messageOf(error)}.`,
      fix: code.includes('WRONG_VERSION_NUMBER')
        ? 'The listener speaks without TLS: leave TLS out, or choose the port of the one that has it.'
        : 'When it says "certificate", the server wants a certificate of yours, signed by an authority that it knows: give certificate and key.',
      ...place,
    })
  }
  // A server that goes down meanwhile ends the connection too, so this is not taken for final.
  return new MillraceError({
    code: 'MR_CONNECT_FAILED',
    message: `the connection ended during the TLS handshake: ${messageOf(error)}.`,
    fix: 'Does the listener speak without TLS? Then leave TLS out (security.protocol=PLAINTEXT or SASL_PLAINTEXT), or choose the port of the one that has it; otherwise check that the server runs.',
    ...place,
  })
}

function isTlsError(error: unknown): boolean {
  const code = codeOf(error)
  return code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_') || code === 'EPROTO'
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}
