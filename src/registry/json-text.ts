/** JSON whose numbers are written again as they were read: `1.0` stays `1.0`, and no digit of a long is lost. */

export type Json = null | boolean | string | JsonNumber | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [key: string]: Json
}

/** A number with the text it was read from. */
export class JsonNumber {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
  get value(): number {
    return Number(this.text)
  }
  get isInteger(): boolean {
    return /^-?\d+$/.test(this.text)
  }
  toJSON(): unknown {
    return rawJson(this.text)
  }
}

type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown

/** Throws `SyntaxError`. */
export function parseJson(text: string): Json {
  const reviver: Reviver = (_key, value, { source }) =>
    typeof value === 'number' ? new JsonNumber(source ?? String(value)) : value
  return JSON.parse(text, reviver as (key: string, value: unknown) => unknown) as Json
}

export function isJsonObject(value: Json | undefined): value is JsonObject {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof JsonNumber)
  )
}

/** Without white space; keys in the order they have, or sorted at every level. */
export function jsonText(value: Json, options: { readonly sortKeys?: boolean } = {}): string {
  return JSON.stringify(options.sortKeys === true ? withSortedKeys(value) : value)
}

/** Whether two values are the same JSON value; the order of keys does not matter. */
export function sameJson(a: Json | undefined, b: Json | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  if (a instanceof JsonNumber && b instanceof JsonNumber) return a.text === b.text || a.value === b.value
  return jsonText(plain(a), { sortKeys: true }) === jsonText(plain(b), { sortKeys: true })
}

/** Numbers as their values, so that `1.0` and `1` look the same. */
function plain(value: Json): Json {
  if (value instanceof JsonNumber) return value.isInteger ? value : new JsonNumber(String(value.value))
  if (Array.isArray(value)) return value.map(plain)
  if (!isJsonObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(one)]))
}

function withSortedKeys(value: Json): Json {
  if (Array.isArray(value)) return value.map(withSortedKeys)
  if (!isJsonObject(value)) return value
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, withSortedKeys(value[key]!)]),
  )
}

function rawJson(text: string): unknown {
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(text)
}
