/** What a registry has against a job's schemas, each with the step that asked. */
import { MillraceError, type ErrorPlace } from '../../../base/millrace-error.ts'

/** An event that its schema has no form for. */
export function eventUnfit(place: ErrorPlace, why: string, cause: unknown): MillraceError {
  return new MillraceError({
    code: 'MR_SINK_WRITE',
    ...place,
    message: `an event does not fit the schema: ${why}.`,
    fix: 'Give the sink events that do, or filter the others out before it.',
    cause,
  })
}

/** Nobody answers, or only that nothing can be answered now. */
export function registryUnreachable(place: ErrorPlace, why: string, cause?: unknown): MillraceError {
  return new MillraceError({
    code: 'MR_REGISTRY_UNREACHABLE',
    ...place,
    message: `the schema registry gives no answer: ${why}`,
    // What failed below says it already.
    ...(!(cause instanceof MillraceError) && {
      fix: 'Check its URL with the path (Millrace has it below /registry of its HTTP address), and that it runs.',
    }),
    cause,
  })
}

export function registryRefused(place: ErrorPlace, why: string): MillraceError {
  return new MillraceError({
    code: 'MR_REGISTRY_REFUSED',
    ...place,
    message: `the schema registry refuses: ${why}`,
    fix: 'Check auth of the registry, and what its user may do.',
  })
}

export function schemaIncompatible(place: ErrorPlace, why: string): MillraceError {
  return new MillraceError({
    code: 'MR_SCHEMA_INCOMPATIBLE',
    ...place,
    message: `the schema may not follow those that the subject has: ${why}`,
    fix: "Change it so that readers of the subject's other versions go on (a default for a new field, say), or the subject's compatibility.",
  })
}

export function schemaInvalid(place: ErrorPlace, why: string, cause?: unknown): MillraceError {
  return new MillraceError({
    code: 'MR_SCHEMA_INVALID',
    ...place,
    message: `the schema cannot be used: ${why}`,
    fix: 'Mend the schema, and name in references what it refers to.',
    cause,
  })
}

export function schemaMissing(place: ErrorPlace, what: string): MillraceError {
  return new MillraceError({
    code: 'MR_SCHEMA_NOT_FOUND',
    ...place,
    message: `${what} is not in the registry.`,
    fix: 'Register it first, or let the step do that (a schema, and register: true).',
  })
}
