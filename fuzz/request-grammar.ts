/** Requests that are right by their schema, of every API in every version. */
import { ByteWriter } from '../src/base/byte-writer.ts'
import { schemaOf, type AnyApi } from '../src/log/protocol/api-schema.ts'
import type { Fields, FieldSpec, FieldType } from '../src/log/protocol/field.ts'
import { encodeRequestHeader } from '../src/log/protocol/request-header.ts'
import type { SeededRandom } from '../src/world/simulated/seeded-random.ts'
import { randomBatch } from './record-batches.ts'
import type { Vocabulary } from './vocabulary.ts'

export interface FuzzRequest {
  readonly api: AnyApi
  readonly version: number
  readonly correlationId: number
  /** With its length in front. */
  readonly frame: Buffer
}

const FETCH_KEY = 1

export class RequestGrammar {
  readonly #random: SeededRandom
  readonly #vocabulary: Vocabulary
  readonly #apis: readonly AnyApi[]

  constructor(options: {
    readonly random: SeededRandom
    readonly vocabulary: Vocabulary
    readonly apis: readonly AnyApi[]
  }) {
    this.#random = options.random
    this.#vocabulary = options.vocabulary
    this.#apis = options.apis
  }

  request(api: AnyApi = this.#random.pick(this.#apis)): FuzzRequest {
    const random = this.#random
    const [oldest, newest] = api.versions
    // The newest version is what most clients send, and the one with the most in it.
    const version = random.chance(0.4) ? newest : oldest + random.below(newest - oldest + 1)
    const correlationId = random.uint32() >>> 1
    const clientId = random.pick(['fuzz', 'fuzz-2', '', null])
    const writer = ByteWriter.forFrame()
    encodeRequestHeader(writer, api, { apiVersion: version, correlationId, clientId })
    api.encodeRequest(
      writer,
      version,
      this.#fields(schemaOf(api).request, { version, path: '', api }) as never,
    )
    return { api, version, correlationId, frame: Buffer.concat(writer.frame()) }
  }

  /** The bytes of an answer, without header. */
  answer(api: AnyApi, version: number): Buffer {
    const writer = new ByteWriter()
    api.encodeResponse(
      writer,
      version,
      this.#fields(schemaOf(api).response, { version, path: '', api }) as never,
    )
    return Buffer.concat(writer.chunks())
  }

  #fields(fields: Fields, at: Place): Record<string, unknown> {
    const value: Record<string, unknown> = {}
    for (const [name, { spec }] of Object.entries(fields)) {
      if (at.version < spec.since || at.version > spec.until) continue
      // Tagged fields and those with a default are left out now and then.
      if (spec.tag !== undefined && this.#random.chance(0.5)) continue
      value[name] = this.#field(spec, { ...at, path: at.path === '' ? name : `${at.path}.${name}` })
    }
    return value
  }

  #field(spec: FieldSpec, at: Place): unknown {
    if (at.version >= spec.nullableSince && this.#random.chance(0.15)) return null
    return this.#value(spec.type, at)
  }

  #value(type: FieldType, at: Place): unknown {
    const random = this.#random
    const words = this.#vocabulary
    switch (type.kind) {
      case 'bool':
        return random.chance(0.5)
      case 'int8':
        return random.pick([-1, 0, 1, 2, 3, 4, 127])
      case 'int16':
        return words.int16(at.path)
      case 'uint16':
        return random.below(65_536)
      case 'int32':
        return at.api.key === FETCH_KEY && /maxWaitMs/.test(at.path) ? random.below(50) : words.int32(at.path)
      case 'int64':
        return words.int64(at.path)
      case 'float64':
        return random.pick([-1, 0, 0.5, 1e6, Infinity, NaN])
      case 'string':
        return words.string(at.path)
      case 'uuid':
        return words.uuid()
      case 'bytes':
        return words.bytes(at.path)
      case 'records':
        return randomBatch(random, { producerId: words.int64('producerId') })
      case 'array': {
        const count = random.chance(0.03) ? random.below(60) : random.below(3)
        return Array.from({ length: count }, () => this.#value(type.element, at))
      }
      case 'struct':
        return this.#fields(type.fields, at)
    }
  }
}

interface Place {
  readonly version: number
  readonly path: string
  readonly api: AnyApi
}
