/** Compares what two schemas say of objects. */
import { isJsonObject, type Json, type JsonObject } from '../json-text.ts'
import type { Incompatibility } from '../parsed-schema.ts'
import { jsonChange } from './json-change.ts'
import type { Compare } from './json-compatibility.ts'
import type { JsonDocument, SchemaAt } from './json-document.ts'
import { lowerBound, upperBound } from './json-ranges.ts'
import { asSchema, shapeOf } from './json-shape.ts'

interface ObjectSchema {
  readonly json: JsonObject
  readonly document: JsonDocument
}

export interface Context {
  readonly path: string
  readonly compare: Compare
  /** Whether one difference is enough: it is only asked whether there is one. */
  readonly hasty: boolean
}

/** What parts of a comparison find, cheap ones before others; in haste no more than the first that finds something. */
export function differencesOf(
  parts: readonly (() => readonly Incompatibility[])[],
  { hasty }: { readonly hasty: boolean },
): readonly Incompatibility[] {
  const found: Incompatibility[] = []
  for (const part of parts) {
    found.push(...part())
    if (hasty && found.length > 0) break
  }
  return found
}

export function objectDifferences(
  original: ObjectSchema,
  update: ObjectSchema,
  context: Context,
): readonly Incompatibility[] {
  const { path, compare } = context
  const [before, now] = [original.json, update.json]
  const additional = {
    path: `${path}/additionalProperties`,
    names: { removed: 'ADDITIONAL_PROPERTIES_REMOVED', narrowed: 'ADDITIONAL_PROPERTIES_NARROWED' },
    compare,
  } as const
  return differencesOf(
    [
      () => requiredDifferences(before, now, path),
      () => upperBound(before, now, { path, keyword: 'maxProperties', name: 'MAX_PROPERTIES' }),
      () => lowerBound(before, now, { path, keyword: 'minProperties', name: 'MIN_PROPERTIES' }),
      () => propertiesOfOne(original, update, context),
      () => propertiesOfBoth(original, update, context),
      () => patternDifferences(original, update, context),
      () => restDifferences(restOf(original), restOf(update), additional),
      () => dependencyDifferences(original, update, context),
      () => namesDifferences(original, update, context),
    ],
    context,
  )
}

/** Of what is not listed: nothing (`false`), anything (`true`), or what fits a schema. */
export type Rest = boolean | SchemaAt

/** A keyword for the rest as `Rest`; a schema that says nothing allows all. */
export function restFrom(json: Json | undefined, document: JsonDocument): Rest {
  const schema = { json: json === undefined ? true : asSchema(json), document }
  const { kind } = shapeOf(schema)
  return kind === 'empty' ? true : kind === 'false' ? false : schema
}

export function restDifferences(
  original: Rest,
  update: Rest,
  options: {
    readonly path: string
    readonly names: {
      readonly removed: 'ADDITIONAL_PROPERTIES_REMOVED' | 'ADDITIONAL_ITEMS_REMOVED'
      readonly narrowed: 'ADDITIONAL_PROPERTIES_NARROWED' | 'ADDITIONAL_ITEMS_NARROWED'
    }
    readonly compare: Compare
  },
): readonly Incompatibility[] {
  const { path, names, compare } = options
  if (original === false || update === true) return []
  if (update === false) return [jsonChange(names.removed, path)]
  return original === true ? [jsonChange(names.narrowed, path)] : compare(original, update, path)
}

function restOf({ json, document }: ObjectSchema): Rest {
  return restFrom(json['additionalProperties'] ?? json['unevaluatedProperties'], document)
}

/** The schemas that a property has to fit which is not listed, or whether it may be there at all. */
function covering(schema: ObjectSchema, name: string): boolean | readonly SchemaAt[] {
  const patterns = Object.entries(objectOf(schema.json['patternProperties']))
    .filter(([pattern]) => matches(pattern, name))
    .map(([, json]) => ({ json: asSchema(json), document: schema.document }))
  if (patterns.length > 0) return patterns
  const rest = restOf(schema)
  return typeof rest === 'boolean' ? rest : [rest]
}

/** Patterns that are none match nothing: older schemas may have them. */
function matches(pattern: string, name: string): boolean {
  try {
    return new RegExp(pattern).test(name)
  } catch {
    return false
  }
}

function isPartial({ json }: ObjectSchema): boolean {
  return Object.keys(objectOf(json['patternProperties'])).length > 0
}

/** Properties that came or went. */
function propertiesOfOne(
  original: ObjectSchema,
  update: ObjectSchema,
  { path, compare }: Context,
): readonly Incompatibility[] {
  const before = objectOf(original.json['properties'])
  const now = objectOf(update.json['properties'])
  const gone = Object.entries(before).flatMap(([name, json]) => {
    if (Object.hasOwn(now, name)) return []
    const property = { json: asSchema(json), document: original.document }
    return removed(property, { update, name, path: `${path}/properties/${name}`, compare })
  })
  const come = Object.entries(now).flatMap(([name, json]) => {
    if (Object.hasOwn(before, name)) return []
    const property = { json: asSchema(json), document: update.document }
    return added(property, { original, update, name, path: `${path}/properties/${name}`, compare })
  })
  return [...gone, ...come]
}

function propertiesOfBoth(
  original: ObjectSchema,
  update: ObjectSchema,
  context: Context,
): readonly Incompatibility[] {
  const before = objectOf(original.json['properties'])
  const now = objectOf(update.json['properties'])
  const parts = Object.keys(before)
    .filter((name) => Object.hasOwn(now, name))
    .map((name) => () => {
      const from = { json: asSchema(before[name]), document: original.document }
      const to = { json: asSchema(now[name]), document: update.document }
      return context.compare(from, to, `${context.path}/properties/${name}`)
    })
  return differencesOf(parts, context)
}

