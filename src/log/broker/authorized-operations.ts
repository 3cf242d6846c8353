/**
 * Which operations a client is told that it may perform: a bit per Kafka operation code. Without access control
 * everybody may do all that a resource knows.
 */

/** READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS. */
export const TOPIC_OPERATIONS = bits(3, 4, 5, 6, 7, 8, 10, 11)

/** CREATE, ALTER, DESCRIBE, CLUSTER_ACTION, DESCRIBE_CONFIGS, ALTER_CONFIGS, IDEMPOTENT_WRITE. */
export const CLUSTER_OPERATIONS = bits(5, 7, 8, 9, 10, 11, 12)

/** READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS. */
export const GROUP_OPERATIONS = bits(3, 6, 8, 10, 11)

function bits(...operations: readonly number[]): number {
  return operations.reduce((all, operation) => all | (1 << operation), 0)
}
