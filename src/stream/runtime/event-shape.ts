/**
 * What the events of a stream look like, learned from the events: plain objects with the same fields of the same
 * types can be sent column by column; whatever does not fit is `any` and goes through the platform's serializer.
 */
export type Shape = 'number' | 'string' | 'boolean' | 'any' | ObjectShape

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
  if (typeof left === 'string' || typeof right === 'string') return 'any'
  if (left.fields.length !== right.fields.length) return 'any'
  const fields = left.fields.map(([name, shape], i): readonly [string, Shape] | undefined => {
    const [otherName, other] = right.fields[i]!
    return otherName === name ? [name, widenShape(shape, other)] : undefined
  })
  return fields.every((field) => field !== undefined) ? { fields } : 'any'
}

function shapeOf(values: readonly unknown[], depth: number): Shape {
  const first = values[0]
  switch (typeof first) {
    case 'number':
    case 'string':
    case 'boolean': {
      const type = typeof first
      return values.every((value) => typeof value === type) ? (type as Shape) : 'any'
    }
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