function added(
  property: SchemaAt,
  options: {
    readonly original: ObjectSchema
    readonly update: ObjectSchema
    readonly name: string
    readonly path: string
    readonly compare: Compare
  },
): readonly Incompatibility[] {
  const { original, update, name, path, compare } = options
  const isRequired = stringsOf(update.json['required']).includes(name) && !hasDefault(property)
  const covers = covering(original, name)
  if (covers === true) {
    const isEmpty = shapeOf(property).kind === 'empty' && !isRequired
    return isEmpty ? [] : [jsonChange('PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL', path)]
  }
  const found: Incompatibility[] = []
  if (covers !== false) {
    const differences = covers.map((cover) => compare(cover, property, path))
    if (differences.every((one) => one.length > 0)) {
      found.push(
        jsonChange('PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL', path),
        ...differences.flat(),
      )
    }
  }
  if (isRequired) found.push(jsonChange('REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL', path))
  return found
}

function removed(
  property: SchemaAt,
  options: {
    readonly update: ObjectSchema
    readonly name: string
    readonly path: string
    readonly compare: Compare
  },
): readonly Incompatibility[] {
  const { update, name, path, compare } = options
  const covers = covering(update, name)
  if (covers === true || shapeOf(property).kind === 'false') return []
  if (covers === false) {
    return [
      jsonChange(
        isPartial(update)
          ? 'PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL'
          : 'PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL',
        path,
      ),
    ]
  }
  const differences = covers.flatMap((cover) => compare(property, cover, path))
  if (differences.length === 0) return []
  return [jsonChange('PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL', path), ...differences]
}

/** A pattern that the original did not have meets what its additional properties allowed; one that is gone meets those of the update. */
function patternDifferences(
  original: ObjectSchema,
  update: ObjectSchema,
  { path, compare }: Context,
): readonly Incompatibility[] {
  const before = objectOf(original.json['patternProperties'])
  const now = objectOf(update.json['patternProperties'])
  return [...new Set([...Object.keys(before), ...Object.keys(now)])].flatMap((pattern) => {
    const at = `${path}/patternProperties/${pattern}`
    const from = Object.hasOwn(before, pattern)
      ? restFrom(before[pattern], original.document)
      : restOf(original)
    const to = Object.hasOwn(now, pattern) ? restFrom(now[pattern], update.document) : restOf(update)
    if (from === false || to === true) return []
    if (from === true || to === false) return [jsonChange('PATTERN_PROPERTIES_NARROWED', at)]
    return compare(from, to, at)
  })
}

/** Only of properties that both schemas list; an added one is judged with its content model. */
function requiredDifferences(
  original: JsonObject,
  update: JsonObject,
  path: string,
): readonly Incompatibility[] {
  const before = stringsOf(original['required'])
  const [oldProperties, properties] = [objectOf(original['properties']), objectOf(update['properties'])]
  return stringsOf(update['required'])
    .filter((name) => !before.includes(name))
    .filter((name) => Object.hasOwn(oldProperties, name) && Object.hasOwn(properties, name))
    .filter((name) => !hasDefault({ json: asSchema(properties[name]) }))
    .map((name) => jsonChange('REQUIRED_ATTRIBUTE_ADDED', `${path}/required/${name}`))
}

function dependencyDifferences(
  original: ObjectSchema,
  update: ObjectSchema,
  { path, compare }: Context,
): readonly Incompatibility[] {
  const before = dependenciesOf(original.json)
  return Object.entries(dependenciesOf(update.json)).flatMap(([name, young]) => {
    const old = own(before, name)
    const at = `${path}/dependencies/${name}`
    if (Array.isArray(young)) {
      if (!Array.isArray(old)) return [jsonChange('DEPENDENCY_ARRAY_ADDED', at)]
      const [was, is] = [stringsOf(old), stringsOf(young)]
      if (is.every((one) => was.includes(one))) return []
      const extended = was.every((one) => is.includes(one))
      return [jsonChange(extended ? 'DEPENDENCY_ARRAY_EXTENDED' : 'DEPENDENCY_ARRAY_CHANGED', at)]
    }
    const to = { json: asSchema(young), document: update.document }
    if (old === undefined || Array.isArray(old)) {
      return shapeOf(to).kind === 'empty' ? [] : [jsonChange('DEPENDENCY_SCHEMA_ADDED', at)]
    }
    return compare({ json: asSchema(old), document: original.document }, to, at)
  })
}

function namesDifferences(
  original: ObjectSchema,
  update: ObjectSchema,
  { path, compare }: Context,
): readonly Incompatibility[] {
  const names = update.json['propertyNames']
  if (names === undefined) return []
  const from = original.json['propertyNames']
  const at = `${path}/propertyNames`
  const to = { json: asSchema(names), document: update.document }
  if (from === undefined) return shapeOf(to).kind === 'empty' ? [] : [jsonChange('SCHEMA_ADDED', at)]
  return compare({ json: asSchema(from), document: original.document }, to, at)
}

function dependenciesOf(json: JsonObject): JsonObject {
  return {
    ...objectOf(json['dependencies']),
    ...objectOf(json['dependentRequired']),
    ...objectOf(json['dependentSchemas']),
  }
}

function hasDefault({ json }: { readonly json: boolean | JsonObject }): boolean {
  return typeof json === 'object' && json['default'] !== undefined
}

function own(json: JsonObject, name: string): Json | undefined {
  return Object.hasOwn(json, name) ? json[name] : undefined
}

function objectOf(json: Json | undefined): JsonObject {
  return isJsonObject(json) ? json : {}
}

function stringsOf(json: Json | undefined): readonly string[] {
  return Array.isArray(json) ? (json as readonly Json[]).filter((one) => typeof one === 'string') : []
}
