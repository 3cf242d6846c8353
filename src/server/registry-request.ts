/** What registry routes read of a request, and how they show a schema. */
import type { FastifyRequest } from 'fastify'
import { isJsonObject, type Json, JsonNumber, type JsonObject } from '../registry/json-text.ts'
import type { SchemaReference } from '../registry/parsed-schema.ts'
import type { SchemaInput } from '../registry/registration.ts'
import { invalidSchema, RegistryError } from '../registry/registry-error.ts'
import type { SchemaRegistry } from '../registry/schema-registry.ts'
import { guidOf, type StoredSchema } from '../registry/stored-schema.ts'
import { DEFAULT_CONTEXT, parseSubject, qualify } from '../registry/subject-name.ts'

/** Opened with the first request: what it needs is not loaded before. */
export type LazyRegistry = () => Promise<SchemaRegistry>

/** Where a set of routes is. */
export interface RouteOptions {
  /** `/contexts/:context`, or nothing. */
  readonly prefix: string
  readonly registry: LazyRegistry
}

export function param(request: FastifyRequest, name: string): string | undefined {
  return (request.params as Readonly<Record<string, string | undefined>>)[name]
}

export function query(request: FastifyRequest, name: string): string | undefined {
  const value = (request.query as Readonly<Record<string, string | string[] | undefined>>)[name]
  return Array.isArray(value) ? value[0] : value
}

export function flag(request: FastifyRequest, name: string): boolean {
  return query(request, name)?.toLowerCase() === 'true'
}

/** The subject of the path in the context of the path, qualified. */
export function subjectOf(request: FastifyRequest): string {
  const name = param(request, 'subject') ?? ''
  return inContext(request, name)
}

/** A subject in the context of the path, unless it names its own. */
export function inContext(request: FastifyRequest, name: string): string {
  const parsed = parseSubject(name)
  const context = pathContext(request)
  if (context === undefined || parsed.context !== DEFAULT_CONTEXT) return qualify(parsed)
  return qualify({ context, subject: parsed.subject })
}

/** The context of the path as names have it, with a dot in front. */
export function pathContext(request: FastifyRequest): string | undefined {
  const context = param(request, 'context')
  if (context === undefined) return undefined
  const name = context.replaceAll(':', '')
  return name.startsWith('.') ? name : `.${name}`
}

/** Throws 40403, as for an id that nobody gave. */
export function idOf(request: FastifyRequest): number {
  const text = param(request, 'id') ?? ''
  if (/^\d+$/.test(text)) return Number(text)
  throw new RegistryError(404, 'HTTP 404 Not Found')
}

/** The part of a list that `offset` and `limit` ask for. */
export function page<T>(request: FastifyRequest, list: readonly T[]): readonly T[] {
  const offset = Number(query(request, 'offset') ?? 0)
  const limit = Number(query(request, 'limit') ?? -1)
  return list.slice(Math.max(0, offset), limit > 0 ? offset + limit : undefined)
}

export function bodyOf(request: FastifyRequest): JsonObject {
  const body = request.body as Json | undefined
  if (isJsonObject(body)) return body
  throw new RegistryError(422, 'The body must be a JSON object.')
}

/** Throws 42201 where there is no schema. */
export function inputOf(request: FastifyRequest): SchemaInput {
  const body = bodyOf(request)
  const { schema, schemaType, references, metadata, ruleSet } = body
  if (typeof schema !== 'string' || schema.trim() === '') throw invalidSchema('Empty schema')
  for (const key of ['schemaTagsToAdd', 'schemaTagsToRemove', 'propagateSchemaTags']) {
    const value = body[key]
    const given = Array.isArray(value) ? value.length > 0 : value === true
    if (given) throw new RegistryError(422, `This registry has no ${key}.`)
  }
  return {
    schema,
    schemaType: typeof schemaType === 'string' ? schemaType : undefined,
    references: Array.isArray(references) ? (references as readonly Json[]).map(referenceOf) : [],
    metadata: isJsonObject(metadata) ? metadata : undefined,
    ruleSet: isJsonObject(ruleSet) ? ruleSet : undefined,
    id: positive(body['id']),
    version: positive(body['version']),
  }
}

/** A version of a subject, as all answers have it. */
export function versionView(stored: StoredSchema): JsonObject {
  return {
    subject: stored.subject,
    version: numeral(stored.version),
    id: numeral(stored.id),
    ...schemaView(stored),
    ...(stored.deleted && { deleted: true }),
  }
}

/** A schema without its place. */
export function schemaView(stored: StoredSchema): JsonObject {
  return {
    guid: guidOf(stored),
    ...(stored.schemaType !== 'AVRO' && { schemaType: stored.schemaType }),
    ...(stored.references.length > 0 && {
      references: stored.references.map((one) => ({
        name: one.name,
        subject: one.subject,
        version: numeral(one.version),
      })),
    }),
    ...(stored.metadata !== undefined && { metadata: stored.metadata }),
    ...(stored.ruleSet !== undefined && { ruleSet: stored.ruleSet }),
    schema: stored.schema,
  }
}

export function numeral(value: number): JsonNumber {
  return new JsonNumber(String(value))
}

function referenceOf(json: Json): SchemaReference {
  const { name, subject, version } = isJsonObject(json) ? json : {}
  if (typeof name !== 'string' || typeof subject !== 'string' || !(version instanceof JsonNumber))
    throw invalidSchema('A reference has a name, a subject and a version.')
  return { name, subject, version: version.value }
}

/** Clients send 0 or -1 for nothing. */
function positive(json: Json | undefined): number | undefined {
  return json instanceof JsonNumber && json.value > 0 ? json.value : undefined
}
