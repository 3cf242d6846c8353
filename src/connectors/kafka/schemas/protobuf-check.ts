/** What the library does not look at when it makes messages of plain objects, and plain objects of messages. */
import protobuf, { type Field, type Type } from 'protobufjs'

const INTEGERS: ReadonlyMap<string, readonly [least: bigint, most: bigint]> = new Map([
  ...['int32', 'sint32', 'sfixed32'].map((kind) => [kind, [-(2n ** 31n), 2n ** 31n - 1n]] as const),
  ...['uint32', 'fixed32'].map((kind) => [kind, [0n, 2n ** 32n - 1n]] as const),
  ...['int64', 'sint64', 'sfixed64'].map((kind) => [kind, [-(2n ** 63n), 2n ** 63n - 1n]] as const),
  ...['uint64', 'fixed64'].map((kind) => [kind, [0n, 2n ** 64n - 1n]] as const),
])

/** What keeps a value from being this message, and where; the library itself would write something else silently. */
export function messageFault(type: Type, value: unknown, path = ''): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return `${path || 'the value'} is ${shown(value)}, not a ${type.name}`
  const members = value as Readonly<Record<string, unknown>>
  for (const name of Object.keys(members)) {
    if (members[name] === undefined || members[name] === null) continue
    const at = path === '' ? name : `${path}.${name}`
    const field = type.fields[name]
    if (field === undefined) return `${at} is no field of ${type.name}`
    const fault = fieldFault(field, members[name], at)
    if (fault !== undefined) return fault
  }
  const absent = type.fieldsArray.find((field) => field.required && (members[field.name] ?? null) === null)
  return absent === undefined ? undefined : `${path === '' ? '' : `${path}.`}${absent.name} is required`
}

function fieldFault(field: Field, value: unknown, at: string): string | undefined {
  if (!field.repeated && !field.map) return valueFault(field, value, at)
  if (field.repeated !== Array.isArray(value) || typeof value !== 'object')
    return `${at} is ${shown(value)}, not ${field.repeated ? 'a list' : 'an object'}`
  for (const [key, one] of Object.entries(value as object)) {
    const fault = valueFault(field, one, `${at}.${key}`)
    if (fault !== undefined) return fault
  }
  return undefined
}

function valueFault(field: Field, value: unknown, at: string): string | undefined {
  const { resolvedType, type } = field.resolve()
  if (resolvedType instanceof protobuf.Type) return messageFault(resolvedType, value, at)
  if (resolvedType !== null) {
    const isValue = typeof value === 'number' ? Number.isInteger(value) : String(value) in resolvedType.values
    return isValue ? undefined : `${at} is ${shown(value)}, not a value of ${resolvedType.name}`
  }
  return isOfKind(type, value) ? undefined : `${at} is ${shown(value)}, not of the type ${type}`
}

function isOfKind(type: string, value: unknown): boolean {
  const range = INTEGERS.get(type)
  if (range !== undefined) {
    if (typeof value !== 'bigint' && !Number.isSafeInteger(value)) return false
    const integer = value as number | bigint
    return integer >= range[0] && integer <= range[1]
  }
  switch (type) {
    case 'float':
    case 'double':
      return typeof value === 'number'
    case 'bool':
      return typeof value === 'boolean'
    case 'bytes':
      return value instanceof Uint8Array
    default:
      return typeof value === 'string'
  }
}

function shown(value: unknown): string {
  return typeof value === 'object' && value !== null
    ? Array.isArray(value)
      ? 'a list'
      : 'an object'
    : typeof value === 'string'
      ? JSON.stringify(value)
      : String(value)
}

/** The form in which the library takes integers of any size. */
export function bigintsAsText(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  if (Array.isArray(value)) return value.map(bigintsAsText)
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, bigintsAsText(one)]))
}

/** Whether a message, or one within it, has such a field. */
export function usesKind(type: Type, kind: 'bytes' | 'long', seen = new Set<Type>()): boolean {
  if (seen.has(type)) return false
  seen.add(type)
  return type.fieldsArray.some((field) => {
    const { resolvedType } = field.resolve()
    return resolvedType instanceof protobuf.Type ? usesKind(resolvedType, kind, seen) : field[kind]
  })
}

/** 64-bit integers of decoded messages. */
interface Long {
  readonly high: number
  readonly unsigned: boolean
}

/** Makes what finds out where a decoded message has an integer that a number cannot hold. */
export function longCheck(type: Type, made = new Map<Type, LongCheck>()): LongCheck {
  const known = made.get(type)
  if (known !== undefined) return known
  const parts: { readonly field: Field; readonly check: LongCheck | undefined }[] = []
  const check: LongCheck = (message) => {
    for (const { field, check: inner } of parts) {
      // Not what the prototype holds for those that are absent.
      if (!Object.hasOwn(message, field.name)) continue
      const value = (message as Readonly<Record<string, unknown>>)[field.name]
      for (const one of field.repeated || field.map ? Object.values(value as object) : [value]) {
        if (inner === undefined ? isSafe(one as Long | number) : one === null) continue
        const found = inner === undefined ? '' : inner(one as object)
        if (found !== undefined) return found === '' ? field.name : `${field.name}.${found}`
      }
    }
    return undefined
  }
  made.set(type, check)
  for (const field of type.fieldsArray) {
    const { resolvedType, long } = field.resolve()
    const isMessage = resolvedType instanceof protobuf.Type
    if (long || (isMessage && usesKind(resolvedType, 'long')))
      parts.push({ field, check: isMessage ? longCheck(resolvedType, made) : undefined })
  }
  return check
}

type LongCheck = (message: object) => string | undefined

function isSafe(value: Long | number): boolean {
  if (typeof value === 'number') return Number.isSafeInteger(value)
  const high = value.unsigned ? value.high >>> 0 : value.high
  return high < 2 ** 21 && high >= -(2 ** 21)
}
