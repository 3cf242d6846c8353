import assert from 'node:assert/strict'
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { describe, test } from 'node:test'
import type { SaslExchange, SaslStep } from './sasl-exchange.ts'
import { scramMechanism } from './scram.ts'
import { ScramDecoys } from './scram-decoys.ts'
import { credentialOfPassword, type ScramMechanismName } from './scram-credential.ts'

interface Server {
  readonly nonce: string
  readonly salt: Buffer
  readonly iterations?: number
}

function begin(mechanism: ScramMechanismName, { nonce, salt, iterations = 4096 }: Server): SaslExchange {
  const known = credentialOfPassword(mechanism, { password: 'pencil', salt, iterations })
  return scramMechanism({
    mechanism,
    find: (user) => (user === 'user' || user === 'a,b=c' ? known : undefined),
    nonce: () => nonce,
    decoy: (user) => new ScramDecoys({ mechanism, secret: SECRET, credentials: [known] }).of(user),
  }).begin()
}

const SALT = Buffer.from('salt of the test')
const SECRET = Buffer.alloc(32, 1)
const SERVER: Server = { nonce: 'theirs', salt: SALT }

function textOf(step: SaslStep | Promise<SaslStep>): string {
  assert.ok(!(step instanceof Promise))
  assert.ok(step.kind !== 'failed', step.kind === 'failed' ? step.told : '')
  return step.message.toString()
}

/** The client's last message, written from RFC 5802 on its own. */
function finalMessage(
  mechanism: ScramMechanismName,
  from: {
    readonly password: string
    readonly bare: string
    readonly answer: string
    readonly binding?: string
    readonly nonce?: string
  },
): string {
  const hash = mechanism === 'SCRAM-SHA-256' ? 'sha256' : 'sha512'
  const [, nonce, salt, iterations] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(from.answer)!
  const size = hash === 'sha256' ? 32 : 64
  const salted = pbkdf2Sync(from.password, Buffer.from(salt!, 'base64'), Number(iterations), size, hash)
  const mac = (key: Uint8Array, text: string): Buffer => createHmac(hash, key).update(text).digest()
  const clientKey = mac(salted, 'Client Key')
  const stored = createHash(hash).update(clientKey).digest()
  const without = `c=${from.binding ?? 'biws'},r=${from.nonce ?? nonce}`
  const signature = mac(stored, `${from.bare},${from.answer},${without}`)
  const proof = clientKey.map((byte, index) => byte ^ signature[index]!)
  return `${without},p=${Buffer.from(proof).toString('base64')}`
}

async function outcome(
  mechanism: ScramMechanismName,
  options: {
    readonly user?: string
    readonly password?: string
    readonly header?: string
    readonly binding?: string
  },
): Promise<SaslStep> {
  const { user = 'user', password = 'pencil', header = 'n,,', binding } = options
  const exchange = begin(mechanism, SERVER)
  const bare = `n=${user},r=ours`
  const first = await exchange.step(Buffer.from(header + bare))
  if (first.kind !== 'challenge') return first
  const answer = first.message.toString()
  const last = finalMessage(mechanism, { password, bare, answer, ...(binding !== undefined && { binding }) })
  return exchange.step(Buffer.from(last))
}

describe('SCRAM', () => {
  test('the exchange of RFC 7677 is had word for word', async () => {
    const exchange = begin('SCRAM-SHA-256', {
      nonce: '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
      salt: Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'),
    })
    assert.equal(
      textOf(exchange.step(Buffer.from('n,,n=user,r=rOprNGfwEbeRWgbNEkqO'))),
      'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
    )
    const last =
      'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ='
    const step = await exchange.step(Buffer.from(last))
    assert.equal(textOf(step), 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=')
    assert.deepEqual({ ...step, message: undefined }, { kind: 'succeeded', user: 'user', message: undefined })
  })

  for (const mechanism of ['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const) {
    test(`${mechanism}: the right password comes in, a wrong one and nobody fail alike`, async () => {
      assert.equal((await outcome(mechanism, {})).kind, 'succeeded')
      const wrong = await outcome(mechanism, { password: 'pencils' })
      const nobody = await outcome(mechanism, { user: 'nobody' })
      const told = `Authentication failed during authentication due to invalid credentials with SASL mechanism ${mechanism}`
      assert.deepEqual(wrong, { kind: 'failed', told, reason: 'wrong password', user: 'user' })
      assert.deepEqual(nobody, { kind: 'failed', told, reason: 'no such user', user: 'nobody' })
    })
  }

  test('an old librdkafka, which says its own nonce twice, comes in', async () => {
    const exchange = begin('SCRAM-SHA-256', SERVER)
    const bare = 'n=user,r=ours'
    const answer = textOf(await exchange.step(Buffer.from(`n,,${bare}`)))
    const last = finalMessage('SCRAM-SHA-256', { password: 'pencil', bare, answer, nonce: 'oursourstheirs' })
    assert.equal((await exchange.step(Buffer.from(last))).kind, 'succeeded')
  })

  test('nobody has a salt, the same one every time', async () => {
    const ask = async (user: string): Promise<string> =>
      textOf(await begin('SCRAM-SHA-256', SERVER).step(Buffer.from(`n,,n=${user},r=x`)))
    assert.equal(await ask('nobody'), await ask('nobody'))
    assert.notEqual(await ask('nobody'), await ask('no-one'))
    assert.match(await ask('nobody'), /^r=xtheirs,s=[\w+/]{22}==,i=4096$/)
  })

  test('names with commas and equals signs, and names for oneself, are read', async () => {
    assert.deepEqual(
      { ...(await outcome('SCRAM-SHA-256', { user: 'a=2Cb=3Dc' })), message: undefined },
      { kind: 'succeeded', user: 'a,b=c', message: undefined },
    )
    const own = { header: 'n,a=user,', binding: Buffer.from('n,a=user,').toString('base64') }
    assert.equal((await outcome('SCRAM-SHA-256', own)).kind, 'succeeded')
    assert.match(reasonOf(await outcome('SCRAM-SHA-256', { header: 'n,a=root,' })), /somebody else/)
  })

  test('what does not fit is refused', async () => {
    for (const first of [
      '',
      'n,,',
      'p=tls-unique,,n=user,r=x',
      'n,,m=1,n=user,r=x',
      'n,,n=us=er,r=x',
      'n,,n=user,r=',
    ]) {
      const step = await begin('SCRAM-SHA-256', SERVER).step(Buffer.from(first))
      assert.equal(reasonOf(step), 'a malformed message', first)
    }
    const binding = Buffer.from('y,,').toString('base64')
    assert.match(reasonOf(await outcome('SCRAM-SHA-256', { binding })), /another channel binding/)
    const exchange = begin('SCRAM-SHA-256', SERVER)
    await exchange.step(Buffer.from('n,,n=user,r=ours'))
    assert.equal(reasonOf(await exchange.step(Buffer.from('c=biws,r=ours,p=AAAA'))), 'wrong nonce')
    const short = begin('SCRAM-SHA-256', SERVER)
    await short.step(Buffer.from('n,,n=user,r=ours'))
    assert.equal(reasonOf(await short.step(Buffer.from('c=biws,r=ourstheirs,p=AAAA'))), 'wrong password')
  })
})

function reasonOf(step: SaslStep): string {
  assert.equal(step.kind, 'failed')
  return step.kind === 'failed' ? step.reason : ''
}
