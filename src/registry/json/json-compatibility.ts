/**
 * Whether what is valid under one JSON Schema is valid under another, by the rules that Confluent documents for its
 * registry. They look at one keyword after the other; in the matter of properties and items the content model decides:
 *
 *   open    (anything else is allowed too)   a new property may meet old data that says something else under its name
 *   closed  (nothing else is)                a removed property is one that old data may have
 *   partial (others must fit a schema)       that schema is compared with the property
 */
import { ComparedPairs } from '../compared-pairs.ts'
import { type Json, jsonText, sameJson } from '../json-text.ts'
import type { Incompatibility } from '../parsed-schema.ts'
import { arrayDifferences } from './json-array.ts'
import { jsonChange } from './json-change.ts'
import type { SchemaAt } from './json-document.ts'
import { numberDifferences, stringDifferences } from './json-ranges.ts'
import { objectDifferences } from './json-object.ts'
import { dereferenced, type Shape, shapeOf } from './json-shape.ts'
import { matchingSize } from './matching.ts'

/** How parts of the comparison compare the schemas inside of theirs. */
export type Compare = (original: SchemaAt, update: SchemaAt, path: string) => readonly Incompatibility[]

/** What may be valid under `original` and not under `update`; empty when nothing. */
export function jsonDifferences(original: SchemaAt, update: SchemaAt): readonly Incompatibility[] {
  return new Comparison().compare(original, update, '#')
}

type Combined = Extract<Shape, { readonly kind: 'combined' }>

class Comparison {
  readonly #pairs = new ComparedPairs()
  /** How many combinations are being tried around: of them it matters only whether something is wrong. */
  #trials = 0

  readonly compare: Compare = (before, now, path) => {
    const [original, update] = [dereferenced(before), dereferenced(now)]
    const compare = (): readonly Incompatibility[] =>
      this.#shapes(simplified(shapeOf(original)), simplified(shapeOf(update)), { original, update, path })
    // `true` and `false` are no pair that could be met again.
    if (typeof original.json === 'boolean' || typeof update.json === 'boolean') return compare()
    return this.#pairs.compare(original.json, update.json, compare)
  }

