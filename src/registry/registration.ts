/** Decides what becomes of a schema that somebody wants to register. */
import { effectiveConfig, checkWritable } from './settings.ts'
import {
  type CompatibilityLevel,
  type EarlierSchema,
  incompatibilities,
  inSameGroup,
} from './compatibility.ts'
import type { JsonObject } from './json-text.ts'
import type { ParsedSchema, SchemaReference } from './parsed-schema.ts'
import { checkedReferences, resolveReferences } from './references.ts'
import { ErrorCodes, invalidSchema, notPermitted, RegistryError } from './registry-error.ts'
import type { RegistryState } from './registry-state.ts'
import { parseSchema, schemaTypeOf, withinStack } from './schema-formats.ts'
import type { Decision } from './schema-store.ts'
import { guidOf, type SchemaContent, type StoredSchema } from './stored-schema.ts'
import { contextOf } from './subject-name.ts'

/** A schema as a request brings it. */
export interface SchemaInput {
  readonly schema: string
  readonly schemaType: string | undefined
  readonly references: readonly SchemaReference[]
  readonly metadata: JsonObject | undefined
  readonly ruleSet: JsonObject | undefined
  /** Only in mode IMPORT. */
  readonly id: number | undefined
  readonly version: number | undefined
}

/** What a request means: the contents that it may be stored as. */
export interface ReadSchema {
  readonly parsed: ParsedSchema
  readonly content: SchemaContent
}

/** Throws 42201. */
export function readSchema(
  state: RegistryState,
  input: SchemaInput,
  options: { readonly subject: string; readonly normalize: boolean; readonly isNew: boolean },
): ReadSchema {
  const type = schemaTypeOf(input.schemaType)
  const checked = checkedReferences(state, input.references, options.subject)
  const references = options.normalize ? checked.toSorted((a, b) => (a.name < b.name ? -1 : 1)) : checked
  const parsed = parseSchema(type, input.schema, {
    references: resolveReferences(state, references),
    isNew: options.isNew,
  })
  const { metadata, ruleSet } = input
  return {
    parsed,
    content: {
      schemaType: type,
      schema: options.normalize ? parsed.normalized() : parsed.canonical,
      references,
      ...(metadata !== undefined && { metadata }),
      ...(ruleSet !== undefined && { ruleSet }),
    },
  }
}

/** Throws 42201, 409, 42205. A schema that the subject has already is not registered again. */
export function decideRegistration(
  state: RegistryState,
  subject: string,
  options: { readonly input: SchemaInput; readonly normalize: boolean },
): Decision<StoredSchema> {
  const { input } = options
  const mode = checkWritable(state, subject)
  const config = effectiveConfig(state, subject)
  const normalize = options.normalize || config.normalize
  const isImport = mode === 'IMPORT'
  if (!isImport && input.id !== undefined) throw notPermitted(`Subject ${subject} is not in import mode`)
  if (isImport && input.id === undefined) throw notPermitted(`Subject ${subject} is in import mode`)
  const { parsed, content } = readSchema(state, input, { subject, normalize, isNew: !isImport })
  const existing = findVersion(state, subject, content)
  if (existing !== undefined && (input.id === undefined || existing.id === input.id)) {
    return { records: [], result: existing }
  }
  const versions = state.versions(subject, { deleted: false })
  if (!isImport) {
    const earlier = inSameGroup(versions, content, config.compatibilityGroup)
    checkCompatible({ state, subject, parsed, earlier, level: config.compatibilityLevel })
  }
  const last = state.versions(subject, { deleted: true }).at(-1)?.version ?? 0
  const stored: StoredSchema = {
    subject,
    version: versionFor(input, { last, isImport }),
    id: idFor(state, subject, { input, content }),
    ...content,
    deleted: false,
  }
  return { records: [{ kind: 'schema', subject, version: stored.version, value: stored }], result: stored }
}

/** The version of the subject that holds this content; the newest one if there are several. */
export function findVersion(
  state: RegistryState,
  subject: string,
  content: SchemaContent,
  options: { readonly deleted: boolean } = { deleted: false },
): StoredSchema | undefined {
  const guid = guidOf(content)
  return state.versions(subject, options).findLast((version) => guidOf(version) === guid)
}

/** What keeps a schema from following these versions at this level. */
export function findIncompatibilities(options: {
  readonly state: RegistryState
  readonly parsed: ParsedSchema
  readonly earlier: readonly StoredSchema[]
  readonly level: CompatibilityLevel
}): readonly string[] {
  const { state, parsed, earlier, level } = options
  const openers = earlier.map((stored) => (): EarlierSchema => ({ stored, parsed: reopened(state, stored) }))
  return withinStack(() => incompatibilities(parsed, openers, level))
}

/** A stored schema, read again. */
export function reopened(state: RegistryState, stored: StoredSchema): ParsedSchema {
  return parseSchema(stored.schemaType, stored.schema, {
    references: resolveReferences(state, stored.references),
    isNew: false,
  })
}

function checkCompatible(options: {
  readonly state: RegistryState
  readonly subject: string
  readonly parsed: ParsedSchema
  readonly earlier: readonly StoredSchema[]
  readonly level: CompatibilityLevel
}): void {
  const messages = findIncompatibilities(options)
  if (messages.length === 0) return
  throw new RegistryError(
    ErrorCodes.INCOMPATIBLE_SCHEMA,
    `Schema being registered is incompatible with an earlier schema for subject "${options.subject}", details: [${messages.join(', ')}]`,
  )
}

function versionFor(
  { version }: SchemaInput,
  { last, isImport }: { readonly last: number; readonly isImport: boolean },
): number {
  if (version === undefined || version <= 0) return last + 1
  if (!isImport && version !== last + 1)
    throw invalidSchema(`Invalid schema: version is not one more than previous version ${last}`)
  return version
}

/** One schema has one id in a context, whatever subjects it is in. */
function idFor(
  state: RegistryState,
  subject: string,
  { input, content }: { readonly input: SchemaInput; readonly content: SchemaContent },
): number {
  const context = contextOf(subject)
  if (input.id === undefined) return state.idOf(context, content) ?? state.lastId(context) + 1
  const guid = guidOf(content)
  const taken = state.byId(context, input.id).some((other) => guidOf(other) !== guid)
  if (taken) throw notPermitted(`Overwrite new schema with id ${input.id} is not permitted.`)
  return input.id
}
