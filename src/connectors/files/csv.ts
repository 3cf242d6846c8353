import { parse } from 'csv-parse/sync'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { messageOf } from '../../base/millrace-error.ts'
import { validate } from '../../stream/connector/format.ts'
import type { DiskFile } from '../../world/world.ts'
import type { BlockDecoder } from './file-source.ts'
import { readLineBlock, type LineBlock } from './lines.ts'

const QUOTE = 0x22
const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d

export interface CsvOptions {
  /** Default: `,`. */
  readonly delimiter?: string
  /** Column names; default: the file's first record. */
  readonly columns?: readonly string[]
}

/**
 * Decodes RFC 4180 CSV: every record becomes an object of strings by column name (a schema may coerce them). Quoted
 * fields may contain delimiters, quotes and line breaks. A record with too few or too many fields is rejected.
 */
export function csvDecoder<T>(
  file: DiskFile,
  options: CsvOptions,
  schema: StandardSchemaV1 | undefined,
): BlockDecoder<T> {
  const delimiter = options.delimiter ?? ','
  const header = options.columns === undefined ? readHeader(file, delimiter) : undefined
  const columns = options.columns ?? header?.columns ?? []
  return {
    start: () => header?.end ?? 0,
    decode(block, accept, reject) {
      const ends = recordEnds(block)
      const used = ends.at(-1) ?? 0
      if (used === 0)
        throw new Error(`a record is longer than ${block.bytes.length} bytes; is a quote left open?`)
      const take = (fields: readonly string[]): void => {
        const value = toObject(fields, columns)
        accept((schema === undefined ? value : validate(schema, value)) as T)
      }
      // One call for the whole block is 20 times faster than one a record; which record is at fault matters only
      // when there is one, and then each is parsed by itself.
      const records = parseBlock(block.bytes.subarray(0, used), delimiter)
      const whole = records?.length === ends.length ? records : undefined
      for (const [index, end] of ends.entries()) {
        const start = ends[index - 1] ?? 0
        const record = block.bytes.subarray(start, end)
        if (isBlank(record)) continue
        try {
          take(whole?.[index] ?? parseRecord(record, delimiter))
        } catch (error) {
          reject(record, start, messageOf(error))
        }
      }
      return used
    },
  }
}

function readHeader(file: DiskFile, delimiter: string): { columns: string[]; end: number } | undefined {
  const block = readLineBlock(file, 0, { final: true })
  const [end] = block === undefined ? [] : recordEnds(block)
  if (block === undefined || end === undefined) return undefined
  return {
    columns: parseRecord(block.bytes.subarray(0, end), delimiter).map((name) => name.trim()),
    end,
  }
}

/** The position after each complete record: a line feed outside quotes ends one; so does the end of the file. */
function recordEnds({ bytes, final }: LineBlock): number[] {
  const ends: number[] = []
  let quoted = false
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]
    if (byte === QUOTE) quoted = !quoted
    else if (byte === LINE_FEED && !quoted) ends.push(i + 1)
  }
  if (final && ends.at(-1) !== bytes.length) ends.push(bytes.length)
  return ends
}

function parseBlock(bytes: Buffer, delimiter: string): string[][] | undefined {
  try {
    return parse(bytes, { delimiter, bom: true, relax_column_count: true })
  } catch {
    return undefined
  }
}

function isBlank(record: Buffer): boolean {
  return record.every((byte) => byte === LINE_FEED || byte === CARRIAGE_RETURN)
}

function parseRecord(record: Buffer, delimiter: string): string[] {
  return parse(record, { delimiter, bom: true, relax_column_count: true })[0] ?? []
}

function toObject(fields: readonly string[], columns: readonly string[]): Record<string, string> {
  if (fields.length !== columns.length)
    throw new Error(`expected ${columns.length} fields, found ${fields.length}`)
  return Object.fromEntries(columns.map((name, index) => [name, fields[index] ?? '']))
}
