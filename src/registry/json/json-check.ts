/** What has to hold of a JSON Schema before it is registered: keywords have values of their kind, references lead somewhere. */
import { isJsonObject, type Json, JsonNumber, type JsonObject, jsonText } from '../json-text.ts'
import type { JsonDocument } from './json-document.ts'
import { JSON_KINDS } from './json-shape.ts'

const ONE_SCHEMA = [
  'additionalProperties',
  'propertyNames',
  'additionalItems',
  'contains',
  'not',
  'if',
  'then',
  'else',
  'unevaluatedProperties',
  'unevaluatedItems',
] as const
const LISTS_OF_SCHEMAS = ['allOf', 'anyOf', 'oneOf', 'prefixItems'] as const
const NAMED_SCHEMAS = ['properties', 'patternProperties', 'definitions', '$defs', 'dependentSchemas'] as const
const COUNTS = [
  'maxLength',
  'minLength',
  'maxItems',
  'minItems',
  'maxContains',
  'minContains',
  'maxProperties',
  'minProperties',
] as const

/** The first thing that is wrong, with its place, or undefined. */
export function jsonSchemaFault(document: JsonDocument): string | undefined {
  return faultOf(document.root, '#', document)
}

function faultOf(json: Json, path: string, document: JsonDocument): string | undefined {
  if (typeof json === 'boolean') return undefined
  if (!isJsonObject(json)) return `${path}: expected a schema, got ${jsonText(json)}`
  return (
    keywordFault(json, path) ??
    referenceFault(json, path, document) ??
    firstFault(
      ONE_SCHEMA.filter((keyword) => json[keyword] !== undefined),
      (keyword) => faultOf(json[keyword]!, `${path}/${keyword}`, document),
    ) ??
    firstFault(LISTS_OF_SCHEMAS, (keyword) => listFault(json[keyword], `${path}/${keyword}`, document)) ??
    firstFault(NAMED_SCHEMAS, (keyword) => namedFault(json[keyword], `${path}/${keyword}`, document)) ??
    itemsFault(json['items'], `${path}/items`, document)
  )
}

function keywordFault(json: JsonObject, path: string): string | undefined {
  const { type, required, pattern, multipleOf } = json
  const types = Array.isArray(type) ? (type as readonly Json[]) : type === undefined ? [] : [type]
  const strange = types.find((one) => typeof one !== 'string' || !JSON_KINDS.has(one))
  if (strange !== undefined) return `${path}/type: unknown type: ${jsonText(strange)}`
  // Draft 3 and 4 know `required: true` within a property.
  if (required !== undefined && typeof required !== 'boolean' && !isStrings(required))
    return `${path}/required: expected names, got ${jsonText(required)}`
  if (json['enum'] !== undefined && !Array.isArray(json['enum']))
    return `${path}/enum: expected a list, got ${jsonText(json['enum'])}`
  if (pattern !== undefined && !isPattern(pattern))
    return `${path}/pattern: not a regular expression: ${jsonText(pattern)}`
  if (multipleOf !== undefined && !(multipleOf instanceof JsonNumber && multipleOf.value > 0))
    return `${path}/multipleOf: expected a positive number, got ${jsonText(multipleOf)}`
  return firstFault(COUNTS, (keyword) => {
    const count = json[keyword]
    const fits = count === undefined || (count instanceof JsonNumber && count.value >= 0)
    return fits ? undefined : `${path}/${keyword}: expected a count, got ${jsonText(count)}`
  })
}

function referenceFault(json: JsonObject, path: string, document: JsonDocument): string | undefined {
  const ref = json['$ref']
  if (ref === undefined) return undefined
  if (typeof ref !== 'string') return `${path}/$ref: expected a text, got ${jsonText(ref)}`
  // The dialects themselves are known by their addresses.
  if (/^https?:\/\/json-schema\.org\//.test(ref)) return undefined
  return document.resolve(ref) === undefined
    ? `${path}/$ref: no schema reference found for ${ref}`
    : undefined
}

function listFault(json: Json | undefined, path: string, document: JsonDocument): string | undefined {
  if (json === undefined) return undefined
  if (!Array.isArray(json)) return `${path}: expected a list of schemas, got ${jsonText(json)}`
  return firstFault([...(json as readonly Json[]).entries()], ([index, one]) =>
    faultOf(one, `${path}/${index}`, document),
  )
}

function namedFault(json: Json | undefined, path: string, document: JsonDocument): string | undefined {
  if (json === undefined) return undefined
  if (!isJsonObject(json)) return `${path}: expected schemas by name, got ${jsonText(json)}`
  return firstFault(Object.entries(json), ([name, one]) => {
    if (path.endsWith('/patternProperties') && !isPattern(name))
      return `${path}: not a regular expression: ${name}`
    return faultOf(one, `${path}/${name}`, document)
  })
}

function itemsFault(json: Json | undefined, path: string, document: JsonDocument): string | undefined {
  if (json === undefined) return undefined
  return Array.isArray(json) ? listFault(json, path, document) : faultOf(json, path, document)
}

function isStrings(json: Json): boolean {
  return Array.isArray(json) && (json as readonly Json[]).every((one) => typeof one === 'string')
}

function isPattern(json: Json): boolean {
  if (typeof json !== 'string') return false
  try {
    return Boolean(new RegExp(json, 'u'))
  } catch {
    // Some escapes of other dialects of regular expressions are allowed without the flag.
    try {
      return Boolean(new RegExp(json))
    } catch {
      return false
    }
  }
}

function firstFault<T>(each: Iterable<T>, check: (one: T) => string | undefined): string | undefined {
  for (const one of each) {
    const fault = check(one)
    if (fault !== undefined) return fault
  }
  return undefined
}
