/** Shows data directories and how much each partition takes there. */
import {
  defineApi,
  type RequestInputOf,
  type RequestOf,
  type ResponseInputOf,
  type ResponseOf,
} from '../api-schema.ts'
import { array, arrayOf, bool, int16, int32, int64, string } from '../field.ts'

export const describeLogDirsApi = defineApi({
  name: 'DescribeLogDirs',
  key: 35,
  versions: [1, 5],
  flexibleFrom: 2,
  request: {
    topics: array(
      {
        topic: string(),
        partitions: arrayOf(int32()),
      },
      { nullableSince: 0 },
    ),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: int16({ since: 3 }),
    results: array({
      errorCode: int16(),
      logDir: string(),
      topics: array({
        name: string(),
        partitions: array({
          partitionIndex: int32(),
          partitionSize: int64(),
          offsetLag: int64(),
          isFutureKey: bool(),
        }),
      }),
      totalBytes: int64({ since: 4, default: -1 }),
      usableBytes: int64({ since: 4, default: -1 }),
      isCordoned: bool({ since: 5, default: false }),
    }),
  },
})

export type DescribeLogDirsRequest = RequestOf<typeof describeLogDirsApi>
export type DescribeLogDirsRequestInput = RequestInputOf<typeof describeLogDirsApi>
export type DescribeLogDirsResponse = ResponseOf<typeof describeLogDirsApi>
export type DescribeLogDirsResponseInput = ResponseInputOf<typeof describeLogDirsApi>
