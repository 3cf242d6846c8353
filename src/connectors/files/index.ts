/** Files of lines as sources and sinks: `millrace/files`. */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { json, string } from '../../stream/connector/format.ts'
import type { ErrorPolicy, Source } from '../../stream/connector/source.ts'
import type { Sink } from '../../stream/connector/sink.ts'
import { csvDecoder, type CsvOptions } from './csv.ts'
import { fileSink } from './file-sink.ts'
import { fileSource, lineDecoder } from './file-source.ts'

export interface ReadOptions {
  /** A file, or a directory of which every file is read (not its subdirectories), in the order of their names. */
  readonly path: string
  /** Keep reading what is appended, looking every `pollMs` (default 200). Default: end after the last line. */
  readonly follow?: boolean | { readonly pollMs: number }
  /** What to do with a line that cannot be decoded. Default: `fail`. */
  readonly onError?: ErrorPolicy
}

/** Reads JSON lines: one value a line. With a schema every value is validated, and typed by it. */
export function readJsonLines<S extends StandardSchemaV1>(
  options: ReadOptions & { readonly schema: S },
): Source<StandardSchemaV1.InferOutput<S>>
export function readJsonLines<T = unknown>(options: ReadOptions): Source<T>
export function readJsonLines(
  options: ReadOptions & { readonly schema?: StandardSchemaV1 },
): Source<unknown> {
  const format = options.schema === undefined ? json() : json(options.schema)
  return fileSource('json-lines', options, () => lineDecoder(format))
}

/**
 * Reads CSV (RFC 4180): every record becomes an object of strings by column name, from the first record or `columns`.
 * A schema may coerce the strings (`z.coerce.number()`).
 */
export function readCsv<S extends StandardSchemaV1>(
  options: ReadOptions & CsvOptions & { readonly schema: S },
): Source<StandardSchemaV1.InferOutput<S>>
export function readCsv(options: ReadOptions & CsvOptions): Source<Record<string, string>>
export function readCsv(
  options: ReadOptions & CsvOptions & { readonly schema?: StandardSchemaV1 },
): Source<unknown> {
  return fileSource('csv', options, (file) => csvDecoder(file, options, options.schema))
}

/** Reads text: one event a line. */
export function readLines(options: ReadOptions): Source<string> {
  return fileSource('lines', options, () => lineDecoder(string()))
}

/** Writes each event as a line of JSON into files under a directory; exactly once (files appear by rename). */
export function writeJsonLines<T = unknown>(options: { readonly path: string }): Sink<T> {
  return fileSink('json-lines', { ...options, format: json<T>(), extension: 'jsonl' })
}

/** Writes each event as a line of text into files under a directory; exactly once (files appear by rename). */
export function writeLines(options: { readonly path: string }): Sink<string> {
  return fileSink('lines', { ...options, format: string(), extension: 'txt' })
}
