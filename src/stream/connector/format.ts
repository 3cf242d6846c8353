import type { StandardSchemaV1 } from '@standard-schema/spec'
import { MillraceError, messageOf } from '../../base/millrace-error.ts'
import { JsonRun } from './json-run.ts'

/**
 * How an event becomes bytes and back. `decode` reads the bytes from `start` to `end` of a larger buffer, which is
 * valid only during the call (a view for each record would cost as much as a small record's decoding). It throws an
 * `Error` whose message says what is wrong; the source adds where the bytes came from and applies its error policy.
 */
export interface Format<T> {
  readonly name: string
  decode(source: Buffer, start: number, end: number): T
  /**
   * Where many at once cost less: what is at `bounds[2 i]` to `bounds[2 i + 1]` of the buffer, for every i, at least
   * one; `undefined` when one of them is wrong, for the caller to find out which.
   */
  decodeRun?(source: Buffer, bounds: readonly number[]): readonly T[] | undefined
  encode(value: T): Buffer
}

/** Raw bytes, copied out of the batch they came in. */
export function bytes(): Format<Uint8Array> {
  return {
    name: 'bytes',
    decode: (source, start, end) => Buffer.from(source.subarray(start, end)),
    encode: (value) => Buffer.from(value.buffer, value.byteOffset, value.byteLength),
  }
}

/** UTF-8 text; a malformed sequence becomes U+FFFD, as everywhere in JavaScript. */
export function string(): Format<string> {
  return {
    name: 'string',
    decode: utf8,
    encode: (value) => Buffer.from(value, 'utf8'),
  }
}

/**
 * JSON in UTF-8. With a schema (any Standard Schema: zod, valibot, arktype …) every decoded value is validated and is
 * what the schema returns; a value that does not fit is an error of that record. Without one the type is the caller's
 * promise. Encoding never validates. The schema must be synchronous (`MR_SCHEMA_ASYNC`).
 */
export function json<S extends StandardSchemaV1>(schema: S): Format<StandardSchemaV1.InferOutput<S>>
export function json<T = unknown>(): Format<T>
export function json(schema?: StandardSchemaV1): Format<unknown> {
  const run = new JsonRun()
  return {
    name: 'json',
    decodeRun(source, bounds) {
      const values = run.parse(source, bounds)
      return schema === undefined || values === undefined ? values : validateAll(schema, values)
    },
    decode:
      schema === undefined
        ? parseJson
        : (source, start, end) => validate(schema, parseJson(source, start, end)),
    encode: (value) => {
      const text: string | undefined = JSON.stringify(value)
      if (text === undefined) throw new Error(`${typeof value} has no JSON form`)
      return Buffer.from(text, 'utf8')
    },
  }
}

/** What the schema makes of each; undefined when it refuses one. */
function validateAll(schema: StandardSchemaV1, values: readonly unknown[]): unknown[] | undefined {
  const valid: unknown[] = []
  for (const value of values) {
    const result = schema['~standard'].validate(value)
    if (result instanceof Promise || result.issues !== undefined) return undefined
    valid.push(result.value)
  }
  return valid
}

/** Checks a value against a Standard Schema; throws an `Error` that lists path and message of every issue. */
export function validate(schema: StandardSchemaV1, value: unknown): unknown {
  const result = schema['~standard'].validate(value)
  if (result instanceof Promise) {
    throw new MillraceError({
      code: 'MR_SCHEMA_ASYNC',
      message: `the ${schema['~standard'].vendor} schema validates asynchronously, and events are decoded synchronously.`,
      fix: 'Use a schema without asynchronous refinements, and do such checks in mapAsync.',
    })
  }
  if (result.issues === undefined) return result.value
  throw new Error(result.issues.map(describeIssue).join('; '))
}

/** Node's own conversion, without the argument checks of `toString`. */
function utf8(source: Buffer, start: number, end: number): string {
  return (source as unknown as { utf8Slice(start: number, end: number): string }).utf8Slice(start, end)
}

function parseJson(source: Buffer, start: number, end: number): unknown {
  try {
    return JSON.parse(utf8(source, start, end))
  } catch (error) {
    throw new Error(`not JSON: ${messageOf(error)}`, { cause: error })
  }
}

function describeIssue(issue: StandardSchemaV1.Issue): string {
  const path = (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.')
  return path === '' ? issue.message : `${path}: ${issue.message}`
}
