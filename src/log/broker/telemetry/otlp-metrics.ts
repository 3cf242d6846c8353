/**
 * Reads metrics in OpenTelemetry's protobuf format (MetricsData v1), as clients push them: gauges and sums. Other kinds
 * (histograms, summaries) are passed over, as are fields that are not known.
 *
 * It walks over the bytes and makes nothing of what it does not give, which a decoder of whole messages would: what a
 * hostile push costs is bounded by the fields that are read, and ends when nobody asks for further points. Bytes that are
 * not protobuf are a `WireError`, and nothing else is thrown.
 */
import { ByteReader, WireError } from '../../../base/byte-reader.ts'

export type OtlpAttributes = readonly (readonly [name: string, value: string])[]

/** One figure of a metric. */
export interface OtlpPoint {
  readonly metric: string
  readonly attributes: OtlpAttributes
  readonly value: number
  /** Whether it only grows: a sum that is monotonic. */
  readonly counter: boolean
  /** Of a sum: whether the value is what came since the last push, not since the beginning. */
  readonly delta: boolean
}

/** What is said of the client as a whole, and then its points. */
export interface OtlpResource {
  readonly attributes: OtlpAttributes
  readonly points: Iterable<OtlpPoint>
}

/** More fields than this are refused: a push of thousands of figures has a fraction of it. */
const MAX_FIELDS = 250_000
const EMPTY = Buffer.alloc(0)
/** The code of sums that tell what came since the last push. */
const DELTA = 1
/** The flag of a point that says that there is no value. */
const NO_RECORDED_VALUE = 1

/** Reads one message; see above. */
export class OtlpMetrics {
  readonly #metricsData: Buffer
  #fieldsLeft = MAX_FIELDS

  constructor(metricsData: Buffer) {
    this.#metricsData = metricsData
  }

  *resources(): Generator<OtlpResource> {
    for (const resourceMetrics of this.#messages(this.#metricsData, 1)) {
      const [resource = EMPTY] = this.#messages(resourceMetrics, 1)
      yield { attributes: this.#attributes(resource, 1), points: this.#points(resourceMetrics) }
    }
  }

  *#points(resourceMetrics: Buffer): Generator<OtlpPoint> {
    for (const scopeMetrics of this.#messages(resourceMetrics, 2))
      for (const metric of this.#messages(scopeMetrics, 2)) yield* this.#pointsOf(metric)
  }

  *#pointsOf(metric: Buffer): Generator<OtlpPoint> {
    let name = ''
    let gauge: Buffer | undefined
    let sum: Buffer | undefined
    for (const { field, bytes } of this.#fields(metric)) {
      if (bytes === undefined) continue
      if (field === 1) name = bytes.toString()
      else if (field === 5) gauge = bytes
      else if (field === 7) sum = bytes
    }
    const data = sum ?? gauge
    if (data === undefined) return
    const delta = sum !== undefined && this.#number(sum, 2) === DELTA
    const counter = sum !== undefined && this.#number(sum, 3) === 1
    for (const point of this.#messages(data, 1)) {
      const value = this.#value(point)
      if (value !== undefined)
        yield { metric: name, attributes: this.#attributes(point, 7), value, counter, delta }
    }
  }

  #value(point: Buffer): number | undefined {
    let value: number | undefined
    for (const { field, fixed64, number } of this.#fields(point)) {
      if (field === 4) value = fixed64?.readDoubleLE()
      else if (field === 6 && fixed64 !== undefined) value = Number(fixed64.readBigInt64LE())
      else if (field === 8 && number !== undefined && (number & NO_RECORDED_VALUE) !== 0) return undefined
    }
    return value
  }

  /** Attributes whose values are texts, numbers or booleans. */
  #attributes(message: Buffer, wanted: number): OtlpAttributes {
    const attributes: (readonly [string, string])[] = []
    for (const keyValue of this.#messages(message, wanted)) {
      const [key = EMPTY] = this.#messages(keyValue, 1)
      const [value = EMPTY] = this.#messages(keyValue, 2)
      const text = this.#text(value)
      if (text !== undefined) attributes.push([key.toString(), text])
    }
    return attributes
  }

  #text(anyValue: Buffer): string | undefined {
    for (const { field, bytes, number, fixed64 } of this.#fields(anyValue)) {
      if (field === 1) return bytes?.toString()
      if (field === 2) return String(number === 1)
      if (field === 3 && number !== undefined) return String(signed(number))
      if (field === 4 && fixed64 !== undefined) return String(fixed64.readDoubleLE())
    }
    return undefined
  }

  /** The number that a field has; of several the last, as protobuf has it. */
  #number(message: Buffer, wanted: number): number | undefined {
    let found: number | undefined
    for (const { field, number } of this.#fields(message)) if (field === wanted) found = number
    return found
  }

  *#messages(message: Buffer, wanted: number): Generator<Buffer> {
    for (const { field, bytes } of this.#fields(message))
      if (field === wanted && bytes !== undefined) yield bytes
  }

  *#fields(message: Buffer): Generator<ProtobufField> {
    const reader = new ByteReader(message)
    while (reader.remaining() > 0) {
      if (--this.#fieldsLeft < 0) throw new WireError(`a message has more than ${MAX_FIELDS} fields`)
      yield fieldOf(reader)
    }
  }
}

/** A field of a message, with its value by how it is written; a view of the message. */
interface ProtobufField {
  readonly field: number
  readonly number?: number
  readonly fixed64?: Buffer
  readonly bytes?: Buffer
}

const WIRE_TYPE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const

function fieldOf(reader: ByteReader): ProtobufField {
  const tag = reader.unsignedVarint()
  const field = tag >>> 3
  switch (tag & 7) {
    case WIRE_TYPE.varint:
      return { field, number: varint64(reader) }
    case WIRE_TYPE.fixed64:
      return { field, fixed64: reader.slice(8) }
    case WIRE_TYPE.bytes:
      return { field, bytes: reader.slice(reader.unsignedVarint()) }
    case WIRE_TYPE.fixed32:
      reader.skip(4)
      return { field }
    default:
      throw new WireError(`a field of the wire type ${tag & 7}, which protobuf does not use any more`)
  }
}

function signed(int64: number): number {
  return int64 >= 2 ** 63 ? int64 - 2 ** 64 : int64
}

/** Exact up to 2^53. */
function varint64(reader: ByteReader): number {
  let value = 0
  let scale = 1
  for (let length = 0; length < 10; length++) {
    const byte = reader.int8() & 0xff
    value += (byte & 0x7f) * scale
    if (byte < 0x80) return value
    scale *= 128
  }
  throw new WireError('a varint is longer than 10 bytes')
}
