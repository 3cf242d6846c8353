import type { DescribeAclsRequest, DescribeAclsResponseInput } from '../../protocol/apis/describe-acls.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import type { Handler } from '../services.ts'

/** DescribeAcls: there is no access control, which is said as a Kafka without an authorizer says it. */
export const handleDescribeAcls: Handler<DescribeAclsRequest, DescribeAclsResponseInput> = () => ({
  errorCode: ErrorCode.SECURITY_DISABLED,
  errorMessage: 'No Authorizer is configured on the broker',
  resources: [],
})