  #shapes(
    original: Shape,
    update: Shape,
    at: { readonly original: SchemaAt; readonly update: SchemaAt; readonly path: string },
  ): readonly Incompatibility[] {
    const { path } = at
    if (update.kind === 'empty' || original.kind === 'false') return []
    if (original.kind === 'foreign' && update.kind === 'foreign' && original.ref === update.ref) return []
    if (original.kind === 'combined' || update.kind === 'combined')
      return this.#combined(original, update, at)
    if (original.kind === 'empty' && 'typed' in update && !update.typed) {
      return this.#shapes({ ...update, json: {} }, update, at)
    }
    if (original.kind === 'enum' && update.kind === 'enum') return enumDifferences(original, update, path)
    if (original.kind === 'not' && update.kind === 'not') {
      const fits = this.#fits(update.of, original.of, path)
      return fits ? [] : [jsonChange('NOT_TYPE_EXTENDED', `${path}/not`)]
    }
    if (!('json' in original) || !('json' in update)) return [jsonChange('TYPE_CHANGED', rooted(path))]
    return this.#typed(original, update, path)
  }

  #typed(
    original: Extract<Shape, { readonly json: unknown }>,
    update: Extract<Shape, { readonly json: unknown }>,
    path: string,
  ): readonly Incompatibility[] {
    const numbers = update.kind === 'number' || update.kind === 'integer'
    if (numbers && (original.kind === 'number' || original.kind === 'integer')) {
      const narrowed = update.kind === 'integer' && original.kind === 'number'
      return [
        ...(narrowed ? [jsonChange('TYPE_NARROWED', rooted(path))] : []),
        ...numberDifferences(original.json, update.json, path),
      ]
    }
    if (original.kind !== update.kind) return [jsonChange('TYPE_CHANGED', rooted(path))]
    const context = { path, compare: this.compare, hasty: this.#trials > 0 }
    switch (update.kind) {
      case 'string':
        return stringDifferences(original.json, update.json, path)
      case 'object':
        return objectDifferences(original, update, context)
      case 'array':
        return arrayDifferences(original, update, context)
      default:
        return []
    }
  }

  #combined(
    original: Shape,
    update: Shape,
    at: { readonly original: SchemaAt; readonly update: SchemaAt; readonly path: string },
  ): readonly Incompatibility[] {
    const path = rooted(at.path)
    if (original.kind === 'combined' && update.kind === 'combined') {
      return this.#bothCombined(original, update, path)
    }
    if (update.kind === 'combined') {
      const compared = (part: SchemaAt): readonly Incompatibility[] =>
        this.compare(at.original, part, at.path)
      if (update.criterion === 'allOf') return update.parts.flatMap(compared)
      if (update.parts.length === 1) return compared(update.parts[0]!)
      const fits = update.parts.some((part) => this.#fits(at.original, part, at.path))
      return fits ? [] : [jsonChange('TYPE_CHANGED', path)]
    }
    const { criterion, parts } = original as Combined
    if (parts.length === 1) return this.compare(parts[0]!, at.update, at.path)
    const fits = (part: SchemaAt): boolean => this.#fits(part, at.update, at.path)
    if (criterion === 'allOf') return parts.some(fits) ? [] : [jsonChange('TYPE_CHANGED', path)]
    return parts.every(fits) ? [] : [jsonChange('SUM_TYPE_NARROWED', path)]
  }

  #bothCombined(original: Combined, update: Combined, path: string): readonly Incompatibility[] {
    const [before, now] = [distinct(original.parts), distinct(update.parts)]
    if (original.criterion !== update.criterion) {
      const single = before.length === 1 && (now.length === 1 || update.criterion !== 'allOf')
      const extended = update.criterion === 'anyOf' || original.criterion === 'allOf' || single
      if (!extended) return [jsonChange('COMBINED_TYPE_CHANGED', path)]
    }
    if (now.length > before.length && update.criterion === 'allOf')
      return [jsonChange('PRODUCT_TYPE_EXTENDED', path)]
    if (now.length < before.length && original.criterion !== 'allOf')
      return [jsonChange('SUM_TYPE_NARROWED', path)]
    if (before.length === 1 && now.length === 1) return this.#only(before[0]!, now[0]!, path)
    const matched = matchingSize(before.length, (from) =>
      now.flatMap((part, to) => (this.#fits(before[from]!, part, path) ? [to] : [])),
    )
    if (matched >= Math.min(before.length, now.length)) return []
    return [jsonChange('COMBINED_TYPE_SUBSCHEMAS_CHANGED', path)]
  }

  /** Whether all that is valid under `original` is under `update`. */
  #fits(original: SchemaAt, update: SchemaAt, path: string): boolean {
    this.#trials++
    const found = this.compare(original, update, path)
    this.#trials--
    return found.length === 0
  }

  #only(original: SchemaAt, update: SchemaAt, path: string): readonly Incompatibility[] {
    const found = this.compare(original, update, path)
    return found.length === 0 ? [] : [jsonChange('COMBINED_TYPE_SUBSCHEMAS_CHANGED', path), ...found]
  }
}

/** A combination of nothing says nothing. */
function simplified(shape: Shape): Shape {
  return shape.kind === 'combined' && shape.parts.length === 0 ? { kind: 'empty' } : shape
}

const distinctParts = new WeakMap<readonly SchemaAt[], readonly SchemaAt[]>()

/** The same part said twice is said once. */
function distinct(parts: readonly SchemaAt[]): readonly SchemaAt[] {
  const known = distinctParts.get(parts)
  if (known !== undefined) return known
  const found = [...new Map(parts.map((part) => [jsonText(part.json, { sortKeys: true }), part])).values()]
  distinctParts.set(parts, found)
  return found
}

function enumDifferences(
  original: { readonly values: readonly Json[] },
  update: { readonly values: readonly Json[] },
  path: string,
): readonly Incompatibility[] {
  const missing = original.values.filter((value) => !update.values.some((other) => sameJson(value, other)))
  if (missing.length === 0) return []
  const added = update.values.some((value) => !original.values.some((other) => sameJson(value, other)))
  return [jsonChange(added ? 'ENUM_ARRAY_CHANGED' : 'ENUM_ARRAY_NARROWED', `${path}/enum`)]
}

function rooted(path: string): string {
  return path === '#' ? '#/' : path
}
