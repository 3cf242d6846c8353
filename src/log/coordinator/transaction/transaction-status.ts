/** Kafka's names, as DescribeTransactions shows them; the index is the stored code. */
export const TRANSACTION_STATUSES = [
  'Empty',
  'Ongoing',
  'PrepareCommit',
  'PrepareAbort',
  'CompleteCommit',
  'CompleteAbort',
  'Dead',
  'PrepareEpochFence',
] as const

export type TransactionStatus = (typeof TRANSACTION_STATUSES)[number]
