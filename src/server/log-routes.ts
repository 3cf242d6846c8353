import type { FastifyInstance } from 'fastify'
import { MillraceError } from '../base/millrace-error.ts'
import { createTopics, deleteTopics } from '../log/client/admin.ts'
import type { LogClient } from '../log/client/log-client.ts'
import { viewGroup, viewGroups, viewPartitions, viewTopics } from './log-view.ts'

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
    const partitions = await viewPartitions(client, topic)
    if (partitions === undefined) {
      throw new MillraceError({
        code: 'MR_TOPIC_NOT_FOUND',
        topic,
        message: 'there is no such topic.',
        fix: 'List the topics with `millrace topics list`.',
      })
    }
    return { name: topic, partitions }
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
    const offsets = await viewGroup(client, group)
    if (offsets === undefined) {
      throw new MillraceError({
        code: 'MR_GROUP_NOT_FOUND',
        message: `there is no group ${group}.`,
        fix: 'List the groups with `millrace groups list`.',
      })
    }
    return { id: group, offsets }
  })
}
