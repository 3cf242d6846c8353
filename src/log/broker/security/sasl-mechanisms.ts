import type { Report } from '../../../base/report.ts'
import type { World } from '../../../world/world.ts'
import type { ListenerSaslOptions, SaslMechanismName } from './listener-options.ts'
import { pemText } from './pem-source.ts'
import { plainMechanism } from './plain.ts'
import type { SaslMechanism } from './sasl-exchange.ts'
import { scramMechanism } from './scram.ts'
import {
  credentialOfPassword,
  SCRAM_ITERATIONS_MIN,
  type ScramCredential,
  type ScramMechanismName,
} from './scram-credential.ts'
import { saltFor, ScramDecoys } from './scram-decoys.ts'
import type { ScramUsers } from './scram-users.ts'

const NONCE_BYTES = 24

export interface MechanismsOptions {
  readonly world: Pick<World, 'clock' | 'disk' | 'network' | 'random'>
  readonly report: Report
  readonly sasl: ListenerSaslOptions
  readonly scramUsers: ScramUsers
}

/** A listener's mechanisms by name. Takes a few milliseconds for each password where SCRAM is among them. */
export async function saslMechanisms(
  options: MechanismsOptions,
): Promise<ReadonlyMap<SaslMechanismName, SaslMechanism>> {
  const mechanisms = new Map<SaslMechanismName, SaslMechanism>()
  for (const name of options.sasl.mechanisms) mechanisms.set(name, await mechanism(name, options))
  return mechanisms
}

async function mechanism(name: SaslMechanismName, options: MechanismsOptions): Promise<SaslMechanism> {
  const { world, report, sasl } = options
  const { users = {}, oauthBearer = {} } = sasl
  switch (name) {
    case 'PLAIN':
      return plainMechanism({
        passwords: new Map(Object.entries(users)),
        secret: world.random.bytes(32),
      })
    case 'SCRAM-SHA-256':
    case 'SCRAM-SHA-512':
      return scram(name, options)
    case 'OAUTHBEARER': {
      const { oauthBearerMechanism } = await import('./oauth-bearer.ts')
      const { jwksCa, ...rest } = oauthBearer
      const ca = jwksCa === undefined ? {} : { jwksCa: pemText(world.disk, jwksCa) }
      return oauthBearerMechanism({ ...rest, ...ca, world, report })
    }
  }
}

/** Passwords that administration has set hold before those of the configuration. */
function scram(mechanismName: ScramMechanismName, options: MechanismsOptions): SaslMechanism {
  const { world, sasl, scramUsers } = options
  const { random } = world
  const configured = new Map<string, ScramCredential>()
  for (const [user, password] of Object.entries(sasl.users ?? {})) {
    const salt = saltFor(mechanismName, user, scramUsers.secret)
    const from = { password, salt, iterations: SCRAM_ITERATIONS_MIN }
    configured.set(user, credentialOfPassword(mechanismName, from))
  }
  let known: { readonly version: unknown; readonly decoys: ScramDecoys } | undefined
  const decoy = (user: string): ScramCredential => {
    const { version, secret } = scramUsers
    if (known === undefined || known.version !== version) {
      const credentials = [...scramUsers.of(mechanismName), ...configured.values()]
      known = { version, decoys: new ScramDecoys({ mechanism: mechanismName, secret, credentials }) }
    }
    return known.decoys.of(user)
  }
  return scramMechanism({
    mechanism: mechanismName,
    find: (user) => scramUsers.find(mechanismName, user) ?? configured.get(user),
    nonce: () => Buffer.from(random.bytes(NONCE_BYTES)).toString('base64url'),
    decoy,
  })
}
