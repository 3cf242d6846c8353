/**
 * Kafka's words for access rules; a word's code on the wire is its place, counted from 2 (from 3 for patterns): lower
 * ones are filters. Apart from the requests, so that a command's help need not load the protocol.
 */
export const ACL_RESOURCES = [
  'topic',
  'group',
  'cluster',
  'transactional-id',
  'delegation-token',
  'user',
] as const
export const ACL_PATTERNS = ['literal', 'prefixed'] as const
export const ACL_OPERATIONS = [
  'all',
  'read',
  'write',
  'create',
  'delete',
  'alter',
  'describe',
  'cluster-action',
  'describe-configs',
  'alter-configs',
  'idempotent-write',
  'create-tokens',
  'describe-tokens',
  'two-phase-commit',
] as const
export const ACL_PERMISSIONS = ['deny', 'allow'] as const
