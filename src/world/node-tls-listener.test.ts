import assert from 'node:assert/strict'
import * as net from 'node:net'
import * as tls from 'node:tls'
import { once } from 'node:events'
import { after, test } from 'node:test'
import { CertificateAuthority, lacksOpenssl, type MadeCertificate } from './certificates.test-kit.ts'
import { nodeWorld } from './node.ts'
import type { Connection, Listener, ServerTls } from './world.ts'

if (lacksOpenssl === false) {
  const authority = new CertificateAuthority()
  const server = authority.issue('/CN=localhost')
  after(() => authority[Symbol.dispose]())

  interface Scene extends AsyncDisposable {
    readonly listener: Listener
    readonly accepted: Connection[]
    readonly refused: string[]
  }

  const listen = async (how: Partial<ServerTls> = {}, shown: MadeCertificate = server): Promise<Scene> => {
    const accepted: Connection[] = []
    const refused: string[] = []
    const listener = await nodeWorld().network.listen({
      host: '127.0.0.1',
      port: 0,
      onConnection: (connection) => {
        accepted.push(connection)
        connection.handle({
          onData: (chunk) => connection.write([Uint8Array.from(chunk)]),
          onDrain: () => undefined,
          onClose: () => undefined,
        })
      },
      tls: {
        credentials: { ...shown, minVersion: 'TLSv1.2' },
        clientCertificate: 'none',
        handshakeTimeoutMs: 5000,
        handshakesMax: 10,
        onRefused: ({ reason }) => refused.push(reason),
        ...how,
      },
    })
    return {
      listener,
      accepted,
      refused,
      async [Symbol.asyncDispose]() {
        for (const connection of accepted) connection.destroy()
        await listener.close()
      },
    }
  }

  /** What the server answers to `hello`; or the code of the error that came in its place. */
  const talk = async (
    port: number,
    options: tls.ConnectionOptions & { readonly localAddress?: string } = {},
  ): Promise<string> => {
    const socket = tls.connect({ host: '127.0.0.1', port, ca: authority.root.certificate, ...options })
    try {
      return await new Promise<string>((resolve) => {
        socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
        socket.on('close', () => resolve('closed'))
        socket.on('data', (data) => resolve(String(data)))
        socket.on('secureConnect', () => socket.write('hello'))
      })
    } finally {
      socket.destroy()
    }
  }

  const until = async (done: () => boolean): Promise<void> => {
    while (!done()) await new Promise((resolve) => setTimeout(resolve, 5))
  }

  test('a TLS listener hands connections on when their handshake is done', async () => {
    await using scene = await listen()
    assert.equal(await talk(scene.listener.port), 'hello')
    assert.equal(scene.accepted[0]!.tls?.protocol, 'TLSv1.3')
    assert.equal(scene.accepted[0]!.tls?.peerCertificate, undefined)
    assert.equal(await talk(scene.listener.port, { maxVersion: 'TLSv1.2' }), 'hello')
    assert.deepEqual(scene.refused, [])
  })

  test('a TLS listener that closes ends handshakes that are under way', async () => {
    const scene = await listen()
    const halves = await Promise.all(
      Array.from({ length: 5 }, async (_, index) => {
        const half = net.connect(scene.listener.port, '127.0.0.1')
        half.on('error', () => undefined)
        await once(half, 'connect')
        if (index > 0) half.write(Buffer.from('160301020001', 'hex'))
        return half
      }),
    )
    // The listener has accepted them before those that come later.
    assert.equal(await talk(scene.listener.port), 'hello')
    await Promise.all([scene.listener.close(), ...halves.map((half) => once(half, 'close'))])
    assert.deepEqual(scene.refused, [])
  })

  test('old versions of TLS, and clients without TLS, are refused with a reason', async () => {
    await using scene = await listen()
    assert.match(
      await talk(scene.listener.port, {
        minVersion: 'TLSv1.1',
        maxVersion: 'TLSv1.1',
        ciphers: 'ALL:@SECLEVEL=0',
      }),
      /ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION/,
    )
    const plain = net.connect(scene.listener.port, '127.0.0.1')
    plain.on('error', () => undefined)
    plain.write(Buffer.from('0000001a00120003000000010000', 'hex'))
    await once(plain, 'close')
    await until(() => scene.refused.length === 2)
    assert.match(scene.refused[0]!, /unsupported protocol|version/i)
    assert.match(scene.refused[1]!, /what came is not TLS: the client speaks without it/)
    assert.equal(scene.accepted.length, 0)
  })

  test('a required client certificate is one that the authority has signed', async () => {
    using others = new CertificateAuthority('/CN=Others')
    const stranger = others.issue('/CN=stranger')
    const known = authority.issue('/O=Mill/CN=carrier')
    const credentials = {
      ...server,
      minVersion: 'TLSv1.2',
      clientCa: authority.root.certificate,
    } as const
    await using scene = await listen({ credentials, clientCertificate: 'required' })
    const { port } = scene.listener
    assert.equal(await talk(port, { cert: known.certificate, key: known.key }), 'hello')
    assert.ok(scene.accepted[0]!.tls?.peerCertificate !== undefined)
    assert.match(await talk(port), /CERTIFICATE_REQUIRED|ECONNRESET|closed/)
    assert.match(await talk(port, { cert: stranger.certificate, key: stranger.key }), /ECONNRESET|closed/)
    await until(() => scene.refused.length === 2)
    assert.match(scene.refused[0]!, /showed no certificate/)
    assert.match(scene.refused[1]!, /certificate is refused: /)
    assert.equal(scene.accepted.length, 1)
  })

  test('an optional client certificate may be missing, but not be anyone’s', async () => {
    using others = new CertificateAuthority('/CN=Others')
    const stranger = others.issue('/CN=stranger')
    const credentials = {
      ...server,
      minVersion: 'TLSv1.2',
      clientCa: authority.root.certificate,
    } as const
    await using scene = await listen({ credentials, clientCertificate: 'optional' })
    assert.equal(await talk(scene.listener.port), 'hello')
    assert.match(
      await talk(scene.listener.port, { cert: stranger.certificate, key: stranger.key }),
      /ECONNRESET|closed/,
    )
    assert.match(scene.refused[0]!, /certificate is refused: /)
  })

  test('handshakes are bounded in time, whatever comes in the meantime, and in number', async () => {
    await using scene = await listen({ handshakeTimeoutMs: 100, handshakesMax: 2 })
    const silent = [0, 1, 2].map(() => {
      const socket = net.connect(scene.listener.port, '127.0.0.1')
      socket.on('error', () => undefined)
      return socket
    })
    // The beginning of a ClientHello that never ends.
    silent[0]!.write(Buffer.from([0x16, 0x03, 0x01]))
    const drip = setInterval(() => silent[0]!.write(Buffer.from([0x02])), 20)
    await Promise.all(silent.map((socket) => once(socket, 'close')))
    clearInterval(drip)
    await until(() => scene.refused.length === 3)
    assert.match(scene.refused[0]!, /more than 2 TLS handshakes/)
    assert.deepEqual(scene.refused.slice(1), [
      'no TLS handshake within 100 ms',
      'no TLS handshake within 100 ms',
    ])
    assert.equal(await talk(scene.listener.port), 'hello')
  })

  test('one address that begins handshakes and ends none leaves the others their places', async (t) => {
    if (process.platform !== 'linux')
      return t.skip('only Linux has more than one loopback address by default')
    await using scene = await listen({ handshakesMax: 3 })
    const silent: net.Socket[] = []
    while (silent.length < 3) {
      const socket = net.connect(scene.listener.port, '127.0.0.1').on('error', () => undefined)
      await once(socket, 'connect')
      silent.push(socket)
    }
    const closed = once(silent[0]!, 'close')
    assert.equal(await talk(scene.listener.port, { localAddress: '127.0.0.2' }), 'hello')
    await closed
    assert.match(scene.refused[0]!, /more than 3 TLS handshakes at the same time, and this address/)
    for (const socket of silent) socket.destroy()
  })

  test('new credentials hold for new connections; bad ones are refused and change nothing', async () => {
    await using scene = await listen()
    const { listener } = scene
    const subject = async (): Promise<string> => {
      const socket = tls.connect({ host: '127.0.0.1', port: listener.port, ca: authority.root.certificate })
      await once(socket, 'secureConnect')
      const name = socket.getPeerCertificate().subject.CN
      socket.destroy()
      return String(name)
    }
    assert.equal(await subject(), 'localhost')
    const renewed = authority.issue('/CN=renewed', { passphrase: 'sesame' })
    const bad = { ...renewed, key: server.key, minVersion: 'TLSv1.2' } as const
    assert.throws(() => listener.setCredentials!(bad), { code: 'MR_TLS_INVALID' })
    assert.equal(await subject(), 'localhost')
    listener.setCredentials!({ ...renewed, passphrase: 'sesame', minVersion: 'TLSv1.2' })
    assert.equal(await subject(), 'renewed')
  })

  test('much is sent and read, with pauses', async () => {
    const size = 5_000_000
    await using scene = await listen()
    const socket = tls.connect({
      host: '127.0.0.1',
      port: scene.listener.port,
      ca: authority.root.certificate,
    })
    await once(socket, 'secureConnect')
    socket.write(Buffer.alloc(size, 7))
    let received = 0
    socket.on('data', (chunk) => {
      received += chunk.length
      if (received >= size) socket.destroy()
    })
    await once(socket, 'close')
    assert.equal(received, size)
  })
} else {
  test('TLS listeners', { skip: lacksOpenssl })
}
