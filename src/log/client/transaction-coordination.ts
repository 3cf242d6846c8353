/** What all owners of a transactional id do: take it over, find its coordinator, and agree with it on a protocol. */
import { endTxnApi } from '../protocol/apis/end-txn.ts'
import { initProducerIdApi } from '../protocol/apis/init-producer-id.ts'
import { ErrorCode } from '../protocol/error-code.ts'
import { KafkaError, throwIfError } from './kafka-error.ts'
import type { LogClient } from './log-client.ts'
import type { ProducerIdentity } from './pending-batch.ts'

/** The last version of AddPartitionsToTxn for clients; the later ones are for brokers. */
export const ADD_PARTITIONS_OF_CLIENTS = 3
const TRANSACTION_VERSION_2 = 2
/** The last version of EndTxn that leaves the epoch as it is. */
const END_TXN_V1 = 4

/** Whether each transaction gets an epoch of its own (KIP-890). */
export async function speaksVersion2(client: LogClient): Promise<boolean> {
  if ((await client.feature('transaction.version')) < TRANSACTION_VERSION_2) return false
  return (await client.versionOf(endTxnApi)) > END_TXN_V1
}

/** What a request to end a transaction has to be held to. */
export function endTxnLimit(version2: boolean): { readonly maxVersion?: number } {
  return version2 ? {} : { maxVersion: END_TXN_V1 }
}

/** Fences whoever had the id and ends what that one left open. */
export function takeOver(
  client: LogClient,
  options: {
    readonly transactionalId: string
    /** Default 60,000. */
    readonly transactionTimeoutMs?: number
  },
): Promise<ProducerIdentity> {
  const { transactionalId } = options
  return coordinated(client, transactionalId, async () => {
    const answer = await client.request(
      initProducerIdApi,
      { transactionalId, transactionTimeoutMs: options.transactionTimeoutMs ?? 60_000 },
      { node: { transactionalId } },
    )
    throwIfError(answer.errorCode, {
      doing: `taking over the transactional id ${transactionalId}`,
      needs: { transactionalId: `Write on the transactional id ${transactionalId}` },
    })
    return { producerId: answer.producerId, producerEpoch: answer.producerEpoch }
  })
}

/** Retries an exchange with the coordinator of a transactional id, looking for it anew when it has moved. */
export function coordinated<T>(
  client: LogClient,
  transactionalId: string,
  exchange: () => Promise<T>,
): Promise<T> {
  return client.retry(async () => {
    try {
      return await exchange()
    } catch (error) {
      const busy = error instanceof KafkaError && error.errorCode === ErrorCode.CONCURRENT_TRANSACTIONS
      if (!busy) client.forgetCoordinator({ transactionalId })
      throw error
    }
  })
}
