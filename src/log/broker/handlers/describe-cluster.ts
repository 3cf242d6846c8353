import type {
  DescribeClusterRequest,
  DescribeClusterResponseInput,
} from '../../protocol/apis/describe-cluster.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { clusterOperations } from '../security/access.ts'
import type { Handler } from '../services.ts'

const BROKERS = 1

/** DescribeCluster: the one node, which is its own controller. Controllers as such (endpoint type 2) are not served. */
export const handleDescribeCluster: Handler<DescribeClusterRequest, DescribeClusterResponseInput> = (
  request,
  context,
) => {
  const { logDirectory } = context.services
  const { advertised } = context.connection
  const { clusterId, nodeId } = logDirectory
  if (request.endpointType !== BROKERS) {
    const errorMessage = `This node serves the endpoint type ${BROKERS} (brokers) only.`
    return {
      errorCode: ErrorCode.MISMATCHED_ENDPOINT_TYPE,
      errorMessage,
      clusterId,
      brokers: [],
      endpointType: BROKERS,
    }
  }
  return {
    errorCode: ErrorCode.NONE,
    endpointType: BROKERS,
    clusterId,
    controllerId: nodeId,
    brokers: [{ brokerId: nodeId, host: advertised.host, port: advertised.port }],
    ...(request.includeClusterAuthorizedOperations && {
      clusterAuthorizedOperations: clusterOperations(context),
    }),
  }
}
