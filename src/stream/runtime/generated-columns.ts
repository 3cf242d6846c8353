/**
 * The loops that take events of one shape apart into columns and put them together again, generated for the shape: each
 * field is read and written from a place of its own in one loop, and all objects are made in one place, of one hidden
 * class. For `{ id: int32, name: string }` the encoder is
 *
 *   const s0 = writer.reserve(count * 4) >> 2, s1 = writer.reserve(count * 4) >> 2
 *   const { floats, ints, words, bytes } = writer
 *   for (let i = 0; i < count; i++) {
 *     const v = values[i]; … v is an object of exactly two fields, else return false …
 *     const x0 = v["id"]; if (… x0 is no int32 …) return false; ints[s0 + i] = x0
 *     const x1 = v["name"]; if (typeof x1 !== "string") return false; words[s1 + i] = strings[0].word(x1)
 *   }
 *
 * The generated text holds field names only as string literals.
 */
import type { ColumnReader, ColumnWriter } from './event-columns.ts'
import type { ScalarShape, Shape } from './event-shape.ts'
import type { StringColumnReader, StringColumnWriter } from './string-columns.ts'

/** False when a value does not have the shape; what was written is void then. */
export type EncodeColumns = (
  values: readonly unknown[],
  writer: ColumnWriter,
  strings: readonly StringColumnWriter[],
) => boolean

/** Puts `count` values into `values`. */
export type DecodeColumns = (
  count: number,
  reader: ColumnReader,
  strings: readonly StringColumnReader[],
  values: unknown[],
) => void

/** How many columns of strings the shape has. */
export function countStrings(shape: Shape): number {
  if (typeof shape === 'string') return shape === 'string' ? 1 : 0
  return shape.fields.reduce((total, [, field]) => total + countStrings(field), 0)
}

/** By type of column: bytes a value, the shift that makes an index of a position, the array. */
const CELLS = {
  int32: { bytes: 4, shift: 2, array: 'ints' },
  number: { bytes: 8, shift: 3, array: 'floats' },
  string: { bytes: 4, shift: 2, array: 'words' },
  boolean: { bytes: 1, shift: 0, array: 'bytes' },
} as const

export function generateEncoder(shape: Shape): EncodeColumns {
  const starts: string[] = []
  const body: string[] = []
  const ends: string[] = []
  let strings = 0
  let names = 0
  const scalar = (type: ScalarShape, value: string): void => {
    const n = names++
    body.push(`const x${n} = ${value}`)
    if (type === 'any') {
      starts.push(`const a${n} = []`)
      body.push(`a${n}.push(x${n})`)
      ends.push(`writer.anything(a${n})`)
      return
    }
    const { bytes, shift, array } = CELLS[type]
    starts.push(`const s${n} = writer.reserve(count * ${bytes}) >> ${shift}`)
    const isType =
      type === 'int32'
        ? `typeof x${n} === 'number' && x${n} === (x${n} | 0) && (x${n} !== 0 || 1 / x${n} > 0)`
        : `typeof x${n} === '${type}'`
    const cell = type === 'string' ? `strings[${strings++}].word(x${n})` : `x${n}`
    body.push(`if (!(${isType})) return false`, `${array}[s${n} + i] = ${cell}`)
  }
  const visit = (at: Shape, value: string): void => {
    if (typeof at === 'string') return scalar(at, value)
    const n = names++
    body.push(
      `const o${n} = ${value}`,
      `if (typeof o${n} !== 'object' || o${n} === null) return false`,
      `let n${n} = 0; for (const name in o${n}) n${n}++; if (n${n} !== ${at.fields.length}) return false`,
    )
    for (const [name, field] of at.fields) {
      // A missing field of a typed column is found by its type.
      if (field === 'any') body.push(`if (!(${JSON.stringify(name)} in o${n})) return false`)
      visit(field, `o${n}[${JSON.stringify(name)}]`)
    }
  }
  visit(shape, 'values[i]')
  const text = [
    '"use strict"',
    'const count = values.length',
    ...starts,
    'const { floats, ints, words, bytes } = writer',
    'for (let i = 0; i < count; i++) {',
    ...body,
    '}',
    ...ends,
    'return true',
  ]
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- see above.
  return new Function('values', 'writer', 'strings', text.join('\n')) as EncodeColumns
}

export function generateDecoder(shape: Shape): DecodeColumns {
  const typed: string[] = []
  const serialized: string[] = []
  let strings = 0
  let names = 0
  const visit = (at: Shape): string => {
    if (typeof at !== 'string') {
      return `{ ${at.fields.map(([name, field]) => `${JSON.stringify(name)}: ${visit(field)}`).join(', ')} }`
    }
    const column = `c${names++}`
    if (at === 'any') serialized.push(`const ${column} = reader.anything()`)
    else typed.push(`const ${column} = reader.${CELLS[at].array}(count)`)
    if (at === 'string') return `strings[${strings++}].read(${column}[i])`
    return at === 'boolean' ? `${column}[i] === 1` : `${column}[i]`
  }
  const literal = visit(shape)
  const text = [
    '"use strict"',
    ...typed,
    ...serialized,
    `for (let i = 0; i < count; i++) values[i] = ${literal}`,
  ]
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- see above.
  return new Function('count', 'reader', 'strings', 'values', text.join('\n')) as DecodeColumns
}
