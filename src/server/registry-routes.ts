/**
 * The schema registry's REST interface, as Confluent documents its own: paths, bodies, error codes, content types.
 *
 *   /subjects[/:subject[/versions[/:version[/schema|/referencedby]]]]   /subjects/:subject/metadata
 *   /schemas  /schemas/types  /schemas/ids/:id[/schema|/subjects|/versions]  /schemas/guids/:guid
 *   /compatibility/subjects/:subject/versions[/:version]
 *   /config[/:subject]  /mode[/:subject]  /contexts  /v1/metadata/id|version
 *
 * All of them but the last two also below /contexts/:context. Errors are `{ error_code, message }`.
 */
import type { FastifyInstance } from 'fastify'
import { messageOf } from '../base/millrace-error.ts'
import { type Json, jsonText, parseJson } from '../registry/json-text.ts'
import { RegistryError } from '../registry/registry-error.ts'
import { type LazyRegistry, numeral } from './registry-request.ts'
import { registrySchemaRoutes } from './registry-schema-routes.ts'
import { registrySettingRoutes } from './registry-setting-routes.ts'
import { registrySubjectRoutes } from './registry-subject-routes.ts'

/** In the order in which they are preferred. */
const CONTENT_TYPES = [
  'application/vnd.schemaregistry.v1+json',
  'application/vnd.schemaregistry+json',
  'application/json',
] as const
const BODY_LIMIT_BYTES = 16 * 1024 * 1024

/** Adds the routes to a scope of their own (`app.register`), since they have errors and content types of their own. */
export function registryRoutes(app: FastifyInstance, registry: LazyRegistry): void {
  speakRegistry(app)
  app.get('/', () => ({}))
  for (const prefix of ['', '/contexts/:context']) {
    registrySubjectRoutes(app, { prefix, registry })
    registrySchemaRoutes(app, { prefix, registry })
    registrySettingRoutes(app, { prefix, registry })
  }
  app.get('/contexts', async () => (await (await registry()).state()).contexts())
  app.get('/v1/metadata/id', async () => {
    const clusters = {
      'kafka-cluster': await (await registry()).clusterId(),
      'schema-registry-cluster': 'schema-registry',
    }
    return { id: '', scope: { path: [], clusters } }
  })
  app.get('/v1/metadata/version', () => ({ version: 'millrace', commitId: '' }))
}

/** Bodies, answers and errors as clients of a registry expect them. */
function speakRegistry(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    [...CONTENT_TYPES, 'application/octet-stream'],
    { parseAs: 'string', bodyLimit: BODY_LIMIT_BYTES },
    (_request, body, done) => {
      try {
        done(null, body === '' ? undefined : parseJson(String(body)))
      } catch (error) {
        done(new RegistryError(400, `The body is not JSON: ${messageOf(error)}`, { cause: error }))
      }
    },
  )
  app.addHook('onRequest', async (request, reply) => {
    const type = acceptedType(request.headers.accept)
    if (type === undefined) throw new RegistryError(406, 'HTTP 406 Not Acceptable')
    void reply.type(type)
  })
  // Clients know these types without a character set beside them.
  app.addHook('onSend', async (_request, reply, payload) => {
    const type = reply.getHeader('content-type')
    if (typeof type === 'string') reply.header('content-type', type.split(';', 1)[0])
    return payload
  })
  // Numbers are written as they were read: no digit of a default is lost.
  app.setReplySerializer((payload) => jsonText(payload as Json))
  app.setErrorHandler((error, request, reply) => {
    const { code, status, message } = asRegistryError(error)
    return reply
      .code(status)
      .type(acceptedType(request.headers.accept) ?? CONTENT_TYPES[0])
      .send({ error_code: numeral(code), message })
  })
  app.setNotFoundHandler(() => {
    throw new RegistryError(404, 'HTTP 404 Not Found')
  })
}

/** The preferred one of the types that a request takes; undefined when it takes none. */
function acceptedType(accept: string | undefined): string | undefined {
  const ranges = (accept ?? '*/*').split(',').map((range) => range.split(';', 1)[0]!.trim().toLowerCase())
  if (ranges.includes('*/*') || ranges.includes('application/*')) {
    return CONTENT_TYPES.find((type) => ranges.includes(type)) ?? CONTENT_TYPES[0]
  }
  return CONTENT_TYPES.find((type) => ranges.includes(type))
}

function asRegistryError(error: unknown): RegistryError {
  if (error instanceof RegistryError) return error
  const status = (error as { readonly statusCode?: number }).statusCode ?? 500
  return new RegistryError(status, messageOf(error), { cause: error })
}
