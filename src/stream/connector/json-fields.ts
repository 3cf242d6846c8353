/**
 * JSON objects of which a job needs a few fields. `JSON.parse` builds every field and every string of every record;
 * this format scans the bytes once, and makes only what was asked for: plain objects from one constructor generated for
 * the fields, so that all events of a source have one shape and every field one number representation.
 *
 * The scanner is generated (`new Function`) from the fields' names, never from data. It expects a record's wanted
 * fields in the order of the record before, which is how serializers write them, and looks them up when they are not.
 * Values that were not asked for are skipped: strings, brackets and braces must balance, but the spelling of skipped
 * numbers and literals is not checked. A name that occurs twice takes its last value, as in `JSON.parse`.
 */
import { MillraceError } from '../../base/millrace-error.ts'
import type { Format } from './format.ts'
import { JsonScanError, JsonScanner } from './json-scan.ts'

/**
 * `integer`: a safe integer. `number`: any JSON number. `string`, `boolean`. With `?` the field may be missing or
 * null, and is `undefined` then.
 */
export type FieldKind =
  'integer' | 'number' | 'string' | 'boolean' | 'integer?' | 'number?' | 'string?' | 'boolean?'

export type FieldKinds = Readonly<Record<string, FieldKind>>

type FieldValue<K extends FieldKind> = K extends 'integer' | 'number'
  ? number
  : K extends 'string'
    ? string
    : K extends 'boolean'
      ? boolean
      : K extends 'integer?' | 'number?'
        ? number | undefined
        : K extends 'string?'
          ? string | undefined
          : boolean | undefined

/** The event type of `jsonFields(kinds)`. */
export type FieldsOf<F extends FieldKinds> = { readonly [N in keyof F]: FieldValue<F[N]> }

/**
 * JSON objects, of which only the named fields are read; everything else in them is skipped. Encodes as plain JSON.
 * Throws `MR_BAD_FIELDS` for a kind that does not exist.
 *
 * ```ts
 * kafka({ topic: 'bids', value: jsonFields({ auction: 'integer', price: 'number', at: 'integer' }) })
 * ```
 */
export function jsonFields<const F extends FieldKinds>(fields: F): Format<FieldsOf<F>> {
  const decode = compile(fields)
  return {
    name: 'json',
    decode: decode as (source: Buffer, start: number, end: number) => FieldsOf<F>,
    encode: (value) => Buffer.from(JSON.stringify(value), 'utf8'),
  }
}

const KINDS: ReadonlySet<string> = new Set(['integer', 'number', 'string', 'boolean'])

/**
 * The generated function, for `{ auction: 'integer', channel: 'string?' }`:
 *
 *   let f0 = missing, f1 = undefined
 *   while (more) { switch (scan.key()) { case 0: f0 = scan.integer(); break; …; default: scan.skip() } }
 *   if (f0 === missing) throw …; return new Fields(f0, f1)
 */
function compile(fields: FieldKinds): (source: Buffer, start: number, end: number) => unknown {
  const names = Object.keys(fields)
  const parsed = names.map((name, index) => {
    const kind = fields[name] ?? ''
    const optional = kind.endsWith('?')
    const base = optional ? kind.slice(0, -1) : kind
    if (!KINDS.has(base)) {
      throw new MillraceError({
        code: 'MR_BAD_FIELDS',
        message: `field ${name} has the kind ${JSON.stringify(kind)}.`,
        fix: 'Use integer, number, string or boolean, with a ? when it may be missing.',
      })
    }
    return { name: JSON.stringify(name), local: `f${index}`, base, optional }
  })
  const scan = new JsonScanner(names)
  const body = `
    function Fields(${parsed.map((f) => f.local).join(', ')}) { ${parsed
      .map((f) => `this[${f.name}] = ${f.local};`)
      .join(' ')} }
    // Plain objects of one shape: state keeps no instances of classes.
    Fields.prototype = Object.prototype;
    return function decode(source, start, end) {
      ${parsed.map((f) => `let ${f.local} = ${initial(f.base)}, h${f.local} = false;`).join('\n      ')}
      let more = scan.open(source, start, end);
      while (more) {
        switch (scan.key()) {
          ${parsed.map((f, i) => `case ${i}: ${assign(f)} break;`).join('\n          ')}
          default: scan.skip();
        }
        more = scan.next();
      }
      ${parsed.map((f) => finish(f)).join('\n      ')}
      return new Fields(${parsed.map((f) => f.local).join(', ')});
    }`
  const create = new Function('scan', 'JsonScanError', body) as (
    scan: unknown,
    error: unknown,
  ) => (source: Buffer, start: number, end: number) => unknown
  return create(scan, JsonScanError)
}

interface ParsedField {
  readonly name: string
  readonly local: string
  readonly base: string
  readonly optional: boolean
}

function initial(base: string): string {
  return base === 'string' ? "''" : base === 'boolean' ? 'false' : '0'
}

function assign(field: ParsedField): string {
  const read = `{ ${field.local} = scan.${field.base}(${field.name}); h${field.local} = true; }`
  return field.optional ? `if (scan.isNull()) h${field.local} = false; else ${read}` : read
}

function finish(field: ParsedField): string {
  return field.optional
    ? `if (!h${field.local}) ${field.local} = undefined;`
    : `if (!h${field.local}) throw new JsonScanError(${JSON.stringify(`the field ${field.name} is missing`)});`
}
