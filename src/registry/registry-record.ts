/**
 * Records of the topic `_schemas`, as Confluent's registry writes and reads them, so that either can take the topic over
 * from the other. Keys and values are JSON; keys are compared byte by byte when the topic is compacted, so their
 * properties have a fixed order:
 *
 *   {"keytype":"SCHEMA","subject":"s","version":1,"magic":1}   {"subject":"s","version":1,"id":1,"schema":"…","deleted":false}
 *   {"keytype":"CONFIG","subject":"s","magic":0}               {"subject":"s","compatibilityLevel":"FULL"}
 *   {"keytype":"MODE","subject":"s","magic":0}                 {"subject":"s","mode":"READONLY"}
 *   {"keytype":"DELETE_SUBJECT","subject":"s","magic":0}       {"subject":"s","version":3}     soft: all up to version 3
 *   {"keytype":"CLEAR_SUBJECT","subject":"s","magic":0}        {"subject":"s"}
 *   {"keytype":"NOOP","magic":0}                               none
 *
 * CONFIG and MODE without a subject are those of the whole registry. A value of null takes back what was said.
 */
import { isJsonObject, type Json, JsonNumber, type JsonObject, jsonText, parseJson } from './json-text.ts'
import type { SchemaReference, SchemaType } from './parsed-schema.ts'
import type { StoredSchema } from './stored-schema.ts'

/** `subject` undefined: of all subjects. */
export type RegistryRecord =
  | {
      readonly kind: 'schema'
      readonly subject: string
      readonly version: number
      readonly value: StoredSchema | null
    }
  | { readonly kind: 'config'; readonly subject: string | undefined; readonly value: JsonObject | null }
  | { readonly kind: 'mode'; readonly subject: string | undefined; readonly value: string | null }
  | { readonly kind: 'delete-subject'; readonly subject: string; readonly upTo: number | null }
  | { readonly kind: 'clear-subject'; readonly subject: string; readonly cleared: boolean }
  | { readonly kind: 'noop' }

export interface KeyAndValue {
  readonly key: Buffer
  readonly value: Buffer | null
}

export function encodeRecord(record: RegistryRecord): KeyAndValue {
  switch (record.kind) {
    case 'schema':
      return keyAndValue(
        { keytype: 'SCHEMA', subject: record.subject, version: number(record.version), magic: number(1) },
        record.value === null ? null : schemaValue(record.value),
      )
    case 'config':
      return keyAndValue(settingKey('CONFIG', record.subject), withSubject(record.subject, record.value))
    case 'mode':
      return keyAndValue(
        settingKey('MODE', record.subject),
        record.value === null ? null : withSubject(record.subject, { mode: record.value }),
      )
    case 'delete-subject':
      return keyAndValue(
        settingKey('DELETE_SUBJECT', record.subject),
        record.upTo === null ? null : { subject: record.subject, version: number(record.upTo) },
      )
    case 'clear-subject':
      return keyAndValue(
        settingKey('CLEAR_SUBJECT', record.subject),
        record.cleared ? { subject: record.subject } : null,
      )
    case 'noop':
      return keyAndValue({ keytype: 'NOOP', magic: number(0) }, null)
  }
}

/** Undefined for keys of other kinds, which newer registries may write. Throws `SyntaxError` where there is no JSON. */
export function decodeRecord({
  key,
  value,
}: {
  readonly key: Buffer | null
  readonly value: Buffer | null
}): RegistryRecord | undefined {
  const keyJson = key === null ? null : parseJson(key.toString())
  if (!isJsonObject(keyJson)) return undefined
  const subject = text(keyJson['subject'])
  const parsed = value === null ? null : parseJson(value.toString())
  const json = isJsonObject(parsed) ? parsed : null
  switch (keyJson['keytype']) {
    case 'SCHEMA':
      return subject === undefined
        ? undefined
        : schemaRecord({ subject, version: integer(keyJson['version']), json })
    case 'CONFIG':
      return { kind: 'config', subject, value: json === null ? null : withoutSubject(json) }
    case 'MODE':
      return { kind: 'mode', subject, value: text(json?.['mode']) ?? null }
    case 'DELETE_SUBJECT':
      if (subject === undefined) return undefined
      return { kind: 'delete-subject', subject, upTo: json === null ? null : integer(json['version']) }
    case 'CLEAR_SUBJECT':
      return subject === undefined ? undefined : { kind: 'clear-subject', subject, cleared: json !== null }
    case 'NOOP':
      return { kind: 'noop' }
    default:
      return undefined
  }
}

function schemaRecord({
  subject,
  version,
  json,
}: {
  readonly subject: string
  readonly version: number
  readonly json: JsonObject | null
}): RegistryRecord {
  if (json === null) return { kind: 'schema', subject, version, value: null }
  const { metadata, ruleSet } = json
  const references = Array.isArray(json['references']) ? (json['references'] as readonly Json[]) : []
  return {
    kind: 'schema',
    subject,
    version,
    value: {
      subject,
      version,
      id: integer(json['id']),
      schemaType: (text(json['schemaType']) ?? 'AVRO') as SchemaType,
      schema: text(json['schema']) ?? '',
      references: references.filter(isJsonObject).map(referenceOf),
      ...(isJsonObject(metadata) && { metadata }),
      ...(isJsonObject(ruleSet) && { ruleSet }),
      deleted: json['deleted'] === true,
    },
  }
}

function schemaValue(schema: StoredSchema): JsonObject {
  return {
    subject: schema.subject,
    version: number(schema.version),
    id: number(schema.id),
    ...(schema.schemaType !== 'AVRO' && { schemaType: schema.schemaType }),
    ...(schema.references.length > 0 && {
      references: schema.references.map(({ name, subject, version }) => ({
        name,
        subject,
        version: number(version),
      })),
    }),
    ...(schema.metadata !== undefined && { metadata: schema.metadata }),
    ...(schema.ruleSet !== undefined && { ruleSet: schema.ruleSet }),
    schema: schema.schema,
    deleted: schema.deleted,
  }
}

function referenceOf(json: JsonObject): SchemaReference {
  return {
    name: text(json['name']) ?? '',
    subject: text(json['subject']) ?? '',
    version: integer(json['version']),
  }
}

function settingKey(keytype: string, subject: string | undefined): JsonObject {
  return { keytype, ...(subject !== undefined && { subject }), magic: number(0) }
}

function withSubject(subject: string | undefined, json: JsonObject | null): JsonObject | null {
  return json === null || subject === undefined ? json : { subject, ...json }
}

function withoutSubject(json: JsonObject): JsonObject {
  const { subject: _subject, ...rest } = json
  return rest
}

function keyAndValue(key: JsonObject, value: JsonObject | null): KeyAndValue {
  return {
    key: Buffer.from(jsonText(key)),
    value: value === null ? null : Buffer.from(jsonText(value)),
  }
}

function number(value: number): JsonNumber {
  return new JsonNumber(String(value))
}

function text(json: Json | undefined): string | undefined {
  return typeof json === 'string' ? json : undefined
}

function integer(json: Json | undefined): number {
  return json instanceof JsonNumber ? json.value : 0
}
