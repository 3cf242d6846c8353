/**
 * The features that switch clients to newer protocols: transaction.version 2 is KIP-890 (Produce v12 adds partitions to
 * the transaction, EndTxn v5 bumps the epoch); group.version 1 is the consumer group protocol (KIP-848).
 */
export const FEATURES: readonly { readonly name: string; readonly level: number }[] = [
  { name: 'transaction.version', level: 2 },
  { name: 'group.version', level: 1 },
]
