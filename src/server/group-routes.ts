import type { FastifyInstance } from 'fastify'
import type { LogClient } from '../log/client/log-client.ts'
import { viewGroup, viewGroups } from './group-view.ts'
import { groupNotFound } from './not-found.ts'
import { arrayOf, holding, NATURAL, object, oneOf, operation, TEXT, timeOf } from './openapi.ts'
import { deleteGroup, deleteGroupOffsets, resetGroup, type ResetPosition } from './reset-group.ts'

interface ByGroup {
  Params: { group: string }
}

interface ResetBody {
  topic: string
  to: string | { offset: number } | { shift: number }
  partitions?: number[]
  dryRun?: boolean
}

export function groupRoutes(app: FastifyInstance, client: LogClient): void {
  app.get<{ Querystring: { all?: string } }>(
    '/api/v1/groups',
    {
      schema: operation({
        tag: 'groups',
        summary:
          'The groups (classic, consumer, share and streams), with how far they are behind; with `all` also those that jobs keep for themselves.',
        query: { all: oneOf(['true', 'false']) },
        answer: arrayOf(holding('id', 'type', 'state', 'members', 'lag')),
      }),
    },
    ({ query }) => viewGroups(client, { witnesses: query.all === 'true' }),
  )
  app.get<ByGroup>(
    '/api/v1/groups/:group',
    {
      schema: operation({
        tag: 'groups',
        summary:
          'A group with its members and what it has committed; of a share group, the first offset of each partition that it has not done with.',
        answer: holding('id', 'type', 'state', 'assignor', 'members', 'offsets'),
      }),
    },
    async ({ params: { group } }) => {
      const found = await viewGroup(client, group)
      if (found === undefined) throw groupNotFound(group)
      return found
    },
  )
  app.delete<ByGroup>(
    '/api/v1/groups/:group',
    {
      schema: operation({ tag: 'groups', summary: 'Deletes a group that has no members, with its offsets.' }),
    },
    async ({ params }, reply) => {
      await deleteGroup(client, params.group)
      return reply.code(204).send()
    },
  )
  app.post<ByGroup & { Body: ResetBody }>(
    '/api/v1/groups/:group/reset',
    {
      schema: operation({
        tag: 'groups',
        summary:
          'Sets the offsets of a group without members: `to` is earliest, latest, a time (ISO 8601), an offset or a shift.',
        body: object({
          'topic!': TEXT,
          'to!': {
            anyOf: [TEXT, object({ 'offset!': NATURAL }), object({ 'shift!': { type: 'integer' } })],
          },
          partitions: arrayOf(NATURAL),
          dryRun: { type: 'boolean' },
        }),
        answer: arrayOf(holding('topic', 'partition', 'before', 'offset')),
      }),
    },
    ({ params, body }) => resetGroup(client, { ...body, group: params.group, to: positionOf(body.to) }),
  )
  app.delete<{ Params: { group: string; topic: string } }>(
    '/api/v1/groups/:group/offsets/:topic',
    {
      schema: operation({
        tag: 'groups',
        summary: 'Forgets what a group has committed of a topic that none of its members reads.',
      }),
    },
    async ({ params }, reply) => {
      await deleteGroupOffsets(client, params.group, params.topic)
      return reply.code(204).send()
    },
  )
}

function positionOf(to: ResetBody['to']): ResetPosition {
  if (typeof to !== 'string') return to
  if (to === 'earliest' || to === 'latest') return to
  return { timeMs: timeOf('to', to, ['earliest', 'latest']) }
}
