import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ByteReader, WireError } from '../../base/byte-reader.ts'
import { ByteWriter } from '../../base/byte-writer.ts'
import { apiByKey, apis } from './apis.ts'
import { type AnyApi, schemaOf } from './api-schema.ts'
import type { Fields, FieldSpec, FieldType } from './field.ts'

/** Bytes and records compare by content, and whatever was left out of the version compares by its default. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return `bytes:${Buffer.from(value).toString('hex')}`
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]))
}

const uuids = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => Buffer.from(bytes).toString('base64url'))
const buffers = fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes))

function arbitraryOf(type: FieldType, version: number): fc.Arbitrary<unknown> {
  switch (type.kind) {
    case 'bool':
      return fc.boolean()
    case 'int8':
      return fc.integer({ min: -128, max: 127 })
    case 'int16':
      return fc.integer({ min: -32768, max: 32767 })
    case 'uint16':
      return fc.integer({ min: 0, max: 65535 })
    case 'int32':
      return fc.integer()
    case 'int64':
      return fc.maxSafeInteger()
    case 'float64':
      return fc.double({ noNaN: true })
    case 'string':
      return fc.string({ unit: 'grapheme', maxLength: 50 })
    case 'uuid':
      return uuids
    case 'bytes':
    case 'records':
      return buffers
    case 'array':
      return fc.array(arbitraryOf(type.element, version), { maxLength: 3 })
    case 'struct':
      return structOf(type.fields, version)
  }
}

function structOf(fields: Fields, version: number): fc.Arbitrary<unknown> {
  const present: Record<string, fc.Arbitrary<unknown>> = {}
  for (const [name, { spec }] of Object.entries(fields)) {
    if (isPresent(spec, version)) {
      const value = arbitraryOf(spec.type, version)
      present[name] = version >= spec.nullableSince ? fc.option(value) : value
    }
  }
  return fc.record(present)
}

function isPresent(spec: FieldSpec, version: number): boolean {
  return version >= spec.since && version <= spec.until
}

/** What decoding must give for a value that was encoded: the same, with defaults for what the version lacks. */
function expected(fields: Fields, value: unknown, version: number): unknown {
  const given = value as Record<string, unknown>
  return Object.fromEntries(
    Object.entries(fields).map(([name, { spec }]) => {
      if (!isPresent(spec, version)) return [name, defaultOf(spec)]
      return [name, expectedType(spec.type, given[name], version)]
    }),
  )
}

function expectedType(type: FieldType, value: unknown, version: number): unknown {
  if (value === null) return null
  if (type.kind === 'struct') return expected(type.fields, value, version)
  if (type.kind !== 'array') return plain(value)
  return (value as unknown[]).map((element) => expectedType(type.element, element, version))
}

function defaultOf(spec: FieldSpec): unknown {
  if (spec.defaultValue !== undefined) return spec.defaultValue
  if (spec.type.kind === 'array') return []
  if (spec.type.kind !== 'struct') return 'bytes:'
  return Object.fromEntries(
    Object.entries(spec.type.fields).map(([name, inner]) => [name, defaultOf(inner.spec)]),
  )
}

interface Direction {
  readonly fields: Fields
  encode(writer: ByteWriter, version: number, value: never): void
  decode(reader: ByteReader, version: number): unknown
}

function directionsOf(api: AnyApi): Direction[] {
  const schema = schemaOf(api)
  return [
    {
      fields: schema.request,
      encode: (writer, version, value) => api.encodeRequest(writer, version, value),
      decode: (reader, version) => api.decodeRequest(reader, version),
    },
    {
      fields: schema.response,
      encode: (writer, version, value) => api.encodeResponse(writer, version, value),
      decode: (reader, version) => api.decodeResponse(reader, version),
    },
  ]
}

function decodesOrRefuses(direction: Direction, bytes: Buffer, version: number): void {
  try {
    direction.decode(new ByteReader(bytes), version)
  } catch (error) {
    if (!(error instanceof WireError)) throw error
  }
}

for (const api of Object.values(apis) as AnyApi[]) {
  describe(api.name, () => {
    test('every version survives a round trip; cut or changed bytes are refused with WireError', () => {
      const [min, max] = api.versions
      for (let version = min; version <= max; version++) {
        for (const direction of directionsOf(api)) {
          fc.assert(
            fc.property(
              structOf(direction.fields, version),
              fc.nat(),
              fc.nat(255),
              (value, position, byte) => {
                const writer = new ByteWriter(8)
                direction.encode(writer, version, value as never)
                const bytes = Buffer.concat(writer.chunks())
                const reader = new ByteReader(bytes)
                const decoded = direction.decode(reader, version)
                assert.equal(reader.remaining(), 0)
                assert.deepEqual(plain(decoded), expected(direction.fields, value, version))

                if (bytes.length === 0) return
                const at = position % bytes.length
                assert.throws(
                  () => direction.decode(new ByteReader(bytes.subarray(0, at)), version),
                  WireError,
                )
                const changed = Buffer.from(bytes)
                changed[at] = byte
                decodesOrRefuses(direction, changed, version)
              },
            ),
            { numRuns: 8 },
          )
        }
      }
    })
  })
}

