/** What all owners of a transactional id do: take it over, and find its coordinator. */
import { initProducerIdApi } from '../protocol/apis/init-producer-id.ts'
import { ErrorCode } from '../protocol/error-code.ts'
import { KafkaError, throwIfError } from './kafka-error.ts'
import type { LogClient } from './log-client.ts'
import type { ProducerIdentity } from './pending-batch.ts'

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
