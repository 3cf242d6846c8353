import type { FastifyInstance } from 'fastify'
import type { LogClient } from '../log/client/log-client.ts'
import {
  abortHanging,
  abortTransaction,
  describeTransaction,
  findHanging,
  listTransactions,
} from '../log/client/transaction-admin.ts'
import { TRANSACTION_STATUSES } from '../log/coordinator/transaction/transaction-status.ts'
import { transactionNotFound } from './not-found.ts'
import { arrayOf, holding, NATURAL, object, oneOf, operation, TEXT } from './openapi.ts'

interface ById {
  Params: { id: string }
}

const PRODUCER = holding('topic', 'partition', 'producerId', 'producerEpoch', 'currentTxnStartOffset')
/** Longer than any transaction may take by Kafka's defaults. */
const SILENT_MS = 15 * 60_000

export function transactionRoutes(app: FastifyInstance, client: LogClient): void {
  app.get<{ Querystring: { state?: string } }>(
    '/api/v1/transactions',
    {
      schema: operation({
        tag: 'transactions',
        summary: 'Transactional ids; with `state` those in this state, such as Ongoing.',
        query: { state: oneOf(TRANSACTION_STATUSES) },
        answer: arrayOf(holding('transactionalId', 'producerId', 'state')),
      }),
    },
    ({ query: { state } }) => listTransactions(client, { states: state === undefined ? [] : [state] }),
  )
  app.get<ById>(
    '/api/v1/transactions/:id',
    {
      schema: operation({
        tag: 'transactions',
        summary: 'The transaction of a transactional id, and its partitions.',
        answer: holding(
          'transactionalId',
          'state',
          'producerId',
          'producerEpoch',
          'timeoutMs',
          'startTimeMs',
          'partitions',
        ),
      }),
    },
    async ({ params: { id } }) => {
      const found = await describeTransaction(client, id)
      if (found === undefined) throw transactionNotFound(id)
      return found
    },
  )
  app.post<ById>(
    '/api/v1/transactions/:id/abort',
    {
      schema: operation({
        tag: 'transactions',
        summary: 'Ends the transaction of a transactional id, and fences its producer.',
      }),
    },
    async ({ params: { id } }, reply) => {
      if ((await describeTransaction(client, id)) === undefined) throw transactionNotFound(id)
      await abortTransaction(client, id)
      return reply.code(204).send()
    },
  )
  app.post<{
    Body: { topics?: string[]; silentMs?: number; partition?: number; startOffset?: number; dryRun?: boolean }
  }>(
    '/api/v1/hanging-transactions/abort',
    {
      schema: operation({
        tag: 'transactions',
        summary:
          'Ends transactions that hold readers up and that no coordinator knows, and gives them back; `dryRun` only finds them.',
        body: object({
          topics: { type: 'array', minItems: 1, items: TEXT },
          silentMs: NATURAL,
          partition: NATURAL,
          startOffset: NATURAL,
          dryRun: { type: 'boolean' },
        }),
        answer: arrayOf(PRODUCER),
      }),
    },
    async ({ body: { silentMs = SILENT_MS, partition, startOffset, dryRun = false, ...body } }) => {
      const topics = body.topics ?? [...(await client.metadata()).topics.keys()]
      const found = (await findHanging(client, { topics, silentMs })).filter(
        (one) =>
          (partition === undefined || one.partition === partition) &&
          (startOffset === undefined || one.currentTxnStartOffset === startOffset),
      )
      if (!dryRun) for (const producer of found) await abortHanging(client, producer)
      return found
    },
  )
}