test('random bytes never do more than throw WireError', () => {
  const all = [...apiByKey.values()]
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.uint8Array({ maxLength: 200 }), (which, at, bytes) => {
      const api = all[which % all.length]!
      const [min, max] = api.versions
      const version = min + (at % (max - min + 1))
      for (const direction of directionsOf(api)) decodesOrRefuses(direction, Buffer.from(bytes), version)
    }),
    { numRuns: 3_000 },
  )
})

test('an array length beyond the bytes that are left is refused before anything is allocated', () => {
  const legacy = Buffer.from('7fffffff', 'hex')
  assert.throws(() => apis.metadata.decodeRequest(new ByteReader(legacy), 1), WireError)
  const flexible = Buffer.from('ffffffff0f', 'hex')
  assert.throws(() => apis.metadata.decodeRequest(new ByteReader(flexible), 12), WireError)
})

test('unknown tagged fields are skipped, known ones are read wherever they stand', () => {
  const body = new ByteWriter()
  body.int16(0)
  body.unsignedVarint(1)
  body.int32(7)
  body.unsignedVarint(3)
  for (const [tag, hex] of [
    [1, '0000000000000005'],
    [2, '02' + '02' + '78' + '0002' + '0001' + '00'],
    [99, 'cafe'],
  ] as const) {
    body.unsignedVarint(tag)
    body.unsignedVarint(hex.length / 2)
    body.raw(Buffer.from(hex, 'hex'))
  }
  assert.deepEqual(apis.apiVersions.decodeResponse(new ByteReader(body.toBuffer()), 3), {
    errorCode: 0,
    apiKeys: [],
    throttleTimeMs: 7,
    supportedFeatures: [],
    finalizedFeaturesEpoch: 5,
    finalizedFeatures: [{ name: 'x', maxVersionLevel: 2, minVersionLevel: 1 }],
    zkMigrationReady: false,
  })
})

test('what has its default is not sent as a tagged field', () => {
  const sizeOf = (currentLeader: { leaderId: number; leaderEpoch: number } | undefined): number => {
    const writer = new ByteWriter()
    apis.produce.encodeResponse(writer, 10, {
      responses: [
        { name: 't', partitionResponses: [{ index: 0, errorCode: 0, baseOffset: 0, currentLeader }] },
      ],
    })
    return writer.sizeBytes
  }
  assert.equal(sizeOf({ leaderId: -1, leaderEpoch: -1 }), sizeOf(undefined))
  assert.equal(sizeOf({ leaderId: 1, leaderEpoch: 2 }), sizeOf(undefined) + 2 + 9)
})

test('large record batches are passed by reference', () => {
  const writer = ByteWriter.forFrame()
  const batches = [Buffer.alloc(5_000, 1), Buffer.alloc(3, 2), Buffer.alloc(4_000, 3)]
  apis.produce.encodeRequest(writer, 9, {
    transactionalId: null,
    acks: -1,
    timeoutMs: 1,
    topicData: [{ name: 't', partitionData: [{ index: 0, records: batches }] }],
  })
  const frame = writer.frame()
  assert.ok(frame.includes(batches[0]!) && frame.includes(batches[2]!))
  const bytes = Buffer.concat(frame)
  assert.equal(bytes.readInt32BE(0), bytes.length - 4)
  const decoded = apis.produce.decodeRequest(new ByteReader(bytes, 4), 9)
  assert.deepEqual(decoded.topicData[0]!.partitionData[0]!.records, Buffer.concat(batches))
})

test('a request whose arrays would take far more memory than on the wire is refused before they do', () => {
  const before = {
    groupId: 'g',
    sessionTimeoutMs: 1,
    rebalanceTimeoutMs: 1,
    memberId: '',
    protocolType: 'consumer',
  }
  const joining = (count: number): ByteReader => {
    const writer = new ByteWriter()
    const protocols = Array<{ name: string; metadata: Buffer }>(count).fill({
      name: '',
      metadata: Buffer.alloc(0),
    })
    apis.joinGroup.encodeRequest(writer, 7, { ...before, protocols })
    return new ByteReader(writer.toBuffer())
  }
  assert.equal(apis.joinGroup.decodeRequest(joining(1_000), 7).protocols.length, 1_000)
  assert.throws(() => apis.joinGroup.decodeRequest(joining(900_000), 7), WireError)
})

test('requests with as many partitions as a log may have are taken', () => {
  const partitions = Array.from({ length: 100_000 }, (_, partitionIndex) => ({
    partitionIndex,
    committedOffset: 1,
    committedMetadata: '',
  }))
  const writer = new ByteWriter()
  apis.offsetCommit.encodeRequest(writer, 9, {
    groupId: 'g',
    memberId: 'm',
    topics: [{ name: 't', partitions }],
  })
  const { topics } = apis.offsetCommit.decodeRequest(new ByteReader(writer.toBuffer()), 9)
  assert.equal(topics[0]!.partitions.length, 100_000)
})
