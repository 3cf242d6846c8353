import type { FastifyInstance } from 'fastify'
import type { BrokerMetrics } from '../log/broker/broker-metrics.ts'
import { type PushedClient, seriesIn } from '../log/broker/telemetry/pushed-metrics.ts'
import { clientNotFound } from './not-found.ts'
import { arrayOf, holding, operation } from './openapi.ts'

const CLIENT = [
  'clientInstanceId',
  'clientId',
  'softwareName',
  'softwareVersion',
  'address',
  'attributes',
  'pushIntervalMs',
  'sinceLastPushMs',
] as const

/** Clients of the embedded log that push metrics of theirs. */
export function clientRoutes(app: FastifyInstance, logMetrics: () => Promise<BrokerMetrics>): void {
  const clients = async (): Promise<readonly PushedClient[]> => (await logMetrics()).telemetry.clients
  app.get(
    '/api/v1/clients',
    {
      schema: operation({
        tag: 'clients',
        summary: 'The clients that have pushed metrics of theirs lately, with how many.',
        answer: arrayOf(holding(...CLIENT, 'series')),
      }),
    },
    async () => (await clients()).map((client) => ({ ...viewOf(client), series: client.series.length })),
  )
  app.get<{ Params: { client: string } }>(
    '/api/v1/clients/:client',
    {
      schema: operation({
        tag: 'clients',
        summary: 'A client, by its instance id, with the metrics that it has pushed.',
        answer: holding(...CLIENT, 'metrics'),
      }),
    },
    async ({ params }) => {
      const found = (await clients()).find(({ clientInstanceId }) => clientInstanceId === params.client)
      if (found === undefined) throw clientNotFound(params.client)
      const metrics = Array.from(seriesIn(found), ({ metric, counter, attributes, value }) => ({
        name: metric,
        type: counter ? 'counter' : 'gauge',
        attributes: Object.fromEntries(attributes),
        // JSON has no word for what is no number, such as the average of nothing.
        value: Number.isFinite(value) ? value : null,
      }))
      return { ...viewOf(found), metrics }
    },
  )
}

function viewOf({
  series: _series,
  values: _values,
  attributes,
  sinceLastPushMs,
  ...client
}: PushedClient): object {
  return {
    ...client,
    attributes: Object.fromEntries(attributes),
    sinceLastPushMs: Math.round(sinceLastPushMs),
  }
}
