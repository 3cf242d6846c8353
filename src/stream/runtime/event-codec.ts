/**
 * Batches of events as frames between threads. The encoder learns the shape of the events from the first batch and
 * generates one loop per field for it; a batch that does not fit widens the shape, at most a few times, after which all
 * goes through the platform's serializer. A shape is announced in a frame of its own before it is used.
 *
 *   data   │ 0 │ count │ watermark f64 │ shape id │ keys │ timestamps … │ keys … │ columns …
 *   shape  │ 1 │ id │ length │ JSON │        control  │ kind │ 0 │ number f64 │
 *
 * The watermark of a data frame comes after its events.
 */
import { assert } from '../../base/assert.ts'
import { NO_TIMESTAMP, type Key } from '../operators/operator.ts'
import { ColumnReader, ColumnWriter } from './event-columns.ts'
import { learnShape, widenShape, type Shape } from './event-shape.ts'

export const FRAME = { data: 0, shape: 1, barrier: 2, idle: 3, active: 4, end: 5, watermark: 6 } as const

const KEYS = { none: 0, numbers: 1, strings: 2, mixed: 3 } as const
const NO_TIMESTAMPS = 16
/** After so many shapes the events are taken to have none. */
const SHAPES_MAX = 8

type ColumnEncoder = (values: readonly unknown[], writer: ColumnWriter) => boolean
type ColumnDecoder = (count: number, reader: ColumnReader) => unknown[]

export class EventEncoder {
  readonly #writer = new ColumnWriter()
  #shape: Shape | undefined
  #shapeId = -1
  #encode: ColumnEncoder = () => false

