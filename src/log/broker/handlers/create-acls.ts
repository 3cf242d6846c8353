import type { CreateAclsRequest, CreateAclsResponseInput } from '../../protocol/apis/create-acls.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import type { Handler } from '../services.ts'

/** CreateAcls: refused, so that nobody believes in rules that nothing enforces. */
export const handleCreateAcls: Handler<CreateAclsRequest, CreateAclsResponseInput> = ({ creations }) => ({
  results: creations.map(() => ({
    errorCode: ErrorCode.SECURITY_DISABLED,
    errorMessage: 'No Authorizer is configured.',
  })),
})
