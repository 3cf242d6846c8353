/**
 * An API is data: its key, versions and the fields of request and response. Types are inferred from it, codecs are
 * compiled from it when a version is first used, and nothing else in the log knows how a message is laid out.
 */
import type { ByteReader } from '../../base/byte-reader.ts'
import type { ByteWriter } from '../../base/byte-writer.ts'
import { assert } from '../../base/assert.ts'
import type { Decoded, Encodable, Fields } from './field.ts'
import {
  type CodecVersion,
  compileDecoder,
  compileEncoder,
  type Decoder,
  type Encoder,
} from './struct-codec.ts'

/** `Req` and `Res` are what decoding gives; `ReqInput` and `ResInput`, what encoding takes, may leave defaults out. */
export interface Api<Req, Res, ReqInput = Req, ResInput = Res> {
  readonly name: string
  readonly key: number
  /** What can be decoded and encoded. */
  readonly versions: readonly [min: number, max: number]
  /** What a broker's ApiVersions says; differs from `versions` for Produce alone. */
  readonly advertisedVersions: readonly [min: number, max: number]
  /** First version with compact lengths and tagged fields; Infinity when there is none. */
  readonly flexibleFrom: number
  /** Throws `WireError` on bytes that are not a request of this version. */
  decodeRequest(reader: ByteReader, version: number): Req
  encodeRequest(writer: ByteWriter, version: number, value: ReqInput): void
  /** Throws `WireError` on bytes that are not a response of this version. */
  decodeResponse(reader: ByteReader, version: number): Res
  encodeResponse(writer: ByteWriter, version: number, value: ResInput): void
}

/** Any API, when its types do not matter. */
export type AnyApi = Api<unknown, unknown, never, never>

export type RequestOf<A extends AnyApi> = ReturnType<A['decodeRequest']>
export type ResponseOf<A extends AnyApi> = ReturnType<A['decodeResponse']>
export type RequestInputOf<A extends AnyApi> = Parameters<A['encodeRequest']>[2]
export type ResponseInputOf<A extends AnyApi> = Parameters<A['encodeResponse']>[2]

export interface ApiSchema<Rq extends Fields, Rs extends Fields> {
  readonly name: string
  readonly key: number
  readonly versions: readonly [min: number, max: number]
  readonly advertisedVersions?: readonly [min: number, max: number]
  readonly flexibleFrom: number
  readonly request: Rq
  readonly response: Rs
}

export function defineApi<const Rq extends Fields, const Rs extends Fields>(
  schema: ApiSchema<Rq, Rs>,
): Api<Decoded<Rq>, Decoded<Rs>, Encodable<Rq>, Encodable<Rs>> {
  return new SchemaApi(schema)
}

/** The schema that an API was made from. */
export function schemaOf(api: AnyApi): ApiSchema<Fields, Fields> {
  assert(api instanceof SchemaApi, `${api.name} was not made by defineApi`)
  return api.schema as ApiSchema<Fields, Fields>
}

class SchemaApi<Rq extends Fields, Rs extends Fields> implements Api<
  Decoded<Rq>,
  Decoded<Rs>,
  Encodable<Rq>,
  Encodable<Rs>
> {
  readonly name: string
  readonly key: number
  readonly versions: readonly [min: number, max: number]
  readonly advertisedVersions: readonly [min: number, max: number]
  readonly flexibleFrom: number
  readonly schema: ApiSchema<Rq, Rs>
  readonly #requestDecoders: Decoder[] = []
  readonly #requestEncoders: Encoder[] = []
  readonly #responseDecoders: Decoder[] = []
  readonly #responseEncoders: Encoder[] = []

  constructor(schema: ApiSchema<Rq, Rs>) {
    this.name = schema.name
    this.key = schema.key
    this.versions = schema.versions
    this.advertisedVersions = schema.advertisedVersions ?? schema.versions
    this.flexibleFrom = schema.flexibleFrom
    this.schema = schema
  }

  decodeRequest(reader: ByteReader, version: number): Decoded<Rq> {
    const decode = (this.#requestDecoders[version] ??= compileDecoder(
      this.schema.request,
      this.#codec(version),
    ))
    return decode(reader) as Decoded<Rq>
  }

  encodeRequest(writer: ByteWriter, version: number, value: Encodable<Rq>): void {
    const encode = (this.#requestEncoders[version] ??= compileEncoder(
      this.schema.request,
      this.#codec(version),
    ))
    encode(writer, value as never)
  }

  decodeResponse(reader: ByteReader, version: number): Decoded<Rs> {
    const decode = (this.#responseDecoders[version] ??= compileDecoder(
      this.schema.response,
      this.#codec(version),
    ))
    return decode(reader) as Decoded<Rs>
  }

  encodeResponse(writer: ByteWriter, version: number, value: Encodable<Rs>): void {
    const encode = (this.#responseEncoders[version] ??= compileEncoder(
      this.schema.response,
      this.#codec(version),
    ))
    encode(writer, value as never)
  }

  #codec(version: number): CodecVersion {
    const [min, max] = this.versions
    assert(version >= min && version <= max, `${this.name} has versions ${min} to ${max}, not ${version}`)
    return { version, flexible: version >= this.flexibleFrom }
  }
}
