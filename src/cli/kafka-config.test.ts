import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { parseProperties, readKafkaConfig } from './kafka-config.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-config-'))
after(() => rmSync(folder, { recursive: true }))

function file(text: string, name = 'client.properties'): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

const PEM = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'

describe('a Java client configuration', () => {
  it('is read as Java reads it', () => {
    const text =
      '# comment\n! too\na=1\n b : two words \nc three\nd=x\\\n   y\\\\\ne\\=f=\\u00e9\\n\n\nempty=\n'
    assert.deepEqual(
      [...parseProperties(text)],
      [
        ['a', '1'],
        ['b', 'two words '],
        ['c', 'three'],
        ['d', 'xy\\'],
        ['e=f', 'é\n'],
        ['empty', ''],
      ],
    )
  })

  it('says user and password', () => {
    const path = file(
      `security.protocol=SASL_SSL
sasl.mechanism=SCRAM-SHA-512
sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \\
    username="ada" \\
    password="a\\\\"b;c=d";
ssl.truststore.type=PEM
ssl.truststore.location=${file(PEM, 'ca.pem')}
`,
    )
    assert.deepEqual(readKafkaConfig(path), {
      tls: { ca: PEM },
      sasl: { mechanism: 'SCRAM-SHA-512', username: 'ada', password: 'a"b;c=d' },
    })
  })

  it('says certificates', () => {
    const path = file(
      `security.protocol=ssl
ssl.keystore.type=PEM
ssl.keystore.certificate.chain=${PEM.replaceAll('\n', '\\n')}
ssl.keystore.key=${PEM.replaceAll('\n', '\\n')}
ssl.key.password=secret
ssl.endpoint.identification.algorithm=
`,
    )
    assert.deepEqual(readKafkaConfig(path), {
      tls: { certificate: PEM, key: PEM, passphrase: 'secret', verifyHostname: false },
    })
  })

  it('says where tokens come from', () => {
    const path = file(
      `security.protocol=SASL_PLAINTEXT
sasl.mechanism=OAUTHBEARER
sasl.oauthbearer.token.endpoint.url=https://id.example/token
sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required clientId='me' clientSecret=mine scope="a b";
`,
    )
    const token = { endpoint: 'https://id.example/token', clientId: 'me', clientSecret: 'mine', scope: 'a b' }
    assert.deepEqual(readKafkaConfig(path), { sasl: { mechanism: 'OAUTHBEARER', token } })
  })

  it('says nothing of security', () => assert.deepEqual(readKafkaConfig(file('bootstrap.servers=x:1\n')), {}))

  for (const [what, text, message] of [
    ['an unknown protocol', 'security.protocol=TLS', /security\.protocol is TLS/],
    ['Kerberos', 'security.protocol=SASL_SSL\nsasl.mechanism=GSSAPI', /sasl\.mechanism is GSSAPI/],
    ['no mechanism', 'security.protocol=SASL_SSL', /sasl\.mechanism is not set/],
    [
      'a store that is not there',
      'security.protocol=SSL\nssl.truststore.location=none/ca.pem',
      /ssl\.truststore\.location is none\/ca\.pem, and \/.*\/none\/ca\.pem cannot be read \(ENOENT\)/,
    ],
    ['no password', 'security.protocol=SASL_SSL\nsasl.mechanism=PLAIN', /names no username/],
  ] as const) {
    it(`refuses ${what}`, () =>
      assert.throws(() => readKafkaConfig(file(text)), { code: 'MR_KAFKA_CONFIG', message }))
  }

  it('warns of keys that look like known ones, not of others', () => {
    const warned: string[] = []
    const text =
      'security.protocol=PLAINTEXT\nsasl.mechanisms=PLAIN\nSSL.Truststore.Location=x\nssl.truststore.password=x\nacks=all'
    readKafkaConfig(file(text), (message) => void warned.push(message))
    assert.equal(warned.length, 2)
    assert.match(warned[0]!, /sasl\.mechanisms is not known.* mean sasl\.mechanism\?/)
    assert.match(warned[1]!, /mean ssl\.truststore\.location\?/)
  })

  it('says how a JKS store becomes PEM', () => {
    const store = file('\u0000\u0001', 'store.jks')
    const path = file(`security.protocol=SSL\nssl.truststore.location=${store}`)
    assert.throws(() => readKafkaConfig(path), { code: 'MR_KAFKA_CONFIG', message: /keytool .*openssl/ })
    assert.throws(() => readKafkaConfig(join(folder, 'none')), { code: 'MR_KAFKA_CONFIG' })
  })
})
