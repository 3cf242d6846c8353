import type { FastifyInstance } from 'fastify'
import { createPartitions, createTopics, deleteTopics } from '../log/client/admin.ts'
import {
  alterConfigs,
  CONFIG_RESOURCE_TYPES,
  type ConfigResourceType,
  describeConfigs,
  listConfigResources,
  refuseUnknownConfigs,
} from '../log/client/config-admin.ts'
import type { LogClient } from '../log/client/log-client.ts'
import { describeProducers } from '../log/client/transaction-admin.ts'
import { deleteRecordsBefore } from './delete-records.ts'
import { viewTopic, viewTopics } from './log-view.ts'
import { topicNotFound } from './not-found.ts'
import { arrayOf, COUNT, holding, NATURAL, object, oneOf, operation, TEXT, TEXTS, timeOf } from './openapi.ts'

interface ByTopic {
  Params: { topic: string }
}

const CONFIG = holding('name', 'value', 'source', 'readOnly', 'sensitive', 'documentation')
const CHANGE = object({ set: TEXTS, delete: arrayOf(TEXT), validateOnly: { type: 'boolean' } })

interface ConfigChangeBody {
  set?: Record<string, string>
  delete?: string[]
  validateOnly?: boolean
}

/** Topics, and the settings of topics, brokers and groups. */
export function topicRoutes(app: FastifyInstance, client: LogClient): void {
  app.get<{ Querystring: { internal?: string } }>(
    '/api/v1/topics',
    {
      schema: operation({
        tag: 'topics',
        summary: 'All topics, with how many offsets they hold and the settings of their own.',
        query: { internal: oneOf(['true', 'false']) },
        answer: arrayOf(holding('name', 'id', 'internal', 'partitions', 'records', 'endOffsets', 'config')),
      }),
    },
    ({ query }) => viewTopics(client, { internal: query.internal === 'true' }),
  )
  app.get<ByTopic>(
    '/api/v1/topics/:topic',
    {
      schema: operation({
        tag: 'topics',
        summary: 'A topic with its partitions and all its settings.',
        answer: holding('name', 'id', 'internal', 'partitions', 'configs'),
      }),
    },
    async ({ params: { topic } }) => {
      const found = await viewTopic(client, topic)
      if (found === undefined) throw topicNotFound(topic)
      return found
    },
  )
  app.post<{ Body: { name: string; partitions?: number; config?: Record<string, string> } }>(
    '/api/v1/topics',
    {
      schema: operation({
        tag: 'topics',
        summary: 'Creates a topic.',
        body: object({ 'name!': TEXT, partitions: COUNT, config: TEXTS }),
        status: 201,
        answer: holding('name'),
      }),
    },
    async ({ body }, reply) => {
      await createTopics(client, [body])
      return reply.code(201).send({ name: body.name })
    },
  )
  app.delete<ByTopic>(
    '/api/v1/topics/:topic',
    { schema: operation({ tag: 'topics', summary: 'Deletes a topic and all its records.' }) },
    async ({ params }, reply) => {
      await deleteTopics(client, [params.topic])
      return reply.code(204).send()
    },
  )
  app.post<ByTopic & { Body: { total: number } }>(
    '/api/v1/topics/:topic/partitions',
    {
      schema: operation({
        tag: 'topics',
        summary: 'Gives a topic more partitions, `total` altogether.',
        body: object({ 'total!': COUNT }),
      }),
    },
    async ({ params, body }, reply) => {
      await createPartitions(client, params.topic, body.total)
      return reply.code(204).send()
    },
  )
  app.post<ByTopic & { Body: { before: string | { offset: number }; partitions?: number[] } }>(
    '/api/v1/topics/:topic/delete-records',
    {
      schema: operation({
        tag: 'topics',
        summary:
          'Deletes the oldest records: all of them (`latest`), those before a time (ISO 8601), or before an offset.',
        body: object({
          'before!': { anyOf: [TEXT, object({ 'offset!': NATURAL })] },
          partitions: arrayOf(NATURAL),
        }),
        answer: arrayOf(holding('topic', 'partition', 'startOffset')),
      }),
    },
    ({ params: { topic }, body: { before, ...rest } }) =>
      deleteRecordsBefore(client, {
        topic,
        before:
          typeof before === 'string' && before !== 'latest'
            ? { timeMs: timeOf('before', before, ['latest']) }
            : before,
        ...rest,
      }),
  )
  app.get<ByTopic>(
    '/api/v1/topics/:topic/producers',
    {
      schema: operation({
        tag: 'transactions',
        summary: 'The producers that the partitions of a topic remember, and what they have open there.',
        answer: arrayOf(
          holding(
            'topic',
            'partition',
            'producerId',
            'producerEpoch',
            'lastTimestamp',
            'currentTxnStartOffset',
          ),
        ),
      }),
    },
    ({ params }) => describeProducers(client, [params.topic]),
  )
  configRoutes(app, client)
}

interface ByResource {
  Params: { type: ConfigResourceType; name: string }
}

function configRoutes(app: FastifyInstance, client: LogClient): void {
  const params = object({ 'type!': oneOf(CONFIG_RESOURCE_TYPES), 'name!': TEXT })
  app.get<{ Params: { type: ConfigResourceType } }>(
    '/api/v1/configs/:type',
    {
      schema: {
        ...operation({
          tag: 'settings',
          summary:
            'The names of topics or brokers, or of the groups or client metrics that have settings of their own.',
          answer: arrayOf(TEXT),
        }),
        params: object({ 'type!': oneOf(CONFIG_RESOURCE_TYPES) }),
      },
    },
    ({ params: { type } }) => listConfigResources(client, type),
  )
  app.get<ByResource>(
    '/api/v1/configs/:type/:name',
    {
      schema: {
        ...operation({
          tag: 'settings',
          summary: 'The settings of a topic, a broker (by node id), a group or clients’ metrics.',
          answer: arrayOf(CONFIG),
        }),
        params,
      },
    },
    async ({ params: resource }) => (await describeConfigs(client, [resource]))[0],
  )
  app.patch<ByResource & { Body: ConfigChangeBody }>(
    '/api/v1/configs/:type/:name',
    {
      schema: {
        ...operation({
          tag: 'settings',
          summary: 'Sets settings, and takes others back to what they are without a value of their own.',
          body: CHANGE,
          answer: arrayOf(CONFIG),
        }),
        params,
      },
    },
    async ({ params: resource, body }) => {
      if (body.delete !== undefined) await refuseUnknownConfigs(client, resource, body.delete)
      await alterConfigs(client, resource, body)
      return (await describeConfigs(client, [resource]))[0]
    },
  )
}
