/**
 * The features that switch clients to newer protocols: transaction.version 2 is KIP-890 (Produce v12 adds partitions to
 * the transaction, EndTxn v5 bumps the epoch); group.version 1 is the consumer group protocol (KIP-848); streams.version 1
 * is that of streams groups (KIP-1071); share.version 1 is share groups (KIP-932), without the dead letter queues of 2.
 */
export const FEATURES: readonly { readonly name: string; readonly level: number }[] = [
  { name: 'transaction.version', level: 2 },
  { name: 'group.version', level: 1 },
  { name: 'streams.version', level: 1 },
  { name: 'share.version', level: 1 },
]
