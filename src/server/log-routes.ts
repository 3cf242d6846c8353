import type { FastifyInstance } from 'fastify'
import { createTopics, deleteTopics } from '../log/client/admin.ts'
import type { LogClient } from '../log/client/log-client.ts'
import { viewGroup, viewGroups } from './group-view.ts'
import { viewTopic, viewTopics } from './log-view.ts'
import { groupNotFound, topicNotFound } from './not-found.ts'

interface NewTopicBody {
  name: string
  partitions?: number
  config?: Record<string, string>
}

const NEW_TOPIC_SCHEMA = {
  type: 'object',
  required: ['name'],
  additionalProperties: false,
  properties: {
    name: { type: 'string', minLength: 1 },
    partitions: { type: 'integer', minimum: 1 },
    config: { type: 'object', additionalProperties: { type: 'string' } },
  },
}

export function logRoutes(app: FastifyInstance, client: LogClient): void {
  app.get<{ Querystring: { internal?: string } }>('/api/v1/topics', ({ query }) =>
    viewTopics(client, { internal: query.internal === 'true' }),
  )
  app.get<{ Params: { topic: string } }>('/api/v1/topics/:topic', async ({ params: { topic } }) => {
    const found = await viewTopic(client, topic)
    if (found === undefined) throw topicNotFound(topic)
    return found
  })
  app.post<{ Body: NewTopicBody }>(
    '/api/v1/topics',
    { schema: { body: NEW_TOPIC_SCHEMA } },
    async ({ body }, reply) => {
      await createTopics(client, [body])
      return reply.code(201).send({ name: body.name })
    },
  )
  app.delete<{ Params: { topic: string } }>('/api/v1/topics/:topic', async ({ params }, reply) => {
    await deleteTopics(client, [params.topic])
    return reply.code(204).send()
  })
  app.get('/api/v1/groups', () => viewGroups(client))
  app.get<{ Params: { group: string } }>('/api/v1/groups/:group', async ({ params: { group } }) => {
    const found = await viewGroup(client, group)
    if (found === undefined) throw groupNotFound(group)
    return found
  })
}
