import type { DeleteAclsRequest, DeleteAclsResponseInput } from '../../protocol/apis/delete-acls.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import type { Handler } from '../services.ts'

/** DeleteAcls: there is no access control, which is said as a Kafka without an authorizer says it. */
export const handleDeleteAcls: Handler<DeleteAclsRequest, DeleteAclsResponseInput> = ({ filters }) => ({
  filterResults: filters.map(() => ({
    errorCode: ErrorCode.SECURITY_DISABLED,
    errorMessage: 'No Authorizer is configured.',
    matchingAcls: [],
  })),
})
