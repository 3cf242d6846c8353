import { messageOf } from '../../../base/millrace-error.ts'
import type {
  AlterUserScramCredentialsRequest,
  AlterUserScramCredentialsResponseInput,
} from '../../protocol/apis/alter-user-scram-credentials.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { AclOperation, mayOnCluster } from '../security/access.ts'
import { principalText } from '../security/principal.ts'
import {
  credentialOf,
  SCRAM_ITERATIONS_MAX,
  SCRAM_ITERATIONS_MIN,
  type ScramMechanismName,
} from '../security/scram-credential.ts'
import type { ScramChange } from '../security/scram-users.ts'
import type { Handler } from '../services.ts'

/** The mechanisms' codes (KIP-554). */
export const SCRAM_MECHANISM_CODES: ReadonlyMap<number, ScramMechanismName> = new Map([
  [1, 'SCRAM-SHA-256'],
  [2, 'SCRAM-SHA-512'],
])

type Problem = readonly [errorCode: ErrorCode, errorMessage: string]

/**
 * AlterUserScramCredentials: sets and deletes users' passwords, of which only what SCRAM needs comes here. Whatever is
 * wrong with a user's change leaves that user as it is; the others' are on the device when this is answered. A user is
 * changed once in a request, also where the changes are for two mechanisms: Kafka has it so.
 */
export const handleAlterUserScramCredentials: Handler<
  AlterUserScramCredentialsRequest,
  AlterUserScramCredentialsResponseInput
> = async (request, context) => {
  const { services, connection } = context
  const users = new Set([...request.deletions, ...request.upsertions].map(({ name }) => name))
  const answer = (
    problemOf: (user: string) => Problem | undefined,
  ): AlterUserScramCredentialsResponseInput => ({
    results: Array.from(users, (user) => {
      const [errorCode, errorMessage] = problemOf(user) ?? [ErrorCode.NONE, null]
      return { user, errorCode, errorMessage }
    }),
  })
  if (!mayOnCluster(context, AclOperation.ALTER))
    return answer(() => [ErrorCode.CLUSTER_AUTHORIZATION_FAILED, 'Users may not be changed by this client.'])

  const { problems, changes } = decided(request, (mechanism, user) => {
    return services.scramUsers.find(mechanism, user) !== undefined
  })
  try {
    await services.scramUsers.alter(changes)
  } catch (error) {
    services.report('error', 'users could not be saved', { reason: messageOf(error) })
    return answer((user) => problems.get(user) ?? [ErrorCode.KAFKA_STORAGE_ERROR, messageOf(error)])
  }
  const by = principalText(connection.principal)
  for (const { kind, user, mechanism } of changes)
    services.report('info', kind === 'set' ? 'password set' : 'password deleted', { by, user, mechanism })
  return answer((user) => problems.get(user))
}

interface Decided {
  readonly problems: ReadonlyMap<string, Problem>
  /** Of the users without a problem. */
  readonly changes: readonly ScramChange[]
}

function decided(
  { deletions, upsertions }: AlterUserScramCredentialsRequest,
  exists: (mechanism: ScramMechanismName, user: string) => boolean,
): Decided {
  const problems = new Map<string, Problem>()
  const changes = new Map<string, ScramChange>()
  const take = (
    user: string,
    code: number,
    change: (mechanism: ScramMechanismName) => ScramChange | Problem,
  ): void => {
    if (problems.has(user)) return
    const mechanism = SCRAM_MECHANISM_CODES.get(code)
    const taken: ScramChange | Problem =
      user === ''
        ? [ErrorCode.UNACCEPTABLE_CREDENTIAL, 'Username must not be empty']
        : mechanism === undefined
          ? [ErrorCode.UNSUPPORTED_SASL_MECHANISM, 'Unknown SCRAM mechanism']
          : changes.has(user)
            ? [ErrorCode.DUPLICATE_RESOURCE, 'A user credential cannot be altered twice in the same request']
            : change(mechanism)
    if ('kind' in taken) changes.set(user, taken)
    else problems.set(user, taken)
  }
  for (const { name: user, mechanism: code } of deletions) {
    take(user, code, (mechanism) =>
      exists(mechanism, user)
        ? { kind: 'delete', user, mechanism }
        : [ErrorCode.RESOURCE_NOT_FOUND, 'Attempt to delete a user credential that does not exist'],
    )
  }
  for (const { name: user, mechanism: code, iterations, salt, saltedPassword } of upsertions) {
    take(user, code, (mechanism) => {
      if (iterations < SCRAM_ITERATIONS_MIN) return [ErrorCode.UNACCEPTABLE_CREDENTIAL, 'Too few iterations']
      if (iterations > SCRAM_ITERATIONS_MAX) return [ErrorCode.UNACCEPTABLE_CREDENTIAL, 'Too many iterations']
      if (saltedPassword.length === 0)
        return [ErrorCode.UNACCEPTABLE_CREDENTIAL, 'Password must not be empty.']
      const credential = credentialOf(mechanism, { saltedPassword, salt: Buffer.from(salt), iterations })
      return { kind: 'set', user, mechanism, credential }
    })
  }
  return { problems, changes: [...changes.values()].filter(({ user }) => !problems.has(user)) }
}
