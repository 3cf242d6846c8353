import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { after, describe, test } from 'node:test'
import { CertificateAuthority, lacksOpenssl } from '../../../world/certificates.test-kit.ts'
import { subjectOf } from './distinguished-name.ts'
import { principalRules } from './principal-rules.ts'

describe('the name in a certificate', { skip: lacksOpenssl }, () => {
  const authority = lacksOpenssl === false ? new CertificateAuthority() : undefined
  after(() => authority?.[Symbol.dispose]())
  const subject = (text: string): string | undefined =>
    subjectOf(new X509Certificate(authority!.issue(text).certificate).raw)

  // The right sides were written by X500Principal.getName() of Java 21.
  test('is written as Java writes it', () => {
    assert.equal(
      subject('/C=DE/O=Mill, Race/OU=a\\+b/CN=carrier'),
      String.raw`CN=carrier,OU=a\+b,O=Mill\, Race,C=DE`,
    )
    assert.equal(subject('/CN= lead #x=1;'), String.raw`CN=\ lead \#x\=1\;`)
    assert.equal(subject('/CN=Müller/OU=<x>\\\\y'), String.raw`OU=\<x\>\\y,CN=Müller`)
    assert.equal(subject('/DC=org/DC=mill/UID=7/CN=x'), 'CN=x,UID=7,DC=mill,DC=org')
    assert.equal(subject('/emailAddress=a@b.c/CN=x'), 'CN=x,1.2.840.113549.1.9.1=#16056140622e63')
  })

  test('of what is no certificate is none', () => {
    assert.equal(subjectOf(Buffer.from('3003020101', 'hex')), undefined)
    assert.equal(subjectOf(Buffer.from('3082ffff', 'hex')), undefined)
    assert.equal(subjectOf(Buffer.alloc(0)), undefined)
  })
})

describe('principal rules', () => {
  test('the first that fits the whole name makes the principal', () => {
    const rules = principalRules([
      'RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/',
      'RULE:^CN=(.*?),OU=(.*?),O=(.*?)$/$1@$2/L',
      'RULE:^.*[Cc][Nn]=([a-zA-Z0-9.]*).*$/$1/U',
      'DEFAULT',
    ])
    assert.equal(rules('CN=kafka,OU=ServiceUsers,O=Unknown'), 'kafka')
    assert.equal(rules('CN=Ada,OU=Adm,O=Mill'), 'ada@adm')
    assert.equal(rules('O=Mill,cn=web.1'), 'WEB.1')
    assert.equal(rules('O=Mill'), 'O=Mill')
    assert.equal(principalRules(['RULE:^CN=(.*)$/$1/'])('O=Mill'), undefined)
    assert.equal(principalRules()('CN=x,O=y'), 'CN=x,O=y')
  })

  test('what is no rule is refused', () => {
    for (const rule of ['', 'CN', 'RULE:', 'RULE:a/b', 'RULE:(/x/', 'RULE:a/b/X'])
      assert.throws(() => principalRules([rule]), { code: 'MR_CONFIG_INVALID' }, rule)
  })
})
