import type { FastifyInstance } from 'fastify'
import { MillraceError } from '../base/millrace-error.ts'
import { QUOTA_KEYS } from '../log/broker/quotas/quota-entity.ts'
import type { CertificateReload } from '../log/broker/security/listeners.ts'
import { type Acl, type AclFilter, createAcls, deleteAcls, describeAcls } from '../log/client/acl-admin.ts'
import { ACL_OPERATIONS, ACL_PATTERNS, ACL_PERMISSIONS, ACL_RESOURCES } from '../log/client/acl-words.ts'
import type { LogClient } from '../log/client/log-client.ts'
import { alterQuotas, describeQuotas, type QuotaEntity } from '../log/client/quota-admin.ts'
import {
  deleteCredentials,
  listUsers,
  SCRAM_MECHANISMS,
  type ScramMechanism,
  setPassword,
} from '../log/client/user-admin.ts'
import { userNotFound } from './not-found.ts'
import { arrayOf, holding, object, oneOf, operation, TEXT } from './openapi.ts'

const ACL_FIELDS = {
  resource: oneOf(ACL_RESOURCES),
  name: TEXT,
  principal: { type: 'string', pattern: '^[^:]+:.+$' },
  host: TEXT,
  operation: oneOf(ACL_OPERATIONS),
  permission: oneOf(ACL_PERMISSIONS),
} as const
const ACL = holding(...Object.keys(ACL_FIELDS), 'pattern')
const FILTER = { ...ACL_FIELDS, pattern: oneOf([...ACL_PATTERNS, 'match']) }

export function securityRoutes(
  app: FastifyInstance,
  {
    client,
    reloadCertificates,
  }: {
    readonly client: LogClient
    readonly reloadCertificates?: () => Promise<readonly CertificateReload[]>
  },
): void {
  aclRoutes(app, client)
  userRoutes(app, client)
  quotaRoutes(app, client)
  if (reloadCertificates === undefined) return
  app.post(
    '/api/v1/certificates/reload',
    {
      schema: operation({
        tag: 'security',
        summary: 'Takes new certificates of the listeners from their files at once.',
        answer: arrayOf(holding('listener', 'result', 'reason')),
      }),
    },
    () => reloadCertificates(),
  )
}

function aclRoutes(app: FastifyInstance, client: LogClient): void {
  app.get<{ Querystring: AclFilter }>(
    '/api/v1/acls',
    {
      schema: operation({
        tag: 'security',
        summary: 'The access rules that fit all of the parameters.',
        query: FILTER,
        answer: arrayOf(ACL),
      }),
    },
    ({ query }) => describeAcls(client, query),
  )
  app.post<{ Body: (Omit<Acl, 'host' | 'pattern'> & Partial<Acl>)[] }>(
    '/api/v1/acls',
    {
      schema: operation({
        tag: 'security',
        summary: 'Adds access rules; `pattern` is literal and `host` is * unless they say otherwise.',
        body: {
          type: 'array',
          minItems: 1,
          items: object({
            'resource!': ACL_FIELDS.resource,
            'name!': TEXT,
            pattern: oneOf(ACL_PATTERNS),
            'principal!': ACL_FIELDS.principal,
            host: TEXT,
            'operation!': ACL_FIELDS.operation,
            'permission!': ACL_FIELDS.permission,
          }),
        },
        status: 201,
        answer: arrayOf(ACL),
      }),
    },
    async ({ body }, reply) => {
      const acls = body.map((acl): Acl => ({ pattern: 'literal', host: '*', ...acl }))
      await createAcls(client, acls)
      return reply.code(201).send(acls)
    },
  )
  app.delete<{ Querystring: AclFilter & { all?: string } }>(
    '/api/v1/acls',
    {
      schema: operation({
        tag: 'security',
        summary:
          'Removes the access rules that fit all of the parameters, and gives them back; all of them only with `all`.',
        query: { ...FILTER, all: oneOf(['true']) },
        answer: arrayOf(ACL),
      }),
    },
    ({ query: { all, ...filter } }) => {
      if (Object.keys(filter).length > 0 || all === 'true') return deleteAcls(client, filter)
      throw new MillraceError({ code: 'MR_BAD_REQUEST', message: 'say which rules to remove, or all=true.' })
    },
  )
}

function userRoutes(app: FastifyInstance, client: LogClient): void {
  app.get(
    '/api/v1/users',
    {
      schema: operation({
        tag: 'security',
        summary: 'Users with SCRAM passwords.',
        answer: arrayOf(holding('user', 'mechanism', 'iterations')),
      }),
    },
    () => listUsers(client),
  )
  app.put<{
    Params: { user: string }
    Body: { password: string; mechanisms?: ScramMechanism[]; iterations?: number }
  }>(
    '/api/v1/users/:user',
    {
      schema: operation({
        tag: 'security',
        summary: 'Gives a user a password, or a new one.',
        body: object({
          'password!': TEXT,
          mechanisms: { type: 'array', minItems: 1, items: oneOf(SCRAM_MECHANISMS) },
          iterations: { type: 'integer', minimum: 4096, maximum: 16_384 },
        }),
      }),
    },
    async ({ params: { user }, body: { mechanisms = SCRAM_MECHANISMS, ...rest } }, reply) => {
      await setPassword(client, { user, mechanisms, ...rest })
      return reply.code(204).send()
    },
  )
  app.delete<{ Params: { user: string } }>(
    '/api/v1/users/:user',
    { schema: operation({ tag: 'security', summary: 'Takes a user’s passwords away.' }) },
    async ({ params: { user } }, reply) => {
      const found = await listUsers(client, user)
      if (found.length === 0) throw userNotFound(user)
      await deleteCredentials(
        client,
        user,
        found.map(({ mechanism }) => mechanism),
      )
      return reply.code(204).send()
    },
  )
}

function quotaRoutes(app: FastifyInstance, client: LogClient): void {
  const answer = arrayOf(holding('entity', 'values'))
  const name = { type: ['string', 'null'], description: 'null: the default of all' }
  app.get(
    '/api/v1/quotas',
    { schema: operation({ tag: 'security', summary: 'Quotas of users, client ids and addresses.', answer }) },
    () => describeQuotas(client),
  )
  app.patch<{ Body: { entity: QuotaEntity; set?: Record<string, number>; remove?: string[] } }>(
    '/api/v1/quotas',
    {
      schema: operation({
        tag: 'security',
        summary: 'Sets and removes quotas of a user, a client id or an address.',
        body: object({
          'entity!': { ...object({ user: name, 'client-id': name, ip: name }), minProperties: 1 },
          set: { type: 'object', additionalProperties: { type: 'number' } },
          remove: arrayOf(oneOf(QUOTA_KEYS)),
        }),
        answer,
      }),
    },
    async ({ body: { entity, ...change } }) => {
      await alterQuotas(client, entity, change)
      return describeQuotas(client, entity)
    },
  )
}
