import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ScramClient } from './scram.ts'

const NONCE = 'rOprNGfwEbeRWgbNEkqO'
const SERVER_FIRST = `r=${NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`

function client(options: { readonly username?: string; readonly password?: string } = {}): ScramClient {
  const { username = 'user', password = 'pencil' } = options
  return new ScramClient({ mechanism: 'SCRAM-SHA-256', username, password, nonce: NONCE })
}

describe('SCRAM', () => {
  test('goes as the example of RFC 7677', () => {
    const scram = client()
    assert.equal(scram.first().toString(), `n,,n=user,r=${NONCE}`)
    assert.equal(
      scram.next(Buffer.from(SERVER_FIRST))?.toString(),
      `c=biws,r=${NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=`,
    )
    assert.equal(scram.isDone, false)
    assert.equal(scram.next(Buffer.from('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=')), undefined)
    assert.equal(scram.isDone, true)
  })

  test('escapes what separates fields', () => {
    assert.equal(client({ username: 'a=b,c' }).first().toString(), `n,,n=a=3Db=2Cc,r=${NONCE}`)
  })

  for (const [what, message] of [
    ['a nonce of another exchange', SERVER_FIRST.replace('rOp', 'xxx')],
    ['a nonce that the server did not add to', `r=${NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`],
    ['few iterations', SERVER_FIRST.replace('4096', '1')],
    ['very many iterations', SERVER_FIRST.replace('4096', '2000000000')],
    ['no salt', SERVER_FIRST.replace('W22ZaJ0SNY7soEsUEjb6gQ==', '')],
    ['an error', 'e=unknown-user'],
    ['rubbish', '\u0000\u0001'],
  ] as const) {
    test(`refuses ${what}`, () => {
      const scram = client()
      assert.throws(() => scram.next(Buffer.from(message)))
      assert.equal(scram.isDone, false)
    })
  }

  test('refuses a server that does not know the password', () => {
    const scram = client({ password: 'other' })
    scram.next(Buffer.from(SERVER_FIRST))
    assert.throws(
      () => scram.next(Buffer.from('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=')),
      /signature/,
    )
    assert.equal(scram.isDone, false)
  })
})
