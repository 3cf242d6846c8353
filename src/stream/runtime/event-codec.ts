/**
 * Batches of events, or what was combined of them, as frames between threads. The encoder learns the shape of the events
 * from the first batch and generates a loop for it (`generated-columns.ts`); a batch that does not fit widens the shape,
 * at most a few times, after which all goes through the platform's serializer. A shape is announced in a frame of its
 * own before it is used.
 *
 *   data   │ 0 │ count │ watermark f64 │ shape │ flags │ position of text │ 0 │
 *          │ a word a column of strings │ columns … │ timestamps │ keys │ text │
 *   partials  │ 7 │ count │ watermark f64 │ columns │ flags │ position of text │ 0 │
 *          │ slice start f64, events f64 │ columns of f64 … │ keys │ text │
 *   shape  │ 1 │ id │ length │ JSON │        control  │ kind │ 0 │ number f64 │
 *
 * The watermark of a data frame comes after its events. Frames of one channel are decoded in the order in which they
 * were encoded: dictionaries of strings are built up on both sides.
 */
import { assert } from '../../base/assert.ts'
import { NO_TIMESTAMP, type Key, type PartialAggregates } from '../operators/operator.ts'
import { ColumnReader, ColumnWriter } from './event-columns.ts'
import { learnShape, widenNumbers, widenShape, type Shape } from './event-shape.ts'
import {
  countStrings,
  generateDecoder,
  generateEncoder,
  type DecodeColumns,
  type EncodeColumns,
} from './generated-columns.ts'
import { StringColumnReader, StringColumnWriter, TextReader, TextWriter } from './string-columns.ts'

export const FRAME = {
  data: 0,
  shape: 1,
  barrier: 2,
  idle: 3,
  active: 4,
  end: 5,
  watermark: 6,
  partials: 7,
} as const

const HEADER_BYTES = 32
const KEYS = { none: 0, numbers: 1, strings: 2, mixed: 3 } as const
const NO_TIMESTAMPS = 16
/** After so many shapes the events are taken to have none; after half of them numbers have room for any. */
const SHAPES_MAX = 8

interface Events {
  readonly values: readonly unknown[]
  readonly timestamps: readonly number[]
  readonly keys: readonly Key[]
}

export class EventEncoder {
  readonly #writer = new ColumnWriter()
  readonly #text = new TextWriter()
  readonly #keys = new StringColumnWriter(this.#text)
  #shape: Shape | undefined
  #shapeId = -1
  #announcedId = -1
  #encode: EncodeColumns = () => false
  #strings: readonly StringColumnWriter[] = []

  /** The frame of a batch: valid until the next call. `announce` gets the frame of its shape, if that is new, before. */
  encode(batch: Events, watermarkMs: number, announce: (shape: Buffer) => void): Buffer {
    if (this.#shape === undefined) this.#learn(learnShape(batch.values))
    while (!this.#encodeValues(batch.values)) this.#learn(this.#widened(batch.values))
    const timeless = batch.timestamps.every((timestamp) => timestamp === NO_TIMESTAMP)
    if (!timeless) this.#writer.numbers(batch.timestamps)
    if (this.#announcedId !== this.#shapeId) announce(this.#shapeFrame())
    this.#announcedId = this.#shapeId
    return this.#finish(FRAME.data, batch.keys, {
      watermarkMs,
      content: this.#shapeId,
      flags: timeless ? NO_TIMESTAMPS : 0,
    })
  }

  /** The frame of what was combined: valid until the next call. */
  encodePartials(partials: PartialAggregates, watermarkMs: number): Buffer {
    const { sliceStart, events, keys, columns } = partials
    const writer = this.#writer
    this.#text.position = 0
    writer.position = HEADER_BYTES
    writer.numbers([sliceStart, events])
    for (const column of columns) writer.copy(column)
    return this.#finish(FRAME.partials, keys, { watermarkMs, content: columns.length, flags: 0 })
  }

  /** Adds keys and text to what has been written, and the header. */
  #finish(
    kind: number,
    keys: readonly Key[],
    header: { readonly watermarkMs: number; readonly content: number; readonly flags: number },
  ): Buffer {
    const writer = this.#writer
    const keyKind = kindOfKeys(keys)
    if (keyKind === KEYS.numbers) writer.numbers(keys as readonly number[])
    else if (keyKind === KEYS.strings) this.#encodeKeys(keys as readonly string[])
    else writer.anything(keys)
    const textAt = writer.append(this.#text.buffer, this.#text.position)
    const { words, floats } = writer
    words[0] = kind
    words[1] = keys.length
    floats[1] = header.watermarkMs
    words[4] = header.content
    words[5] = keyKind | header.flags
    words[6] = textAt
    return writer.bytes.subarray(0, writer.position)
  }

  /** When it fails the shape changes, and with it the columns of strings: what they took for sent was not. */
  #encodeValues(values: readonly unknown[]): boolean {
    const writer = this.#writer
    this.#text.position = 0
    writer.position = HEADER_BYTES
    const start = writer.reserve(this.#strings.length * 4) >> 2
    for (const [n, column] of this.#strings.entries()) writer.words[start + n] = column.begin()
    return this.#encode(values, writer, this.#strings)
  }

  #encodeKeys(keys: readonly string[]): void {
    const writer = this.#writer
    const column = this.#keys
    const start = writer.reserve(4 + keys.length * 4) >> 2
    const { words } = writer
    words[start] = column.begin()
    for (let i = 0; i < keys.length; i++) words[start + 1 + i] = column.word(keys[i]!)
  }

  #widened(values: readonly unknown[]): Shape {
    const shapes = this.#shapeId + 1
    if (shapes >= SHAPES_MAX) return 'any'
    const widened = widenShape(this.#shape!, learnShape(values))
    return shapes >= SHAPES_MAX / 2 ? widenNumbers(widened) : widened
  }

  #learn(shape: Shape): void {
    this.#shape = shape
    this.#shapeId++
    this.#encode = generateEncoder(shape)
    this.#strings = Array.from({ length: countStrings(shape) }, () => new StringColumnWriter(this.#text))
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
      /** Arrays that the next frame uses again; partials lie in the frame's own memory. */
      readonly values: unknown[]
      readonly timestamps: number[]
      readonly keys: Key[]
      readonly watermarkMs: number
    }
  | { readonly kind: 'partials'; readonly partials: PartialAggregates; readonly watermarkMs: number }
  | { readonly kind: 'control'; readonly control: number; readonly value: number }
  | { readonly kind: 'nothing' }

export class EventDecoder {
  #shapeId = -1
  #decode: DecodeColumns = () => {}
  #strings: readonly StringColumnReader[] = []
  readonly #keyStrings = new StringColumnReader()
  readonly #values: unknown[] = []
  readonly #timestamps: number[] = []
  readonly #keys: Key[] = []

