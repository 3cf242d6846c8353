/**
 * What the registry answers instead of a result: an HTTP status, and the code by which clients of Confluent's registry
 * tell errors apart. Codes of five digits begin with the status.
 */
export class RegistryError extends Error {
  override readonly name = 'RegistryError'
  /** HTTP status. */
  readonly status: number
  /** `error_code` of the answer. */
  readonly code: number

  constructor(code: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.status = code < 1000 ? code : Math.floor(code / 100)
  }
}

export const ErrorCodes = {
  SUBJECT_NOT_FOUND: 40401,
  VERSION_NOT_FOUND: 40402,
  SCHEMA_NOT_FOUND: 40403,
  SUBJECT_SOFT_DELETED: 40404,
  SUBJECT_NOT_SOFT_DELETED: 40405,
  VERSION_SOFT_DELETED: 40406,
  VERSION_NOT_SOFT_DELETED: 40407,
  SUBJECT_CONFIG_NOT_FOUND: 40408,
  SUBJECT_MODE_NOT_FOUND: 40409,
  INCOMPATIBLE_SCHEMA: 409,
  INVALID_SCHEMA: 42201,
  INVALID_VERSION: 42202,
  INVALID_COMPATIBILITY_LEVEL: 42203,
  INVALID_MODE: 42204,
  OPERATION_NOT_PERMITTED: 42205,
  REFERENCE_EXISTS: 42206,
  ID_DOES_NOT_MATCH: 42207,
  INVALID_SUBJECT: 42208,
  CONTEXT_NOT_EMPTY: 42211,
  STORE: 50001,
  TIMEOUT: 50002,
} as const

export function subjectNotFound(subject: string): RegistryError {
  return new RegistryError(ErrorCodes.SUBJECT_NOT_FOUND, `Subject '${subject}' not found.`)
}

export function versionNotFound(version: number | string): RegistryError {
  return new RegistryError(ErrorCodes.VERSION_NOT_FOUND, `Version ${version} not found.`)
}

export function schemaNotFound(what?: number | string): RegistryError {
  return new RegistryError(
    ErrorCodes.SCHEMA_NOT_FOUND,
    what === undefined ? 'Schema not found' : `Schema ${what} not found`,
  )
}

export function invalidSchema(message: string, cause?: unknown): RegistryError {
  return new RegistryError(ErrorCodes.INVALID_SCHEMA, message, { cause })
}

export function notPermitted(message: string): RegistryError {
  return new RegistryError(ErrorCodes.OPERATION_NOT_PERMITTED, message)
}
