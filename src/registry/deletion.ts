/**
 * Deleting happens in two steps: a soft one, after which a schema is no longer listed but still found by its id, so that
 * data written with it can be read; and a permanent one.
 */
import { ErrorCodes, RegistryError, subjectNotFound, versionNotFound } from './registry-error.ts'
import type { RegistryRecord } from './registry-record.ts'
import type { RegistryState } from './registry-state.ts'
import type { Decision } from './schema-store.ts'
import { checkWritable } from './settings.ts'
import type { StoredSchema } from './stored-schema.ts'

/** The result are the versions that were deleted. Throws 40401, 40404, 40405, 42205, 42206. */
export function decideSubjectDeletion(
  state: RegistryState,
  subject: string,
  { permanent }: { readonly permanent: boolean },
): Decision<readonly number[]> {
  checkWritable(state, subject)
  const all = state.versions(subject, { deleted: true })
  const alive = all.filter((version) => !version.deleted)
  if (all.length === 0) throw subjectNotFound(subject)
  if (permanent && alive.length > 0) {
    throw new RegistryError(
      ErrorCodes.SUBJECT_NOT_SOFT_DELETED,
      `Subject '${subject}' was not deleted first before being permanently deleted`,
    )
  }
  if (!permanent && alive.length === 0) {
    throw new RegistryError(
      ErrorCodes.SUBJECT_SOFT_DELETED,
      `Subject '${subject}' was soft deleted. Set permanent=true to delete permanently`,
    )
  }
  if (!permanent) for (const version of alive) checkNotReferenced(state, version)
  const result = (permanent ? all : alive).map(({ version }) => version)
  const records: readonly RegistryRecord[] = permanent
    ? [
        ...all.map(({ version }) => ({ kind: 'schema' as const, subject, version, value: null })),
        { kind: 'delete-subject', subject, upTo: null },
      ]
    : [{ kind: 'delete-subject', subject, upTo: all.at(-1)!.version }, ...withoutSettings(state, subject)]
  return { records, result }
}

/** Throws 40402, 40406, 40407, 42205, 42206. */
export function decideVersionDeletion(
  state: RegistryState,
  version: StoredSchema,
  { permanent }: { readonly permanent: boolean },
): Decision<number> {
  const { subject } = version
  checkWritable(state, subject)
  const current = state.version(subject, version.version)
  if (current === undefined) throw versionNotFound(version.version)
  if (permanent && !current.deleted) {
    throw new RegistryError(
      ErrorCodes.VERSION_NOT_SOFT_DELETED,
      `Subject '${subject}' Version ${current.version} was not deleted first before being permanently deleted`,
    )
  }
  if (!permanent && current.deleted) {
    throw new RegistryError(
      ErrorCodes.VERSION_SOFT_DELETED,
      `Subject '${subject}' Version ${current.version} was soft deleted. Set permanent=true to delete permanently`,
    )
  }
  checkNotReferenced(state, current)
  const value = permanent ? null : { ...current, deleted: true }
  const isLast = state.versions(subject, { deleted: false }).every((one) => one.version === current.version)
  return {
    records: [
      { kind: 'schema', subject, version: current.version, value },
      ...(isLast && !permanent ? withoutSettings(state, subject) : []),
    ],
    result: current.version,
  }
}

/** Settings of a subject go with its last version. */
function withoutSettings(state: RegistryState, subject: string): readonly RegistryRecord[] {
  return [
    ...(state.config(subject) === undefined ? [] : [{ kind: 'config' as const, subject, value: null }]),
    ...(state.mode(subject) === undefined ? [] : [{ kind: 'mode' as const, subject, value: null }]),
  ]
}

function checkNotReferenced(state: RegistryState, { subject, version }: StoredSchema): void {
  if (state.referencedBy(subject, version).length === 0) return
  throw new RegistryError(
    ErrorCodes.REFERENCE_EXISTS,
    `One or more references exist to the schema {magic=1,keytype=SCHEMA,subject=${subject},version=${version}}.`,
  )
}
