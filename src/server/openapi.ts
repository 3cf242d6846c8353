/** The description of the REST API, made from the routes themselves, and words for their schemas. */
import swagger from '@fastify/swagger'
import type { FastifyInstance, FastifySchema } from 'fastify'
import { readIsoTime } from '../base/iso-time.ts'
import { MillraceError } from '../base/millrace-error.ts'

/** Has to be there before the routes; they are described by their `schema`, those without tags are left out. */
export async function describeApi(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    hideUntagged: true,
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Millrace',
        version: '1',
        description:
          'Administration of a Millrace process: its jobs, and topics, groups, settings, users, access rules, quotas and transactions of its log, what clients tell of themselves, and its mirrors. Errors are `{ code, message, place? }`; docs/errors says what a code means.',
      },
      tags: [
        'jobs',
        'topics',
        'groups',
        'settings',
        'security',
        'transactions',
        'clients',
        'mirrors',
        'process',
      ].map((name) => ({
        name,
      })),
      components: {
        securitySchemes: {
          token: { type: 'http', scheme: 'bearer', description: 'Where the process has an httpToken.' },
        },
      },
      security: [{}, { token: [] }],
    },
  })
  app.get('/openapi.json', () => app.swagger())
}

type JsonSchema = Readonly<Record<string, unknown>>

export const TEXT = { type: 'string', minLength: 1 } as const
export const NATURAL = { type: 'integer', minimum: 0 } as const
export const COUNT = { type: 'integer', minimum: 1 } as const

/** An object that has these fields and no others; those with a `!` have to be there. */
export function object(fields: Readonly<Record<string, JsonSchema>>): JsonSchema {
  const names = Object.keys(fields)
  return {
    type: 'object',
    additionalProperties: false,
    required: names.filter((name) => name.endsWith('!')).map((name) => name.slice(0, -1)),
    properties: Object.fromEntries(names.map((name) => [name.replace('!', ''), fields[name]])),
  }
}

export function arrayOf(items: JsonSchema): JsonSchema {
  return { type: 'array', items }
}

export function oneOf(words: readonly string[]): JsonSchema {
  return { type: 'string', enum: words }
}

/** Texts by names that are the caller's. */
export const TEXTS = { type: 'object', additionalProperties: { type: 'string' } } as const

/** What an answer holds is given as it is; the schema is for readers. */
export function holding(...names: readonly string[]): JsonSchema {
  return {
    type: 'object',
    additionalProperties: true,
    properties: Object.fromEntries(names.map((name) => [name, {}])),
  }
}

const ERROR = {
  description: 'What went wrong.',
  type: 'object',
  additionalProperties: true,
  properties: {
    code: { type: 'string', description: 'MR_…' },
    message: { type: 'string' },
    place: { type: 'object', additionalProperties: true },
  },
} as const

/** The schema of a route. */
export function operation(options: {
  readonly tag: string
  readonly summary: string
  readonly answer?: JsonSchema
  /** Default 200, or 204 without an answer. */
  readonly status?: number
  readonly body?: JsonSchema
  readonly query?: Readonly<Record<string, JsonSchema>>
}): FastifySchema {
  const { tag, summary, answer, body, query } = options
  const status = options.status ?? (answer === undefined ? 204 : 200)
  return {
    tags: [tag],
    summary,
    ...(body && { body }),
    ...(query && { querystring: { type: 'object', additionalProperties: false, properties: query } }),
    response: {
      [status]: { description: 'Done.', ...(answer ?? { type: 'null' }) },
      '4xx': ERROR,
      '5xx': ERROR,
    },
  }
}

/** Reads a time that a field of a request holds; `words` are what else it may be. */
export function timeOf(field: string, text: string, words: readonly string[]): number {
  const timeMs = readIsoTime(text)
  if (timeMs !== undefined) return timeMs
  const meant = /^\d{1,15}$/.test(text) ? text : 'N'
  throw new MillraceError({
    code: 'MR_BAD_REQUEST',
    message: `${field} is ${JSON.stringify(text)}, which is neither ${words.join(' nor ')} nor a time such as 2026-01-31T12:00:00Z.`,
    fix: `For an offset, say {"${field}": {"offset": ${meant}}}.`,
  })
}
