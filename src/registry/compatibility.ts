/** Compatibility levels, and what is said when a schema does not keep to one. */
import { isJsonObject } from './json-text.ts'
import type { Incompatibility, ParsedSchema } from './parsed-schema.ts'
import { ErrorCodes, RegistryError } from './registry-error.ts'
import type { StoredSchema } from './stored-schema.ts'

export const COMPATIBILITY_LEVELS = [
  'NONE',
  'BACKWARD',
  'BACKWARD_TRANSITIVE',
  'FORWARD',
  'FORWARD_TRANSITIVE',
  'FULL',
  'FULL_TRANSITIVE',
] as const

export type CompatibilityLevel = (typeof COMPATIBILITY_LEVELS)[number]

export const DEFAULT_COMPATIBILITY: CompatibilityLevel = 'BACKWARD'

/** Throws 42203. */
export function compatibilityLevelOf(name: unknown): CompatibilityLevel {
  const level = typeof name === 'string' ? name.toUpperCase() : undefined
  const known = COMPATIBILITY_LEVELS.find((one) => one === level)
  if (known !== undefined) return known
  throw new RegistryError(
    ErrorCodes.INVALID_COMPATIBILITY_LEVEL,
    'Invalid compatibility level. Valid values are none, backward, forward, full, backward_transitive, forward_transitive, and full_transitive',
  )
}

/** An earlier version with what it says. */
export interface EarlierSchema {
  readonly stored: StoredSchema
  readonly parsed: ParsedSchema
}

/**
 * What keeps a schema from following the earlier versions; empty when nothing.
 * @param earlier in their order, only those that count for the schema.
 */
export function incompatibilities(
  schema: ParsedSchema,
  earlier: readonly (() => EarlierSchema)[],
  level: CompatibilityLevel,
): readonly string[] {
  if (level === 'NONE') return []
  const judged = level.endsWith('_TRANSITIVE') ? earlier.toReversed() : earlier.slice(-1)
  for (const open of judged) {
    const { stored, parsed } = open()
    const found = messages(schema, parsed, level)
    if (found.length > 0) {
      return [
        ...found,
        `{oldSchemaVersion: ${stored.version}}`,
        `{oldSchema: '${stored.schema}'}`,
        `{compatibility: '${level}'}`,
      ]
    }
  }
  return []
}

/** Earlier versions that count: all, or those of the same value of the property that the configuration names. */
export function inSameGroup(
  versions: readonly StoredSchema[],
  content: { readonly metadata?: StoredSchema['metadata'] },
  property: string | undefined,
): readonly StoredSchema[] {
  if (property === undefined) return versions
  const valueOf = ({ metadata }: { readonly metadata?: StoredSchema['metadata'] }): unknown => {
    const properties = metadata?.['properties']
    return isJsonObject(properties) ? properties[property] : undefined
  }
  return versions.filter((version) => valueOf(version) === valueOf(content))
}

function messages(schema: ParsedSchema, old: ParsedSchema, level: CompatibilityLevel): readonly string[] {
  if (schema.type !== old.type) {
    return [
      `{errorType:'SCHEMA_TYPE_CHANGED', description:'Incompatible because of different schema type: ${old.type} and ${schema.type}'}`,
    ]
  }
  const backward = level.startsWith('BACKWARD') || level.startsWith('FULL')
  const forward = level.startsWith('FORWARD') || level.startsWith('FULL')
  return [
    ...(backward
      ? schema
          .differencesAsReaderOf(old)
          .map((one) => message(one, { type: schema.type, reader: 'new', writer: 'old' }))
      : []),
    ...(forward
      ? old
          .differencesAsReaderOf(schema)
          .map((one) => message(one, { type: schema.type, reader: 'old', writer: 'new' }))
      : []),
  ]
}

function message(
  { kind, description, detail }: Incompatibility,
  options: { readonly type: string; readonly reader: string; readonly writer: string },
): string {
  const text = description.replaceAll('%reader', options.reader).replaceAll('%writer', options.writer)
  const quote = options.type === 'AVRO' ? "'" : '"'
  const more = detail === undefined ? '' : `, additionalInfo:${quote}${detail}${quote}`
  return `{errorType:${quote}${kind}${quote}, description:${quote}${text}${quote}${more}}`
}
