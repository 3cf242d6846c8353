/** Listeners with TLS on the real network: who clients are by their certificates, and certificates that change. */
import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import {
  CertificateAuthority,
  lacksOpenssl,
  type MadeCertificate,
} from '../../../world/certificates.test-kit.ts'
import { nodeWorld } from '../../../world/node.ts'
import { metadataApi } from '../../protocol/apis/metadata.ts'
import { type LogOptions, type RunningLog, startLog } from '../start-log.ts'
import { WireClient } from '../wire-client.test-kit.ts'
import { subjectOf } from './distinguished-name.ts'
import type { ListenerTlsOptions } from './listener-options.ts'
import { logIn } from './secured-broker.test-kit.ts'

const world = nodeWorld()

interface Scene {
  readonly log: RunningLog
  readonly reports: { readonly event: string; readonly [field: string]: unknown }[]
  /** Over TLS to a listener, by default the first. */
  connect(options?: { readonly listener?: number; readonly as?: MadeCertificate }): Promise<WireClient>
}

describe('TLS listeners', { skip: lacksOpenssl }, () => {
  const authority = lacksOpenssl === false ? new CertificateAuthority() : undefined
  after(() => authority?.[Symbol.dispose]())

  const withLog = async (
    options: Pick<LogOptions, 'listeners'>,
    body: (scene: Scene) => Promise<void>,
  ): Promise<void> => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-secured-'))
    const reports: { event: string }[] = []
    try {
      await using log = await startLog({
        world,
        dataPath: join(directory, 'data'),
        report: (_level, event, fields) => reports.push({ event, ...fields }),
        ...options,
      })
      await body({
        log,
        reports,
        connect: async ({ listener = 0, as } = {}) => {
          const { host, port } = log.listeners[listener]!
          const own = as && { certificate: as.certificate, key: as.key }
          const tls = { ca: authority!.root.certificate, ...own }
          return new WireClient(await world.network.connect({ host, port, timeoutMs: 5000, tls }))
        },
      })
    } finally {
      rmSync(directory, { recursive: true })
    }
  }
  const listener = (tls: Partial<ListenerTlsOptions> = {}) => {
    const { certificatePath, keyPath } = authority!.issue('/CN=localhost')
    return { host: '127.0.0.1', port: 0, tls: { certificate: certificatePath, key: keyPath, ...tls } }
  }
  const reasons = ({ reports }: Scene): unknown[] =>
    reports.filter(({ event }) => event === 'TLS connection refused').map(({ reason }) => reason)
  const until = async (done: () => boolean): Promise<void> => {
    while (!done()) await new Promise((resolve) => setTimeout(resolve, 5))
  }

  test('a client is who its certificate says', () => {
    const required = { clientCa: authority!.root.certificatePath, clientAuth: 'required' } as const
    const mapped = { ...required, principalRules: ['RULE:^CN=([^,]+),.*$/$1/'] }
    const listeners = [
      { ...listener(required), name: 'whole' },
      { ...listener(mapped), name: 'mapped' },
    ]
    return withLog({ listeners }, async (scene) => {
      const carrier = authority!.issue('/C=DE/O=Mill/CN=carrier')
      for (const index of [0, 1]) {
        const client = await scene.connect({ listener: index, as: carrier })
        await client.call(metadataApi, 1, { topics: [] })
        client.close()
      }
      const nameless = authority!.issue('/O=Mill')
      const refused = await scene.connect({ listener: 1, as: nameless })
      await refused.closed
      const principals = scene.reports
        .filter(({ event }) => event === 'client authenticated')
        .map(({ listener: name, mechanism, principal }) => [name, mechanism, principal])
      assert.deepEqual(principals, [
        ['whole', 'TLS', 'User:CN=carrier,O=Mill,C=DE'],
        ['mapped', 'TLS', 'User:carrier'],
      ])
      assert.deepEqual(reasons(scene), ['no principal rule fits the name in its certificate'])
      const internal = new WireClient(await connectTo(scene.log.internal.bootstrap))
      const { username, password } = scene.log.internal.security!.sasl
      assert.equal((await logIn(internal, username, password)).errorCode, 0)
      internal.close()
    })
  })

  test('a new certificate is shown to new clients; a broken one is told of, once, and the old one stays', () => {
    const used = authority!.issue('/CN=first')
    const next = authority!.issue('/CN=second')
    const tls = { certificate: used.certificatePath, key: used.keyPath, reloadIntervalMs: 20 }
    return withLog({ listeners: [{ host: '127.0.0.1', port: 0, tls }] }, async (scene) => {
      const { log, reports } = scene
      const told = (event: string): number => reports.filter((report) => report.event === event).length
      const early = await scene.connect()
      const [unchanged] = await log.reloadCertificates()
      assert.deepEqual(unchanged, { listener: 'SSL', result: 'unchanged' })

      exchange(next.certificatePath, used.certificatePath)
      const [mismatch] = await log.reloadCertificates()
      assert.equal(mismatch!.result, 'failed')
      assert.match(mismatch!.reason!, /MR_TLS_INVALID/)
      await log.reloadCertificates()
      assert.equal(told('new certificate cannot be used, the old one stays'), 1)
      const meanwhile = await scene.connect()
      assert.match(subjectShown(meanwhile), /CN=first/)

      exchange(next.keyPath, used.keyPath)
      await until(() => told('new certificate in use') === 1)
      const late = await scene.connect()
      assert.match(subjectShown(late), /CN=second/)
      writeFileSync(used.keyPath, 'rubbish')
      await until(() => told('new certificate cannot be used, the old one stays') === 2)
      for (const client of [early, meanwhile, late]) {
        await client.call(metadataApi, 1, { topics: [] })
        client.close()
      }
    })
  })

  test('who speaks without TLS where it is wanted, or with it where it is not, is let go with a line', () =>
    withLog({ listeners: [listener(), { host: '127.0.0.1', port: 0 }] }, async (scene) => {
      const { host, port } = scene.log.listeners[0]!
      const plain = await WireClient.connect(world.network, { host, port })
      await assert.rejects(plain.call(metadataApi, 1, { topics: [] }), /closed/)
      await until(() => reasons(scene).length === 1)
      assert.match(String(reasons(scene)[0]), /what came is not TLS: the client speaks without it/)
      await assert.rejects(scene.connect({ listener: 1 }))
      const closed = (): Scene['reports'] =>
        scene.reports.filter(({ event }) => event === 'connection closed by the broker')
      await until(() => closed().length > 0)
      assert.equal(closed()[0]!['reason'], 'what came is a TLS handshake: this listener speaks without TLS')
    }))

  test('a log with a certificate that cannot be used does not start', async () => {
    for (const tls of [{ certificate: '/nowhere.pem' }, { key: authority!.root.keyPath }])
      await assert.rejects(
        withLog({ listeners: [listener(tls)] }, () => Promise.resolve()),
        { code: 'MR_TLS_INVALID' },
      )
  })
})

/** In one step: the listener looks at the file at any moment, from another thread. */
function exchange(from: string, to: string): void {
  cpSync(from, `${to}.new`)
  renameSync(`${to}.new`, to)
}

function subjectShown(client: WireClient): string {
  return subjectOf(client.connection.tls!.peerCertificate!)!
}

function connectTo(address: string) {
  const [host = '', port] = address.split(':')
  return world.network.connect({ host, port: Number(port), timeoutMs: 5000 })
}
