/** Compares what two schemas say of arrays: items by position, then the rest, as properties and additional properties. */
import type { Json, JsonObject } from '../json-text.ts'
import type { Incompatibility } from '../parsed-schema.ts'
import { jsonChange } from './json-change.ts'
import type { Compare } from './json-compatibility.ts'
import type { JsonDocument, SchemaAt } from './json-document.ts'
import { type Context, differencesOf, type Rest, restDifferences, restFrom } from './json-object.ts'
import { lowerBound, upperBound } from './json-ranges.ts'
import { asSchema, shapeOf } from './json-shape.ts'

interface ArraySchema {
  readonly json: JsonObject
  readonly document: JsonDocument
}

/** Items by position, and what all behind them have to be. */
interface Items {
  readonly first: readonly SchemaAt[]
  readonly rest: Rest
}

export function arrayDifferences(
  original: ArraySchema,
  update: ArraySchema,
  context: Context,
): readonly Incompatibility[] {
  const { path, compare } = context
  const [old, young] = [original.json, update.json]
  const [before, now] = [itemsOf(original), itemsOf(update)]
  const isUnique = young['uniqueItems'] === true && old['uniqueItems'] !== true
  const isList = hasItemsForAll(old) || hasItemsForAll(young)
  return differencesOf(
    [
      () => upperBound(old, young, { path, keyword: 'maxItems', name: 'MAX_ITEMS' }),
      () => lowerBound(old, young, { path, keyword: 'minItems', name: 'MIN_ITEMS' }),
      () => (isUnique ? [jsonChange('UNIQUE_ITEMS_ADDED', `${path}/uniqueItems`)] : []),
      () => containsDifferences(original, update, { path, compare }),
      () => positionDifferences(before, now, { path: `${path}/items`, compare }),
      () => allItemsDifferences(before, now, { path, isList, compare }),
    ],
    context,
  )
}

function itemsOf({ json, document }: ArraySchema): Items {
  const { items, prefixItems } = json
  const tuple = Array.isArray(prefixItems) ? prefixItems : Array.isArray(items) ? items : undefined
  const first = ((tuple ?? []) as readonly Json[]).map((one) => ({ json: asSchema(one), document }))
  const rest =
    items !== undefined && !Array.isArray(items)
      ? items
      : (json['additionalItems'] ?? json['unevaluatedItems'])
  return { first, rest: restFrom(rest, document) }
}

function containsDifferences(
  original: ArraySchema,
  update: ArraySchema,
  { path, compare }: { readonly path: string; readonly compare: Compare },
): readonly Incompatibility[] {
  const { contains } = update.json
  if (contains === undefined) return []
  const before = original.json['contains']
  const to = { json: asSchema(contains), document: update.document }
  return [
    ...(before === undefined
      ? [jsonChange('SCHEMA_ADDED', `${path}/contains`)]
      : compare({ json: asSchema(before), document: original.document }, to, `${path}/contains`)),
    ...upperBound(original.json, update.json, { path, keyword: 'maxContains', name: 'MAX_CONTAINS' }),
    ...lowerBound(original.json, update.json, { path, keyword: 'minContains', name: 'MIN_CONTAINS' }),
  ]
}

/** Whether one schema is for all items, so that it is spoken of as `items`. */
function hasItemsForAll({ items, prefixItems }: JsonObject): boolean {
  return items !== undefined && !Array.isArray(items) && !Array.isArray(prefixItems)
}

function allItemsDifferences(
  before: Items,
  now: Items,
  options: { readonly path: string; readonly isList: boolean; readonly compare: Compare },
): readonly Incompatibility[] {
  const { path, isList, compare } = options
  if (isList && before.rest === true && typeof now.rest === 'object') {
    return [jsonChange('SCHEMA_ADDED', `${path}/items`)]
  }
  return restDifferences(before.rest, now.rest, {
    path: `${path}/${isList ? 'items' : 'additionalItems'}`,
    names: { removed: 'ADDITIONAL_ITEMS_REMOVED', narrowed: 'ADDITIONAL_ITEMS_NARROWED' },
    compare,
  })
}

function positionDifferences(
  before: Items,
  now: Items,
  { path, compare }: { readonly path: string; readonly compare: Compare },
): readonly Incompatibility[] {
  const count = Math.max(before.first.length, now.first.length)
  return Array.from({ length: count }, (_, index): readonly Incompatibility[] => {
    const at = `${path}/${index}`
    const [from, to] = [before.first[index], now.first[index]]
    if (from !== undefined && to !== undefined) return compare(from, to, at)
    if (to !== undefined) return added(to, before.rest, { path: at, compare })
    return from === undefined ? [] : removed(from, now.rest, { path: at, compare })
  }).flat()
}

function added(
  item: SchemaAt,
  rest: Rest,
  { path, compare }: { readonly path: string; readonly compare: Compare },
): readonly Incompatibility[] {
  if (rest === false || shapeOf(item).kind === 'empty') return []
  if (rest === true) return [jsonChange('ITEM_ADDED_TO_OPEN_CONTENT_MODEL', path)]
  const found = compare(rest, item, path)
  if (found.length === 0) return []
  return [jsonChange('ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL', path), ...found]
}

function removed(
  item: SchemaAt,
  rest: Rest,
  { path, compare }: { readonly path: string; readonly compare: Compare },
): readonly Incompatibility[] {
  if (rest === true || shapeOf(item).kind === 'false') return []
  if (rest === false) return [jsonChange('ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL', path)]
  const found = compare(item, rest, path)
  if (found.length === 0) return []
  return [jsonChange('ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL', path), ...found]
}
