import type {
  DescribeUserScramCredentialsRequest,
  DescribeUserScramCredentialsResponseInput,
} from '../../protocol/apis/describe-user-scram-credentials.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { AclOperation, mayOnCluster } from '../security/access.ts'
import type { Handler } from '../services.ts'
import { SCRAM_MECHANISM_CODES } from './alter-user-scram-credentials.ts'

const CODES = new Map(Array.from(SCRAM_MECHANISM_CODES, ([code, name]) => [name, code]))

/** DescribeUserScramCredentials: which mechanisms users have passwords for, all of them or the named ones. */
export const handleDescribeUserScramCredentials: Handler<
  DescribeUserScramCredentialsRequest,
  DescribeUserScramCredentialsResponseInput
> = ({ users }, context) => {
  if (!mayOnCluster(context, AclOperation.DESCRIBE)) {
    return {
      errorCode: ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
      errorMessage: 'Users may not be seen by this client.',
      results: [],
    }
  }
  const known = context.services.scramUsers.byName()
  const names = users === null || users.length === 0 ? [...known.keys()] : users.map(({ name }) => name)
  const seen = new Set<string>()
  const repeated = new Set(names.filter((name) => seen.has(name) || !seen.add(name)))
  return {
    errorCode: ErrorCode.NONE,
    errorMessage: '',
    results: [...new Set(names)].map((user) => {
      const credentials = known.get(user)
      if (repeated.has(user)) {
        const errorMessage = `Cannot describe SCRAM credentials for the same user twice in a single request: ${user}`
        return { user, errorCode: ErrorCode.DUPLICATE_RESOURCE, errorMessage, credentialInfos: [] }
      }
      if (credentials === undefined) {
        const errorMessage = `Attempt to describe a user credential that does not exist: ${user}`
        return { user, errorCode: ErrorCode.RESOURCE_NOT_FOUND, errorMessage, credentialInfos: [] }
      }
      return {
        user,
        errorCode: ErrorCode.NONE,
        errorMessage: '',
        credentialInfos: credentials.map(({ mechanism, credential: { iterations } }) => ({
          mechanism: CODES.get(mechanism)!,
          iterations,
        })),
      }
    }),
  }
}
