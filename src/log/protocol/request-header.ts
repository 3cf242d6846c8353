/**
 * The headers in front of requests and responses.
 *
 *   request   v1: apiKey int16, apiVersion int16, correlationId int32, clientId nullable string; v2: + tagged fields
 *   response  v0: correlationId int32; v1: + tagged fields
 *
 * Flexible API versions have the higher header, except that ApiVersions responses always have v0: a client reads them
 * before it knows what the broker speaks. The client id stays an old-style string even in v2.
 */
import type { ByteReader } from '../../base/byte-reader.ts'
import type { ByteWriter } from '../../base/byte-writer.ts'
import type { AnyApi } from './api-schema.ts'

const API_VERSIONS_KEY = 18

export interface RequestHeader {
  readonly apiKey: number
  readonly apiVersion: number
  readonly correlationId: number
  readonly clientId: string | null
}

/**
 * Reads the part that all headers share. Whether tagged fields follow depends on the API: when `apiByKey` knows it and
 * the version is flexible, call `skipRequestHeaderTags` before decoding the body.
 */
export function decodeRequestHeader(reader: ByteReader): RequestHeader {
  return {
    apiKey: reader.int16(),
    apiVersion: reader.int16(),
    correlationId: reader.int32(),
    clientId: reader.nullableString(),
  }
}

/** Moves the reader from the shared part of the header to the body. */
export function skipRequestHeaderTags(
  reader: ByteReader,
  api: Pick<AnyApi, 'flexibleFrom'>,
  version: number,
): void {
  if (version >= api.flexibleFrom) reader.skipTaggedFields()
}

export function encodeRequestHeader(
  writer: ByteWriter,
  api: Pick<AnyApi, 'key' | 'flexibleFrom'>,
  header: Omit<RequestHeader, 'apiKey'>,
): void {
  writer.int16(api.key)
  writer.int16(header.apiVersion)
  writer.int32(header.correlationId)
  writer.nullableString(header.clientId)
  if (header.apiVersion >= api.flexibleFrom) writer.unsignedVarint(0)
}

/** Returns the correlation id. */
export function decodeResponseHeader(
  reader: ByteReader,
  api: Pick<AnyApi, 'key' | 'flexibleFrom'>,
  version: number,
): number {
  const correlationId = reader.int32()
  if (version >= api.flexibleFrom && api.key !== API_VERSIONS_KEY) reader.skipTaggedFields()
  return correlationId
}

export function encodeResponseHeader(
  writer: ByteWriter,
  api: Pick<AnyApi, 'key' | 'flexibleFrom'>,
  header: { readonly apiVersion: number; readonly correlationId: number },
): void {
  writer.int32(header.correlationId)
  if (header.apiVersion >= api.flexibleFrom && api.key !== API_VERSIONS_KEY) writer.unsignedVarint(0)
}
