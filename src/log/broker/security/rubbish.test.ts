/** Whatever comes in place of a message or a certificate is refused, and throws nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { Simulation } from '../../../world/simulated/simulation.ts'
import { subjectOf } from './distinguished-name.ts'
import { oauthBearerMechanism } from './oauth-bearer.ts'
import { plainMechanism } from './plain.ts'
import { scramMechanism } from './scram.ts'
import { credentialOfPassword } from './scram-credential.ts'
import type { SaslMechanism } from './sasl-exchange.ts'

const { world } = new Simulation({ seed: 1 }).machine('server')
const salt = Buffer.from('salt')
const secret = Buffer.alloc(32, 1)
const known = credentialOfPassword('SCRAM-SHA-256', { password: 'x', salt, iterations: 4096 })

const MECHANISMS: Readonly<
  Record<string, { readonly mechanism: SaslMechanism; readonly like: readonly string[] }>
> = {
  PLAIN: {
    mechanism: plainMechanism({ passwords: new Map([['ada', 'engine']]), secret }),
    like: ['\0', 'ada', 'engin'],
  },
  SCRAM: {
    mechanism: scramMechanism({
      mechanism: 'SCRAM-SHA-256',
      find: () => known,
      nonce: () => 'ours',
      decoy: () => known,
    }),
    like: ['n', 'n,,', 'n=ada', ',', 'r=ours', 'c=biws', 'p=AAAA', '=', 'a=ada'],
  },
  OAUTHBEARER: {
    mechanism: oauthBearerMechanism({ world, report: () => undefined, jwks: '/nowhere' }),
    like: ['n,', 'a=ada', ',', '\u0001', 'auth=', 'Bearer ', 'e30', '.'],
  },
}

for (const [name, { mechanism, like }] of Object.entries(MECHANISMS)) {
  /** Anything, and pieces of what would be right in any order. */
  const pieces = fc.array(fc.constantFrom(...like), { maxLength: 30 })
  const message = fc.oneof(
    fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
    pieces.map((parts) => Buffer.from(parts.join(''))),
  )
  test(`${name} lets no rubbish in`, () =>
    fc.assert(
      fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 3 }), async (messages) => {
        const exchange = mechanism.begin()
        for (const each of messages) {
          const step = await exchange.step(each)
          assert.notEqual(step.kind, 'succeeded')
          if (step.kind === 'failed') break
        }
      }),
    ))
}

test('names of certificates are read from rubbish without harm', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const subject = subjectOf(bytes)
      assert.ok(subject === undefined || typeof subject === 'string')
    }),
    { numRuns: 1000 },
  )
})
