/**
 * What a JSON Schema says, in the one of several shapes that it has: a type with its keywords, an enumeration, a
 * combination of schemas. A schema that says several things at once (a type and an enumeration, a type and `oneOf`) is
 * the combination `allOf` of them; a list of types is the combination `anyOf`.
 */
import { isJsonObject, type Json, type JsonObject } from '../json-text.ts'
import type { JsonDocument, SchemaAt } from './json-document.ts'

export type Criterion = 'allOf' | 'anyOf' | 'oneOf'

export type Shape =
  /** All is valid. */
  | { readonly kind: 'empty' }
  /** Nothing is. */
  | { readonly kind: 'false' }
  /** A schema of another place that is not known here, such as a dialect's own. */
  | { readonly kind: 'foreign'; readonly ref: string }
  | { readonly kind: 'combined'; readonly criterion: Criterion; readonly parts: readonly SchemaAt[] }
  | { readonly kind: 'enum'; readonly values: readonly Json[] }
  | { readonly kind: 'not'; readonly of: SchemaAt }
  | {
      readonly kind: JsonKind
      readonly json: JsonObject
      readonly document: JsonDocument
      /** Whether the type is said, not only told by the keywords. */
      readonly typed: boolean
    }

export type JsonKind = 'string' | 'number' | 'integer' | 'boolean' | 'null' | 'object' | 'array'

export const JSON_KINDS: ReadonlySet<string> = new Set([
  'string',
  'number',
  'integer',
  'boolean',
  'null',
  'object',
  'array',
])

const KEYWORDS = {
  string: ['maxLength', 'minLength', 'pattern'],
  number: ['maximum', 'minimum', 'exclusiveMaximum', 'exclusiveMinimum', 'multipleOf'],
  object: [
    'properties',
    'additionalProperties',
    'patternProperties',
    'required',
    'maxProperties',
    'minProperties',
    'dependencies',
    'dependentRequired',
    'dependentSchemas',
    'propertyNames',
    'unevaluatedProperties',
  ],
  array: [
    'items',
    'prefixItems',
    'additionalItems',
    'maxItems',
    'minItems',
    'uniqueItems',
    'contains',
    'unevaluatedItems',
    'minContains',
    'maxContains',
  ],
} as const

const COMBINERS = ['allOf', 'anyOf', 'oneOf'] as const
const MAX_REFS = 100

/** What a schema that is nothing but a reference stands for; the schema itself otherwise, or when that is not known. */
export function dereferenced(schema: SchemaAt): SchemaAt {
  let here = schema
  for (let hops = 0; hops < MAX_REFS; hops++) {
    const target = targetOf(here)
    if (target === undefined || siblingsOf(here) !== undefined) return here
    here = target
  }
  // References that lead only to themselves say nothing.
  return { json: true, document: schema.document }
}

export function shapeOf(schema: SchemaAt): Shape {
  const { json, document } = dereferenced(schema)
  if (typeof json === 'boolean') return { kind: json ? 'empty' : 'false' }
  const ref = refOf(json)
  if (ref === undefined) return shapeOfKeywords(json, document)
  const target = targetOf({ json, document })
  if (target === undefined) return { kind: 'foreign', ref }
  const siblings = siblingsOf({ json, document }) ?? {}
  return { kind: 'combined', criterion: 'allOf', parts: [target, { json: siblings, document }] }
}

function refOf(json: JsonObject): string | undefined {
  const ref = json['$ref'] ?? json['$dynamicRef']
  return typeof ref === 'string' ? ref : undefined
}

function targetOf({ json, document }: SchemaAt): SchemaAt | undefined {
  const ref = typeof json === 'boolean' ? undefined : refOf(json)
  return ref === undefined ? undefined : document.resolve(ref)
}

/** What is said beside a reference, where that counts; undefined when nothing. */
function siblingsOf({ json, document }: SchemaAt): JsonObject | undefined {
  if (typeof json === 'boolean' || !document.refsHaveSiblings) return undefined
  const siblings = without(json, ['$ref', '$dynamicRef'])
  return facetsOf(siblings).length > 0 ? siblings : undefined
}

/** Made once, so that the parts of a schema stay the same objects. */
const shapes = new WeakMap<JsonObject, Shape>()

function shapeOfKeywords(json: JsonObject, document: JsonDocument): Shape {
  const known = shapes.get(json)
  if (known !== undefined) return known
  const shape = shapeOfFacets(facetsOf(json), document)
  shapes.set(json, shape)
  return shape
}

function shapeOfFacets(facets: readonly JsonObject[], document: JsonDocument): Shape {
  if (facets.length === 0) return { kind: 'empty' }
  if (facets.length === 1) return shapeOfFacet(facets[0]!, document)
  return { kind: 'combined', criterion: 'allOf', parts: facets.map((facet) => ({ json: facet, document })) }
}

/** The things that a schema says, each as a schema that says nothing else. */
function facetsOf(json: JsonObject): readonly JsonObject[] {
  const facets: JsonObject[] = []
  if (json['const'] !== undefined) facets.push({ const: json['const'] })
  if (json['enum'] !== undefined) facets.push({ enum: json['enum'] })
  if (json['not'] !== undefined) facets.push({ not: json['not'] })
  for (const combiner of COMBINERS)
    if (json[combiner] !== undefined) facets.push({ [combiner]: json[combiner] })
  const rest = without(json, ['const', 'enum', 'not', ...COMBINERS])
  if (json['type'] !== undefined) return [...facets, rest]
  for (const kind of Object.keys(KEYWORDS) as (keyof typeof KEYWORDS)[]) {
    const told = KEYWORDS[kind].filter((keyword) => json[keyword] !== undefined)
    if (told.length > 0) facets.push(Object.fromEntries(told.map((keyword) => [keyword, json[keyword]!])))
  }
  return facets
}

function shapeOfFacet(json: JsonObject, document: JsonDocument): Shape {
  const { type } = json
  if (json['const'] !== undefined) return { kind: 'enum', values: [json['const']] }
  if (Array.isArray(json['enum'])) return { kind: 'enum', values: json['enum'] as readonly Json[] }
  if (json['not'] !== undefined) return { kind: 'not', of: { json: asSchema(json['not']), document } }
  for (const criterion of COMBINERS) {
    const parts = json[criterion]
    if (!Array.isArray(parts)) continue
    return {
      kind: 'combined',
      criterion,
      parts: (parts as readonly Json[]).map((part) => ({ json: asSchema(part), document })),
    }
  }
  if (Array.isArray(type)) {
    const types = type as readonly Json[]
    if (types.length === 1) return shapeOfFacet({ ...json, type: types[0]! }, document)
    return {
      kind: 'combined',
      criterion: 'anyOf',
      parts: types.map((one) => ({ json: { ...json, type: one }, document })),
    }
  }
  if (typeof type === 'string' && JSON_KINDS.has(type)) {
    return { kind: type as JsonKind, json, document, typed: true }
  }
  return { kind: kindToldBy(json), json, document, typed: false }
}

function kindToldBy(json: JsonObject): JsonKind {
  const kinds = Object.keys(KEYWORDS) as (keyof typeof KEYWORDS)[]
  return kinds.find((kind) => KEYWORDS[kind].some((keyword) => json[keyword] !== undefined)) ?? 'object'
}

/** A keyword's value as a schema; what is none is taken for an empty one. */
export function asSchema(json: Json | undefined): boolean | JsonObject {
  return typeof json === 'boolean' || isJsonObject(json) ? json : {}
}

function without(json: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(json).filter(([key]) => !keys.includes(key)))
}
