import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Json } from '../registry/json-text.ts'
import { SCHEMA_TYPES } from '../registry/parsed-schema.ts'
import type { StoredSchema } from '../registry/stored-schema.ts'
import { contextOf } from '../registry/subject-name.ts'
import {
  flag,
  idOf,
  inContext,
  numeral,
  page,
  param,
  pathContext,
  query,
  type RouteOptions,
  schemaView,
  versionView,
} from './registry-request.ts'
import { prefixFilter } from './registry-subject-routes.ts'

/** Schemas by their ids, and all of them. */
export function registrySchemaRoutes(app: FastifyInstance, { prefix, registry }: RouteOptions): void {
  const schemas = `${prefix}/schemas`
  const byId = `${schemas}/ids/:id`

  app.get(schemas, async (request): Promise<Json> => {
    const state = await (await registry()).state()
    const options = { deleted: flag(request, 'deleted') }
    const found = state
      .subjects(options)
      .filter(prefixFilter(request))
      .flatMap((subject) => {
        const versions = state.versions(subject, options)
        return flag(request, 'latestOnly') ? versions.slice(-1) : versions
      })
    return page(request, found.map(versionView))
  })

  app.get(`${schemas}/types`, (): Json => SCHEMA_TYPES)

  app.get(byId, async (request): Promise<Json> => {
    const opened = await registry()
    const [found] = (await opened.byId(idOf(request), subjectAsked(request))) as [StoredSchema]
    const schema = await opened.formatted(found, query(request, 'format') ?? '')
    const lastId = (await opened.state()).lastId(contextOf(found.subject))
    return {
      ...schemaView(found),
      schema,
      ...(flag(request, 'fetchMaxId') && { maxId: numeral(lastId) }),
    }
  })

  app.get(`${byId}/schema`, async (request, reply) => {
    const opened = await registry()
    const [found] = (await opened.byId(idOf(request), subjectAsked(request))) as [StoredSchema]
    return reply.serializer(String).send(await opened.formatted(found, query(request, 'format') ?? ''))
  })

  app.get(`${byId}/subjects`, async (request): Promise<Json> => {
    const found = await (await registry()).byId(idOf(request), subjectAsked(request))
    return page(request, [...new Set(listed(request, found).map(({ subject }) => subject))])
  })

  app.get(`${byId}/versions`, async (request): Promise<Json> => {
    const found = await (await registry()).byId(idOf(request), subjectAsked(request))
    return page(
      request,
      listed(request, found).map(({ subject, version }) => ({ subject, version: numeral(version) })),
    )
  })

  app.get(`${schemas}/guids/:guid`, async (request): Promise<Json> => {
    const opened = await registry()
    const found = await opened.byGuid(param(request, 'guid') ?? '')
    return { ...schemaView(found), schema: await opened.formatted(found, query(request, 'format') ?? '') }
  })

  app.get(`${schemas}/guids/:guid/ids`, async (request): Promise<Json> => {
    const opened = await registry()
    await opened.byGuid(param(request, 'guid') ?? '')
    const found = (await opened.state()).byGuid(param(request, 'guid') ?? '')
    const ids = new Map(found.map(({ subject, id }) => [contextOf(subject), id]))
    return [...ids].map(([context, id]) => ({ context, id: numeral(id) }))
  })
}

/** The subject whose context ids are looked up in. */
function subjectAsked(request: FastifyRequest): string | undefined {
  const subject = query(request, 'subject')
  if (subject !== undefined && subject !== '') return inContext(request, subject)
  const context = pathContext(request)
  return context === undefined ? undefined : `:${context}:`
}

function listed(request: FastifyRequest, found: readonly StoredSchema[]): readonly StoredSchema[] {
  const subject = query(request, 'subject')
  const wanted = subject === undefined || subject === '' ? undefined : inContext(request, subject)
  return found
    .filter((one) => flag(request, 'deleted') || !one.deleted)
    .filter((one) => wanted === undefined || one.subject === wanted)
    .toSorted((a, b) => (a.subject < b.subject ? -1 : a.subject > b.subject ? 1 : a.version - b.version))
}
