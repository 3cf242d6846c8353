/**
 * What the events of a stream look like, learned from the events: plain objects with the same fields of the same
 * types can be sent column by column; whatever does not fit is `any` and goes through the platform's serializer.
 */
export type Shape = ScalarShape | ObjectShape

/** `int32`: whole numbers of 32 bits, but not −0. */
export type ScalarShape = 'int32' | 'number' | 'string' | 'boolean' | 'any'

export interface ObjectShape {
  readonly fields: readonly (readonly [name: string, shape: Shape])[]
}

/** Objects with more fields, or nested deeper, are not worth columns. */
const FIELDS_MAX = 64
const DEPTH_MAX = 4

export function learnShape(values: readonly unknown[]): Shape {
  return shapeOf(values, DEPTH_MAX)
}

/** The shape that covers both: where they differ, anything. */
export function widenShape(left: Shape, right: Shape): Shape {
  if (left === right) return left
  if (isNumber(left) && isNumber(right)) return 'number'
  if (typeof left === 'string' || typeof right === 'string') return 'any'
  if (left.fields.length !== right.fields.length) return 'any'
  const fields = left.fields.map(([name, shape], i): readonly [string, Shape] | undefined => {
    const [otherName, other] = right.fields[i]!
    return otherName === name ? [name, widenShape(shape, other)] : undefined
  })
  return fields.every((field) => field !== undefined) ? { fields } : 'any'
}

/** The shape with room for any number wherever there was only for whole ones. */
export function widenNumbers(shape: Shape): Shape {
  if (typeof shape === 'string') return shape === 'int32' ? 'number' : shape
  return { fields: shape.fields.map(([name, field]) => [name, widenNumbers(field)]) }
}

function shapeOf(values: readonly unknown[], depth: number): Shape {
  const first = values[0]
  switch (typeof first) {
    case 'number':
      if (values.every(isInt32)) return 'int32'
      return values.every((value) => typeof value === 'number') ? 'number' : 'any'
    case 'string':
      return values.every((value) => typeof value === 'string') ? 'string' : 'any'
    case 'boolean':
      return values.every((value) => typeof value === 'boolean') ? 'boolean' : 'any'
    case 'object':
      return depth === 0 ? 'any' : objectShape(values, depth)
    default:
      return 'any'
  }
}

function objectShape(values: readonly unknown[], depth: number): Shape {
  if (!values.every(isRecord)) return 'any'
  const names = Object.keys(values[0]!)
  if (names.length === 0 || names.length > FIELDS_MAX || names.includes('__proto__')) return 'any'
  for (const value of values) {
    if (Object.keys(value).length !== names.length || !names.every((name) => Object.hasOwn(value, name)))
      return 'any'
  }
  return {
    fields: names.map((name) => [
      name,
      shapeOf(
        values.map((value) => value[name]),
        depth - 1,
      ),
    ]),
  }
}

/** Instances of the events' own classes count: they arrive as plain objects with the same fields. */
function isRecord(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.prototype.toString.call(value) === '[object Object]' && !(value instanceof Error)
}

function isNumber(shape: Shape): boolean {
  return shape === 'int32' || shape === 'number'
}

function isInt32(value: unknown): boolean {
  return typeof value === 'number' && Object.is(value, value | 0)
}
