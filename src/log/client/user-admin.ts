/** Users with SCRAM credentials: passwords never leave here, what the broker stores is made from them (RFC 5802). */
import { pbkdf2Sync } from 'node:crypto'
import { alterUserScramCredentialsApi } from '../protocol/apis/alter-user-scram-credentials.ts'
import { describeUserScramCredentialsApi } from '../protocol/apis/describe-user-scram-credentials.ts'
import { ErrorCode } from '../protocol/error-code.ts'
import { throwIfError } from './kafka-error.ts'
import type { LogClient } from './log-client.ts'

/** A mechanism's code on the wire is its place here, counted from 1. */
export const SCRAM_MECHANISMS = ['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const
export type ScramMechanism = (typeof SCRAM_MECHANISMS)[number]

const HASHES = {
  'SCRAM-SHA-256': { name: 'sha256', sizeBytes: 32 },
  'SCRAM-SHA-512': { name: 'sha512', sizeBytes: 64 },
} as const
const SALT_BYTES = 32
/** Kafka's own default and least. */
export const SCRAM_ITERATIONS = 4096

export interface UserCredential {
  readonly user: string
  readonly mechanism: ScramMechanism
  readonly iterations: number
}

/** Every user's credentials, sorted; of one user with `user`, nothing when there is none. */
export async function listUsers(client: LogClient, user?: string): Promise<readonly UserCredential[]> {
  return client.retry(async () => {
    const answer = await client.request(
      describeUserScramCredentialsApi,
      { users: user === undefined ? null : [{ name: user }] },
      { node: 'controller' },
    )
    throwIfError(answer.errorCode, { doing: 'listing users', detail: answer.errorMessage })
    const found: UserCredential[] = []
    for (const { user: name, errorCode, errorMessage, credentialInfos } of answer.results) {
      if (errorCode === ErrorCode.RESOURCE_NOT_FOUND) continue
      throwIfError(errorCode, { doing: `describing the user ${name}`, detail: errorMessage })
      for (const { mechanism, iterations } of credentialInfos)
        found.push({ user: name, mechanism: SCRAM_MECHANISMS[mechanism - 1]!, iterations })
    }
    return found.sort((a, b) => (a.user + a.mechanism < b.user + b.mechanism ? -1 : 1))
  })
}

/** Gives a user a password for each of the mechanisms, in place of the one that it has. */
export async function setPassword(
  client: LogClient,
  options: {
    readonly user: string
    readonly password: string
    readonly mechanisms: readonly ScramMechanism[]
    /** How often the password is hashed; default 4096. */
    readonly iterations?: number
  },
): Promise<void> {
  const { user, password, mechanisms, iterations = SCRAM_ITERATIONS } = options
  for (const mechanism of mechanisms) {
    const hash = HASHES[mechanism]
    const salt = Buffer.from(client.world.random.bytes(SALT_BYTES))
    const saltedPassword = pbkdf2Sync(password, salt, iterations, hash.sizeBytes, hash.name)
    const credential = { name: user, mechanism: codeOf(mechanism), iterations, salt, saltedPassword }
    await alter(client, { deletions: [], upsertions: [credential] })
  }
}

/** Takes a user's credentials away. */
export async function deleteCredentials(
  client: LogClient,
  user: string,
  mechanisms: readonly ScramMechanism[],
): Promise<void> {
  for (const mechanism of mechanisms)
    await alter(client, { deletions: [{ name: user, mechanism: codeOf(mechanism) }], upsertions: [] })
}

/** One credential: a broker changes a user once in a request. */
async function alter(
  client: LogClient,
  change: Parameters<typeof alterUserScramCredentialsApi.encodeRequest>[2],
): Promise<void> {
  const answer = await client.request(alterUserScramCredentialsApi, change, { node: 'controller' })
  for (const { user, errorCode, errorMessage } of answer.results)
    throwIfError(errorCode, { doing: `changing the user ${user}`, detail: errorMessage })
}

function codeOf(mechanism: ScramMechanism): number {
  return SCRAM_MECHANISMS.indexOf(mechanism) + 1
}
