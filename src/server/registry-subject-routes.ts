import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Json } from '../registry/json-text.ts'
import { DEFAULT_CONTEXT } from '../registry/subject-name.ts'
import {
  flag,
  inputOf,
  numeral,
  page,
  param,
  pathContext,
  query,
  type RouteOptions,
  subjectOf,
  versionView,
} from './registry-request.ts'

/** Subjects and their versions; whether a schema may follow them. */
export function registrySubjectRoutes(app: FastifyInstance, { prefix, registry }: RouteOptions): void {
  const subjects = `${prefix}/subjects`
  const one = `${subjects}/:subject`
  const version = `${one}/versions/:version`

  app.get(subjects, async (request): Promise<Json> => {
    const state = await (await registry()).state()
    const alive = state.subjects({ deleted: false })
    const deletedOnly = flag(request, 'deletedOnly')
    const wanted = flag(request, 'deleted') || deletedOnly ? state.subjects({ deleted: true }) : alive
    const listed = deletedOnly ? wanted.filter((subject) => !alive.includes(subject)) : wanted
    return page(request, listed.filter(prefixFilter(request)))
  })

  app.get(`${one}/versions`, async (request): Promise<Json> => {
    const options = { deleted: flag(request, 'deleted'), deletedOnly: flag(request, 'deletedOnly') }
    const versions = await (await registry()).versions(subjectOf(request), options)
    return page(
      request,
      versions.map((found) => numeral(found.version)),
    )
  })

  app.get(version, async (request): Promise<Json> => {
    const opened = await registry()
    const found = await opened.version(subjectOf(request), versionOptions(request))
    const schema = await opened.formatted(found, query(request, 'format') ?? '')
    return { ...versionView(found), schema }
  })

  app.get(`${version}/schema`, async (request, reply) => {
    const opened = await registry()
    const found = await opened.version(subjectOf(request), versionOptions(request))
    // Not as a JSON text: the schema itself is the body.
    return reply.serializer(String).send(await opened.formatted(found, query(request, 'format') ?? ''))
  })

  app.get(`${version}/referencedby`, async (request): Promise<Json> => {
    const ids = await (await registry()).referencedBy(subjectOf(request), versionOptions(request).version)
    return page(request, ids.map(numeral))
  })

  app.get(`${one}/metadata`, async (request): Promise<Json> => {
    const all = (name: string): readonly string[] =>
      [(request.query as Record<string, string>)[name] ?? []].flat()
    const values = all('value')
    const properties = new Map(all('key').map((key, index) => [key, values[index] ?? '']))
    const opened = await registry()
    const found = await opened.latestWithMetadata(subjectOf(request), {
      properties,
      deleted: flag(request, 'deleted'),
    })
    const schema = await opened.formatted(found, query(request, 'format') ?? '')
    return { ...versionView(found), schema }
  })

  app.post(`${one}/versions`, async (request): Promise<Json> => {
    const stored = await (
      await registry()
    ).register(subjectOf(request), {
      input: inputOf(request),
      normalize: flag(request, 'normalize'),
    })
    return versionView(stored)
  })

  app.post(one, async (request): Promise<Json> => {
    const stored = await (
      await registry()
    ).lookUp(subjectOf(request), {
      input: inputOf(request),
      normalize: flag(request, 'normalize'),
      deleted: flag(request, 'deleted'),
    })
    return versionView(stored)
  })

  app.delete(one, async (request): Promise<Json> => {
    const permanent = flag(request, 'permanent')
    return (await (await registry()).deleteSubject(subjectOf(request), { permanent })).map(numeral)
  })

  app.delete(version, async (request): Promise<Json> => {
    const options = { version: versionOptions(request).version, permanent: flag(request, 'permanent') }
    return numeral(await (await registry()).deleteVersion(subjectOf(request), options))
  })

  for (const path of ['versions', 'versions/:version']) {
    app.post(`${prefix}/compatibility/subjects/:subject/${path}`, async (request): Promise<Json> => {
      const messages = await (
        await registry()
      ).checkCompatibility(subjectOf(request), {
        input: inputOf(request),
        version: param(request, 'version'),
        normalize: flag(request, 'normalize'),
      })
      const verdict = { is_compatible: messages.length === 0 }
      return flag(request, 'verbose') ? { ...verdict, messages } : verdict
    })
  }
}

/** Names that begin as asked for; within a context of the path, those in it. */
export function prefixFilter(request: FastifyRequest): (subject: string) => boolean {
  const wanted = query(request, 'subjectPrefix') ?? ''
  const context = pathContext(request)
  if (context !== undefined && context !== DEFAULT_CONTEXT)
    return (subject) => subject.startsWith(`:${context}:${wanted}`)
  if (wanted === '' || wanted === ':*:') return () => true
  // A prefix without context is one of the default context's names.
  return (subject) => subject.startsWith(wanted)
}

function versionOptions(request: FastifyRequest): { readonly version: string; readonly deleted: boolean } {
  return { version: param(request, 'version') ?? '', deleted: flag(request, 'deleted') }
}
