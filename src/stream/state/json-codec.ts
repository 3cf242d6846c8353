/**
 * State as JSON text, without losing what JSON has no word for. Plain data costs a walk and `JSON.stringify`; what JSON
 * would silently change is wrapped as an object with one member whose name begins with `$`:
 *
 *   NaN, ±Infinity, -0 → {"$number":"NaN"}      bigint → {"$bigint":"12"}       Date → {"$date":0}
 *   Uint8Array → {"$bytes":"base64"}            Map → {"$map":[[k,v]…]}         Set → {"$set":[…]}
 *   undefined in an array → {"$undefined":0}    an object with a `$…` member → {"$object":[[name,value]…]}
 *
 * Functions, symbols and instances of classes cannot be kept: `MR_STATE_VALUE`, rather than a surprise after a restore.
 */
import { MillraceError } from '../../base/millrace-error.ts'

export function encodeJson(value: unknown): string {
  return JSON.stringify(isPlain(value) ? value : escape(value))
}

export function decodeJson(text: string): unknown {
  const value: unknown = JSON.parse(text)
  return text.includes('{"$') ? unescape(value) : value
}

function isPlain(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return value - value === 0 && !Object.is(value, -0)
    case 'object': {
      if (value === null) return true
      if (Array.isArray(value)) {
        for (const item of value) if (!isPlain(item)) return false
        return true
      }
      const prototype: unknown = Object.getPrototypeOf(value)
      if (prototype !== Object.prototype && prototype !== null) return false
      for (const name in value) {
        const member: unknown = (value as Record<string, unknown>)[name]
        if (name.charCodeAt(0) === DOLLAR || name === 'toJSON' || (member !== undefined && !isPlain(member)))
          return false
      }
      return true
    }
    default:
      return false
  }
}

const DOLLAR = 36

function escape(value: unknown): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      return value - value === 0 && !Object.is(value, -0)
        ? value
        : { $number: Object.is(value, -0) ? '-0' : String(value) }
    case 'bigint':
      return { $bigint: value.toString() }
    case 'undefined':
      return { $undefined: 0 }
    case 'object':
      return value === null ? null : escapeObject(value)
    default:
      throw cannotKeep(typeof value)
  }
}

function escapeObject(value: object): unknown {
  if (Array.isArray(value)) return value.map(escape)
  if (value instanceof Date) return { $date: value.getTime() }
  if (value instanceof Map) return { $map: [...value].map(([k, v]) => [escape(k), escape(v)]) }
  if (value instanceof Set) return { $set: [...value].map(escape) }
  if (value instanceof Uint8Array) {
    return { $bytes: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64') }
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) {
    throw cannotKeep(`an instance of ${value.constructor.name}`)
  }
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  if (members.some(([name]) => name.startsWith('$') || name === 'toJSON')) {
    return { $object: members.map(([name, member]) => [name, escape(member)]) }
  }
  return Object.fromEntries(members.map(([name, member]) => [name, escape(member)]))
}

function unescape(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(unescape)
  const record = value as Record<string, unknown>
  const names = Object.keys(record)
  if (names.length === 1 && names[0]!.charCodeAt(0) === DOLLAR) return unwrap(names[0]!, record[names[0]!])
  for (const name of names) record[name] = unescape(record[name])
  return record
}

function unwrap(name: string, inner: unknown): unknown {
  switch (name) {
    case '$number':
      return Number(inner)
    case '$bigint':
      return BigInt(inner as string)
    case '$undefined':
      return undefined
    case '$date':
      return new Date(inner as number)
    case '$bytes':
      return new Uint8Array(Buffer.from(inner as string, 'base64'))
    case '$map':
      return new Map((inner as [unknown, unknown][]).map(([k, v]) => [unescape(k), unescape(v)]))
    case '$set':
      return new Set((inner as unknown[]).map(unescape))
    case '$object':
      return Object.fromEntries((inner as [string, unknown][]).map(([k, v]) => [k, unescape(v)]))
    default:
      throw new MillraceError({
        code: 'MR_STATE_FORMAT',
        message: `State holds the unknown form "${name}"; it was written by a newer version.`,
        fix: 'Restore with the version of Millrace that wrote it, or a newer one.',
      })
  }
}

function cannotKeep(what: string): MillraceError {
  return new MillraceError({
    code: 'MR_STATE_VALUE',
    message: `State holds ${what}, which cannot be written to a checkpoint.`,
    fix: 'Keep plain data in state: objects, arrays, strings, numbers, Date, Map, Set, bigint, Uint8Array.',
  })
}
