import type {
  DescribeLogDirsRequest,
  DescribeLogDirsResponseInput,
} from '../../protocol/apis/describe-log-dirs.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import type { Topic } from '../../storage/log-directory.ts'
import { AclOperation, mayOnCluster } from '../security/access.ts'
import type { Handler } from '../services.ts'

/** DescribeLogDirs: the one data directory, and how much each partition takes there. */
export const handleDescribeLogDirs: Handler<DescribeLogDirsRequest, DescribeLogDirsResponseInput> = (
  request,
  context,
) => {
  if (!mayOnCluster(context, AclOperation.DESCRIBE))
    return { errorCode: ErrorCode.CLUSTER_AUTHORIZATION_FAILED, results: [] }
  const { services } = context
  const { logDirectory } = services
  const wanted =
    request.topics === null
      ? undefined
      : new Map(request.topics.map(({ topic, partitions }) => [topic, partitions]))
  let totalBytes = 0
  const topics: { name: string; partitions: ReturnType<typeof sizesOf> }[] = []
  for (const topic of logDirectory.topics()) {
    const sizes = sizesOf(topic)
    for (const { partitionSize } of sizes) totalBytes += partitionSize
    const asked = wanted === undefined ? undefined : wanted.get(topic.name)
    if (wanted !== undefined && asked === undefined) continue
    topics.push({
      name: topic.name,
      partitions: sizes.filter(({ partitionIndex }) => asked?.includes(partitionIndex) ?? true),
    })
  }
  const usableBytes = services.freeBytes()
  return {
    errorCode: ErrorCode.NONE,
    results: [
      {
        errorCode: ErrorCode.NONE,
        logDir: services.dataPath,
        topics,
        totalBytes: totalBytes + usableBytes,
        usableBytes,
      },
    ],
  }
}

function sizesOf(
  topic: Topic,
): { partitionIndex: number; partitionSize: number; offsetLag: number; isFutureKey: boolean }[] {
  return topic.partitions.map((log) => ({
    partitionIndex: log.partition,
    partitionSize: log.sizeBytes,
    offsetLag: 0,
    isFutureKey: false,
  }))
}
