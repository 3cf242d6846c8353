import { listTransactionsApi } from '../protocol/apis/list-transactions.ts'
import { throwIfError } from './kafka-error.ts'
import type { LogClient } from './log-client.ts'

/** The transactional ids whose transactions are neither committed nor aborted yet, on all brokers. */
export function listOpenTransactions(client: LogClient): Promise<readonly string[]> {
  return client.retry(async () => {
    const { brokers } = await client.metadata([])
    const answers = await Promise.all(
      [...brokers.keys()].map((node) =>
        client.request(listTransactionsApi, { stateFilters: ['Ongoing'], producerIdFilters: [] }, { node }),
      ),
    )
    return answers.flatMap((answer) => {
      throwIfError(answer.errorCode, { doing: 'listing transactions' })
      return answer.transactionStates.map((one) => one.transactionalId)
    })
  })
}