  /** The frame of a batch: valid until the next call. `announce` is called with the frame of a new shape first. */
  encode(
    batch: {
      readonly values: readonly unknown[]
      readonly timestamps: readonly number[]
      readonly keys: readonly Key[]
    },
    watermarkMs: number,
    announce: (shapeId: number, frame: () => Buffer) => void,
  ): Buffer {
    if (this.#shape === undefined) this.#learn(learnShape(batch.values))
    let frame = this.#tryEncode(batch, watermarkMs)
    while (frame === undefined) {
      const learned = learnShape(batch.values)
      this.#learn(this.#shapeId + 1 >= SHAPES_MAX ? 'any' : widenShape(this.#shape!, learned))
      frame = this.#tryEncode(batch, watermarkMs)
    }
    const { buffer, position } = this.#writer
    announce(this.#shapeId, () => this.#shapeFrame())
    return buffer.subarray(0, position)
  }

  #tryEncode(
    {
      values,
      timestamps,
      keys,
    }: {
      readonly values: readonly unknown[]
      readonly timestamps: readonly number[]
      readonly keys: readonly Key[]
    },
    watermarkMs: number,
  ): Buffer | undefined {
    const writer = this.#writer
    const keyKind = kindOfKeys(keys)
    const timeless = timestamps.every((timestamp) => timestamp === NO_TIMESTAMP)
    writer.position = 0
    writer.word(FRAME.data)
    writer.word(values.length)
    writer.float(watermarkMs)
    writer.word(this.#shapeId)
    writer.word(keyKind | (timeless ? NO_TIMESTAMPS : 0))
    if (!timeless) writer.numbers(timestamps)
    if (keyKind === KEYS.numbers) writer.numbers(keys as readonly number[])
    else if (keyKind === KEYS.strings) writer.strings(keys as readonly string[])
    else if (keyKind === KEYS.mixed) writer.anything(keys)
    return this.#encode(values, writer) ? writer.buffer : undefined
  }

  #learn(shape: Shape): void {
    this.#shape = shape
    this.#shapeId++
    this.#encode = generateEncoder(shape)
  }

  #shapeFrame(): Buffer {
    const json = Buffer.from(JSON.stringify(this.#shape), 'utf8')
    const frame = Buffer.from(new ArrayBuffer(12 + json.length))
    frame.writeUInt32LE(FRAME.shape, 0)
    frame.writeUInt32LE(this.#shapeId, 4)
    frame.writeUInt32LE(json.length, 8)
    json.copy(frame, 12)
    return frame
  }
}

/** A frame without events. */
export function controlFrame(kind: number, value: number): Buffer {
  const frame = Buffer.from(new ArrayBuffer(16))
  frame.writeUInt32LE(kind, 0)
  frame.writeDoubleLE(value, 8)
  return frame
}

export type DecodedFrame =
  | {
      readonly kind: 'data'
      readonly values: unknown[]
      readonly timestamps: number[]
      readonly keys: Key[]
      readonly watermarkMs: number
    }
  | { readonly kind: 'control'; readonly control: number; readonly value: number }
  | { readonly kind: 'nothing' }

export class EventDecoder {
  readonly #decoders = new Map<number, ColumnDecoder>()

  decode(frame: Buffer): DecodedFrame {
    const kind = frame.readUInt32LE(0)
    if (kind === FRAME.shape) {
      const shape = JSON.parse(frame.toString('utf8', 12, 12 + frame.readUInt32LE(8))) as Shape
      this.#decoders.set(frame.readUInt32LE(4), generateDecoder(shape))
      return { kind: 'nothing' }
    }
    if (kind !== FRAME.data) return { kind: 'control', control: kind, value: frame.readDoubleLE(8) }
    const count = frame.readUInt32LE(4)
    const watermarkMs = frame.readDoubleLE(8)
    const decoder = this.#decoders.get(frame.readUInt32LE(16))
    assert(decoder !== undefined, 'a shape is announced before it is used')
    const flags = frame.readUInt32LE(20)
    const reader = new ColumnReader(frame, 24)
    const timestamps =
      (flags & NO_TIMESTAMPS) === 0
        ? Array.from(reader.numbers(count))
        : Array.from({ length: count }, () => NO_TIMESTAMP)
    const keys = readKeys(reader, flags & 3, count)
    return { kind: 'data', values: decoder(count, reader), timestamps, keys, watermarkMs }
  }
}

function kindOfKeys(keys: readonly Key[]): number {
  let strings = 0
  for (let i = 0; i < keys.length; i++) if (typeof keys[i] === 'string') strings++
  if (strings === 0) return KEYS.numbers
  return strings === keys.length ? KEYS.strings : KEYS.mixed
}

function readKeys(reader: ColumnReader, kind: number, count: number): Key[] {
  if (kind === KEYS.numbers) return Array.from(reader.numbers(count))
  return kind === KEYS.strings ? reader.strings(count) : (reader.anything() as Key[])
}

/**
 * The text of the encoder: first that every object has exactly the fields, then a column a field, each of which gives
 * up at the first value of another type. It holds field names only as string literals.
 */
function generateEncoder(shape: Shape): ColumnEncoder {
  const body: string[] = []
  const visit = (at: Shape, path: string): void => {
    if (typeof at === 'string') {
      const method = { number: 'numbers', string: 'strings', boolean: 'booleans', any: 'anything' }[at]
      body.push('{ const column = []; for (let i = 0; i < count; i++) {', `const x = values[i]${path}`)
      if (at !== 'any') body.push(`if (typeof x !== '${at}') return false`)
      body.push(`column.push(x) } writer.${method}(column) }`)
      return
    }
    body.push(
      `for (let i = 0; i < count; i++) { const o = values[i]${path}`,
      `if (typeof o !== 'object' || o === null) return false`,
    )
    body.push(`let n = 0; for (const name in o) n++; if (n !== ${at.fields.length}) return false`)
    for (const [name, field] of at.fields) {
      // A missing field of a typed column is found by its type.
      if (field === 'any') body.push(`if (!(${JSON.stringify(name)} in o)) return false`)
    }
    body.push('}')
    for (const [name, field] of at.fields) visit(field, `${path}[${JSON.stringify(name)}]`)
  }
  visit(shape, '')
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- one loop per field is what makes this fast.
  return new Function(
    'values',
    'writer',
    ['"use strict"', 'const count = values.length', ...body, 'return true'].join('\n'),
  ) as ColumnEncoder
}

function generateDecoder(shape: Shape): ColumnDecoder {
  const columns: string[] = []
  const visit = (at: Shape): string => {
    if (typeof at !== 'string') {
      return `{ ${at.fields.map(([name, field]) => `${JSON.stringify(name)}: ${visit(field)}`).join(', ')} }`
    }
    const name = `c${columns.length}`
    const read = {
      number: 'numbers(count)',
      string: 'strings(count)',
      boolean: 'booleans(count)',
      any: 'anything()',
    }[at]
    columns.push(`const ${name} = reader.${read}`)
    return `${name}[i]`
  }
  const literal = visit(shape)
  const text = [
    '"use strict"',
    ...columns,
    'const values = []',
    `for (let i = 0; i < count; i++) values.push(${literal})`,
    'return values',
  ]
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- builds all events in one place, of one hidden class.
  return new Function('count', 'reader', text.join('\n')) as ColumnDecoder
}