  decode(frame: Buffer): DecodedFrame {
    const kind = frame.readUInt32LE(0)
    if (kind === FRAME.shape) {
      this.#learn(frame)
      return { kind: 'nothing' }
    }
    if (kind === FRAME.partials) return this.#decodePartials(frame)
    if (kind !== FRAME.data) return { kind: 'control', control: kind, value: frame.readDoubleLE(8) }
    const count = frame.readUInt32LE(4)
    assert(frame.readUInt32LE(16) === this.#shapeId, 'a shape is announced before it is used')
    const flags = frame.readUInt32LE(20)
    const text = new TextReader(frame, frame.readUInt32LE(24))
    const reader = new ColumnReader(frame, HEADER_BYTES)
    const told = reader.words(this.#strings.length)
    for (const [n, column] of this.#strings.entries()) column.begin(text, told[n]!)
    const values = this.#values
    values.length = count
    this.#decode(count, reader, this.#strings, values)
    const timestamps = this.#timestamps
    if ((flags & NO_TIMESTAMPS) === 0) copyInto(timestamps, reader.floats(count))
    else fillInto(timestamps, count)
    const keys = this.#readKeys(reader, text, flags & 3, count)
    return { kind: 'data', values, timestamps, keys, watermarkMs: frame.readDoubleLE(8) }
  }

  #decodePartials(frame: Buffer): DecodedFrame {
    const count = frame.readUInt32LE(4)
    const reader = new ColumnReader(frame, HEADER_BYTES)
    const [sliceStart, events] = reader.floats(2)
    const columns = Array.from({ length: frame.readUInt32LE(16) }, () => reader.floats(count))
    const text = new TextReader(frame, frame.readUInt32LE(24))
    const keys = this.#readKeys(reader, text, frame.readUInt32LE(20), count)
    const partials = { sliceStart: sliceStart!, events: events!, keys, columns }
    return { kind: 'partials', partials, watermarkMs: frame.readDoubleLE(8) }
  }

  #learn(frame: Buffer): void {
    const shape = JSON.parse(frame.toString('utf8', 12, 12 + frame.readUInt32LE(8))) as Shape
    this.#shapeId = frame.readUInt32LE(4)
    this.#decode = generateDecoder(shape)
    this.#strings = Array.from({ length: countStrings(shape) }, () => new StringColumnReader())
  }

  #readKeys(reader: ColumnReader, text: TextReader, kind: number, count: number): Key[] {
    if (kind === KEYS.mixed) return reader.anything() as Key[]
    const keys = this.#keys
    if (kind === KEYS.numbers) {
      copyInto(keys, reader.floats(count))
      return keys
    }
    const words = reader.words(count + 1)
    const column = this.#keyStrings
    column.begin(text, words[0]!)
    keys.length = count
    for (let i = 0; i < count; i++) keys[i] = column.read(words[i + 1]!)
    return keys
  }
}

function copyInto(target: Key[], source: Float64Array): void {
  const { length } = source
  target.length = length
  for (let i = 0; i < length; i++) target[i] = source[i]!
}

function fillInto(target: number[], count: number): void {
  target.length = count
  target.fill(NO_TIMESTAMP)
}

function kindOfKeys(keys: readonly Key[]): number {
  let strings = 0
  for (let i = 0; i < keys.length; i++) if (typeof keys[i] === 'string') strings++
  if (strings === 0) return KEYS.numbers
  return strings === keys.length ? KEYS.strings : KEYS.mixed
}
