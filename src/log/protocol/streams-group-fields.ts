/** Structures that several requests of streams groups have. */
import { array, arrayOf, int16, int32, int64, string, uint16 } from './field.ts'

export const pairFields = { key: string(), value: string() }

export const topicInfoFields = {
  name: string(),
  partitions: int32(),
  replicationFactor: int16(),
  topicConfigs: array(pairFields),
}

export const endpointFields = { host: string(), port: uint16() }

export const taskOffsetFields = { subtopologyId: string(), partition: int32(), offset: int64() }

export const taskIdsFields = { subtopologyId: string(), partitions: arrayOf(int32()) }
