import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import * as net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { nodeWorld } from '../../world/node.ts'
import { apiVersionsApi } from '../protocol/apis/api-versions.ts'
import { createTopicsApi } from '../protocol/apis/create-topics.ts'
import { fetchApi, type FetchRequestInput } from '../protocol/apis/fetch.ts'
import { metadataApi } from '../protocol/apis/metadata.ts'
import { produceApi } from '../protocol/apis/produce.ts'
import { ErrorCode } from '../protocol/error-code.ts'
import { readBatchHeader, splitBatches } from '../protocol/record-batch.ts'
import { crc32c } from '../../base/crc32c.ts'
import { startBroker, type Broker } from './broker.ts'
import { batchOf, requestFrame, WireClient } from './wire-client.test-kit.ts'

const world = nodeWorld()
const reports: { readonly event: string; readonly reason?: unknown; readonly peer?: unknown }[] = []
let directory: string
let broker: Broker

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-broker-'))
  broker = await startBroker({
    world,
    dataPath: directory,
    listen: { host: '127.0.0.1', port: 0 },
    report: (_level, event, fields) => reports.push({ event, ...fields }),
  })
})

after(async () => {
  await broker.close()
  await rm(directory, { recursive: true })
})

async function connected(use: (client: WireClient) => Promise<void>): Promise<void> {
  const client = await WireClient.connect(world.network, broker)
  try {
    await use(client)
  } finally {
    client.close()
  }
}

/** A new topic; its id. */
async function topic(
  client: WireClient,
  name: string,
  options: { partitions?: number; config?: Record<string, string> } = {},
): Promise<string> {
  const configs = Object.entries(options.config ?? {}).map(([key, value]) => ({ name: key, value }))
  const wanted = {
    name,
    numPartitions: options.partitions ?? 1,
    replicationFactor: 1,
    assignments: [],
    configs,
  }
  const { topics } = await client.call(createTopicsApi, 7, { topics: [wanted] })
  assert.equal(topics[0]!.errorCode, ErrorCode.NONE, topics[0]!.errorMessage ?? '')
  return topics[0]!.topicId
}

function produceBody(
  name: string,
  records: Buffer | Buffer[] | null,
  options: { acks?: number; partition?: number } = {},
) {
  const { acks = 1, partition = 0 } = options
  return { acks, timeoutMs: 1000, topicData: [{ name, partitionData: [{ index: partition, records }] }] }
}

async function produce(
  client: WireClient,
  name: string,
  records: Buffer | Buffer[] | null,
  options: { acks?: number; version?: number } = {},
) {
  const { responses } = await client.call(
    produceApi,
    options.version ?? 9,
    produceBody(name, records, options),
  )
  return responses[0]!.partitionResponses[0]!
}

function fetchBody(
  name: string,
  options: Partial<FetchRequestInput> & { offset?: number; partitionMaxBytes?: number } = {},
): FetchRequestInput {
  const { offset = 0, partitionMaxBytes = 1 << 20, ...more } = options
  return {
    maxWaitMs: 0,
    minBytes: 1,
    topics: [{ topic: name, partitions: [{ partition: 0, fetchOffset: offset, partitionMaxBytes }] }],
    ...more,
  }
}

function lastReason(): string {
  return String(reports.findLast(({ reason }) => reason !== undefined)?.reason)
}

describe('bytes that are not requests', () => {
  const garbage: [string, Buffer, RegExp][] = [
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), /socket.request.max.bytes/],
    ['a negative size', Buffer.from([0xff, 0xff, 0xff, 0xff]), /request of -1 bytes/],
    ['an oversized request', Buffer.from([0x06, 0x40, 0x00, 0x01]), /request of 104857601 bytes/],
    [
      'an unknown API',
      Buffer.from([0, 0, 0, 10, 0x03, 0xe7, 0, 0, 0, 0, 0, 1, 0xff, 0xff]),
      /unknown API key 999/,
    ],
    [
      'an unknown version',
      Buffer.from([0, 0, 0, 10, 0, 3, 0, 99, 0, 0, 0, 1, 0xff, 0xff]),
      /Metadata version 99/,
    ],
    ['less than a header', Buffer.from([0, 0, 0, 2, 0, 3]), /shorter than its header/],
    [
      'a request that is cut off',
      Buffer.from([0, 0, 0, 10, 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff]),
      /malformed Metadata version 1/,
    ],
  ]
  for (const [name, bytes, reason] of garbage) {
    test(`${name} closes that connection with one line that says why, and no other`, () =>
      connected(async (bystander) => {
        const already = reports.length
        const client = await WireClient.connect(world.network, broker)
        client.write(bytes)
        await client.closed
        const [line, ...more] = reports.slice(already)
        assert.match(String(line?.reason), reason)
        assert.match(String(line?.peer), /^127\.0\.0\.1:\d+$/)
        assert.deepEqual(more, [])
        assert.equal((await bystander.call(metadataApi, 1, { topics: [] })).controllerId, 1)
      }))
  }

  test('a client that goes away in the middle of a request is named, and the broker goes on', async () => {
    const already = reports.length
    const socket = net.connect({ host: broker.host, port: broker.port })
    socket.end(requestFrame(metadataApi, 1, { topics: [] }).subarray(0, 9))
    socket.resume()
    await once(socket, 'close')
    while (reports.length === already)
      await connected(async (other) => void (await other.call(metadataApi, 1, { topics: [] })))
    assert.match(lastReason(), /in the middle of a request/)
  })

  test('a half-closed client still gets its answer', async () => {
    const socket = net.connect({ host: broker.host, port: broker.port, allowHalfOpen: true })
    socket.end(requestFrame(apiVersionsApi, 0, { clientSoftwareName: '', clientSoftwareVersion: '' }))
    const chunks: Buffer[] = []
    for await (const chunk of socket) chunks.push(chunk as Buffer)
    assert.ok(Buffer.concat(chunks).length > 20)
  })
})

describe('frames', () => {
  test('come byte by byte', () =>
    connected(async (client) => {
      for (const byte of requestFrame(metadataApi, 1, { topics: [] })) client.write(Buffer.of(byte))
      assert.ok((await client.answer()).length > 10)
    }))

  test('are answered in order while a fetch waits in front', () =>
    connected(async (client) => {
      await topic(client, 'in-order')
      client.write(requestFrame(fetchApi, 12, fetchBody('in-order', { maxWaitMs: 60_000 }), 101))
      client.write(requestFrame(metadataApi, 1, { topics: [] }, 102))
      client.write(requestFrame(produceApi, 9, produceBody('in-order', batchOf(['a'])), 103))
      const ids = [await client.answer(), await client.answer(), await client.answer()].map((frame) =>
        frame.readInt32BE(0),
      )
      assert.deepEqual(ids, [101, 102, 103])
    }))
})

describe('ApiVersions', () => {
  test('names what is served, with features, in every version', () =>
    connected(async (client) => {
      for (let version = 0; version <= 4; version++) {
        const answer = await client.call(apiVersionsApi, version, {
          clientSoftwareName: 'test',
          clientSoftwareVersion: '1.0',
        })
        assert.equal(answer.errorCode, ErrorCode.NONE)
        const range = (key: number) => answer.apiKeys.find(({ apiKey }) => apiKey === key)
        assert.deepEqual(range(0), { apiKey: 0, minVersion: 0, maxVersion: 13 })
        assert.deepEqual(range(1), { apiKey: 1, minVersion: 4, maxVersion: 18 })
        if (version >= 3) {
          assert.deepEqual(answer.finalizedFeatures, [
            { name: 'transaction.version', minVersionLevel: 2, maxVersionLevel: 2 },
            { name: 'group.version', minVersionLevel: 1, maxVersionLevel: 1 },
            { name: 'streams.version', minVersionLevel: 1, maxVersionLevel: 1 },
            { name: 'share.version', minVersionLevel: 1, maxVersionLevel: 1 },
          ])
        }
      }
    }))

  test('a version from the future is answered in version 0 and the connection stays', () =>
    connected(async (client) => {
      client.write(Buffer.from([0, 0, 0, 12, 0, 18, 0, 77, 0, 0, 0, 9, 0xff, 0xff, 0xde, 0xad]))
      const frame = await client.answer()
      assert.equal(frame.readInt32BE(0), 9)
      assert.equal(frame.readInt16BE(4), ErrorCode.UNSUPPORTED_VERSION)
      assert.deepEqual(
        [frame.readInt32BE(6), frame.readInt16BE(10), frame.readInt16BE(12), frame.readInt16BE(14)],
        [1, 18, 0, 5],
      )
      assert.equal(
        (await client.call(apiVersionsApi, 3, { clientSoftwareName: 'x', clientSoftwareVersion: '1' }))
          .errorCode,
        0,
      )
    }))

  test('a client without a name is refused', () =>
    connected(async (client) => {
      const answer = await client.call(apiVersionsApi, 3, {
        clientSoftwareName: '',
        clientSoftwareVersion: '1',
      })
      assert.equal(answer.errorCode, ErrorCode.INVALID_REQUEST)
    }))
})

describe('Produce', () => {
  test('gives offsets, in every version', () =>
    connected(async (client) => {
      const topicId = await topic(client, 'versions')
      for (let version = 3; version <= 12; version++) {
        const answer = await produce(client, 'versions', batchOf(['a', 'b']), { version })
        assert.equal(answer.errorCode, ErrorCode.NONE)
        assert.equal(answer.baseOffset, (version - 3) * 2)
        assert.equal(answer.logAppendTimeMs, -1)
      }
      const body = {
        acks: -1,
        timeoutMs: 1,
        topicData: [{ topicId, partitionData: [{ index: 0, records: batchOf(['z']) }] }],
      }
      assert.equal(
        (await client.call(produceApi, 13, body)).responses[0]!.partitionResponses[0]!.baseOffset,
        20,
      )
    }))

  test('refuses what Kafka refuses, and appends nothing of it', () =>
    connected(async (client) => {
      await topic(client, 'strict', { config: { 'max.message.bytes': '500' } })
      const damaged = batchOf(['damaged'])
      damaged[damaged.length - 1]! ^= 1
      const wrongCount = batchOf(['a', 'b'])
      wrongCount.writeInt32BE(5, 57)
      const magic1 = batchOf(['old'])
      magic1[16] = 1
      const refusals: [string, Buffer | Buffer[] | null, number][] = [
        ['wrong CRC', damaged, ErrorCode.CORRUPT_MESSAGE],
        ['cut off', batchOf(['x']).subarray(0, 40), ErrorCode.CORRUPT_MESSAGE],
        ['too short for its length', batchOf(['x'.repeat(80)]).subarray(0, 70), ErrorCode.CORRUPT_MESSAGE],
        ['two batches', [batchOf(['a']), batchOf(['b'])], ErrorCode.INVALID_RECORD],
        ['nothing', null, ErrorCode.INVALID_RECORD],
        ['old format', magic1, ErrorCode.INVALID_RECORD],
        ['wrong count', recomputed(wrongCount), ErrorCode.INVALID_RECORD],
        ['control batch', batchOf(['a'], { control: true }), ErrorCode.INVALID_RECORD],
        ['too large', batchOf(['x'.repeat(600)]), ErrorCode.MESSAGE_TOO_LARGE],
        [
          'from the future',
          batchOf(['a'], {}, { timestampMs: Date.now() + 9e6 }),
          ErrorCode.INVALID_TIMESTAMP,
        ],
      ]
      for (const [name, records, error] of refusals) {
        assert.equal((await produce(client, 'strict', records)).errorCode, error, name)
      }
      assert.equal((await produce(client, 'strict', batchOf(['good']))).baseOffset, 0)
      assert.equal(
        (await produce(client, 'missing', batchOf(['x']))).errorCode,
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      )
      assert.equal(
        (await produce(client, 'strict', batchOf(['x']), { acks: 2 })).errorCode,
        ErrorCode.INVALID_REQUIRED_ACKS,
      )
    }))

  test('a compacted topic wants keys', () =>
    connected(async (client) => {
      await topic(client, 'compacted', { config: { 'cleanup.policy': 'compact' } })
      const answer = await produce(client, 'compacted', batchOf(['no key']))
      assert.equal(answer.errorCode, ErrorCode.INVALID_RECORD)
      assert.equal(answer.recordErrors[0]!.batchIndex, 0)
      assert.equal(
        (await produce(client, 'compacted', batchOf(['v'], {}, { key: 'k' }))).errorCode,
        ErrorCode.NONE,
      )
    }))

  test('LogAppendTime stamps the batch and says so', () =>
    connected(async (client) => {
      await topic(client, 'stamped', { config: { 'message.timestamp.type': 'LogAppendTime' } })
      const before = Date.now()
      const answer = await produce(client, 'stamped', batchOf(['a']))
      assert.ok(answer.logAppendTimeMs >= before)
      const fetched = await client.call(fetchApi, 12, fetchBody('stamped'))
      assert.equal(
        readBatchHeader(fetched.responses[0]!.partitions[0]!.records!, 0).maxTimestamp,
        answer.logAppendTimeMs,
      )
    }))

  test('a topic with another codec stores batches in that', () =>
    connected(async (client) => {
      await topic(client, 'recoded', { config: { 'compression.type': 'gzip' } })
      assert.equal(
        (await produce(client, 'recoded', batchOf(['aaaa'.repeat(100)]))).errorCode,
        ErrorCode.NONE,
      )
      const { records } = (await client.call(fetchApi, 12, fetchBody('recoded'))).responses[0]!.partitions[0]!
      assert.equal(readBatchHeader(records!, 0).attributes & 7, 1)
    }))

  test('without acknowledgement there is no answer, and an error closes the connection', () =>
    connected(async (client) => {
      await topic(client, 'unacknowledged')
      client.write(requestFrame(produceApi, 9, produceBody('unacknowledged', batchOf(['a']), { acks: 0 }), 1))
      client.write(requestFrame(metadataApi, 1, { topics: [] }, 2))
      assert.equal((await client.answer()).readInt32BE(0), 2)
      client.write(requestFrame(produceApi, 9, produceBody('no-such-topic', batchOf(['a']), { acks: 0 }), 3))
      await client.closed
      assert.match(lastReason(), /error 3 on partition 0/)
    }))
})

describe('Fetch', () => {
  test('gives back the very bytes of a batch but for its offset and leader epoch', () =>
    connected(async (client) => {
      await topic(client, 'same-bytes')
      for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
        const batch = batchOf(['some', 'text'.repeat(50)], { compression })
        const { baseOffset } = await produce(client, 'same-bytes', batch, { acks: -1 })
        const { responses } = await client.call(fetchApi, 12, fetchBody('same-bytes', { offset: baseOffset }))
        const [stored] = splitBatches(responses[0]!.partitions[0]!.records!)
        assert.deepEqual(stored!.subarray(16), batch.subarray(16))
        assert.equal(readBatchHeader(stored!, 0).baseOffset, baseOffset)
      }
    }))

  test('waits for records and answers at once when they come', () =>
    connected(async (client) => {
      await topic(client, 'awaited')
      const waiting = client.call(fetchApi, 12, fetchBody('awaited', { maxWaitMs: 60_000 }))
      await connected(async (producer) => void (await produce(producer, 'awaited', batchOf(['late']))))
      const { partitions } = (await waiting).responses[0]!
      assert.equal(partitions[0]!.highWatermark, 1)
      assert.ok(partitions[0]!.records!.length > 61)
    }))

  test('waits until there are so many bytes, or until the time is over', () =>
    connected(async (client) => {
      await topic(client, 'enough')
      let answered = false
      const waiting = client
        .call(fetchApi, 12, fetchBody('enough', { maxWaitMs: 60_000, minBytes: 200 }))
        .then((answer) => {
          answered = true
          return answer
        })
      await connected(async (producer) => {
        await produce(producer, 'enough', batchOf(['one']))
        assert.equal(answered, false)
        await produce(producer, 'enough', batchOf(['x'.repeat(150)]))
      })
      assert.ok((await waiting).responses[0]!.partitions[0]!.records!.length >= 200)
      const late = await client.call(fetchApi, 12, fetchBody('enough', { offset: 2, maxWaitMs: 20 }))
      assert.equal(late.responses[0]!.partitions[0]!.records!.length, 0)
      assert.equal(late.responses[0]!.partitions[0]!.highWatermark, 2)
    }))

  test('gives a first batch that is larger than all limits, whole, and the others within them', () =>
    connected(async (client) => {
      await topic(client, 'limits')
      await produce(client, 'limits', batchOf(['x'.repeat(5000)]))
      await produce(client, 'limits', batchOf(['y'.repeat(100)]))
      const { records } = (
        await client.call(fetchApi, 12, fetchBody('limits', { maxBytes: 10, partitionMaxBytes: 10 }))
      ).responses[0]!.partitions[0]!
      assert.equal(splitBatches(records!).length, 1)
    }))

  test('refuses offsets out of range and stale epochs at once', () =>
    connected(async (client) => {
      await topic(client, 'ranges')
      const outside = await client.call(fetchApi, 12, fetchBody('ranges', { offset: 5, maxWaitMs: 60_000 }))
      assert.equal(outside.responses[0]!.partitions[0]!.errorCode, ErrorCode.OFFSET_OUT_OF_RANGE)
      const ahead = [
        {
          topic: 'ranges',
          partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1, currentLeaderEpoch: 99 }],
        },
      ]
      const future = await client.call(
        fetchApi,
        12,
        fetchBody('ranges', { topics: ahead, maxWaitMs: 60_000 }),
      )
      assert.equal(future.responses[0]!.partitions[0]!.errorCode, ErrorCode.UNKNOWN_LEADER_EPOCH)
    }))

  test('a session answers only what is new', () =>
    connected(async (client) => {
      const topicId = await topic(client, 'session', { partitions: 3 })
      const partitions = [0, 1, 2].map((partition) => ({
        partition,
        fetchOffset: 0,
        partitionMaxBytes: 1 << 20,
      }))
      const wait = { maxWaitMs: 0, minBytes: 1 }
      const full = await client.call(fetchApi, 13, {
        ...wait,
        sessionId: 0,
        sessionEpoch: 0,
        topics: [{ topicId, partitions }],
      })
      assert.notEqual(full.sessionId, 0)
      assert.equal(full.responses[0]!.partitions.length, 3)
      const nothing = await client.call(fetchApi, 13, {
        ...wait,
        sessionId: full.sessionId,
        sessionEpoch: 1,
        topics: [],
      })
      assert.deepEqual(nothing.responses, [])
      await client.call(produceApi, 9, produceBody('session', batchOf(['a']), { partition: 1 }))
      const one = await client.call(fetchApi, 13, {
        ...wait,
        sessionId: full.sessionId,
        sessionEpoch: 2,
        topics: [],
      })
      assert.deepEqual(
        one.responses[0]!.partitions.map(({ partitionIndex }) => partitionIndex),
        [1],
      )
      const again = await client.call(fetchApi, 13, {
        ...wait,
        sessionId: full.sessionId,
        sessionEpoch: 2,
        topics: [],
      })
      assert.equal(again.errorCode, ErrorCode.INVALID_FETCH_SESSION_EPOCH)
      const forget = [{ topicId, partitions: [1] }]
      const rest = await client.call(fetchApi, 13, {
        ...wait,
        sessionId: full.sessionId,
        sessionEpoch: 3,
        topics: [],
        forgottenTopicsData: forget,
      })
      assert.deepEqual(rest.responses, [])
      await client.call(fetchApi, 13, { ...wait, sessionId: full.sessionId, sessionEpoch: -1, topics: [] })
      const gone = await client.call(fetchApi, 13, {
        ...wait,
        sessionId: full.sessionId,
        sessionEpoch: 4,
        topics: [],
      })
      assert.equal(gone.errorCode, ErrorCode.FETCH_SESSION_ID_NOT_FOUND)
    }))
})

/** The batch with the CRC that its changed bytes have. */
function recomputed(batch: Buffer): Buffer {
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17)
  return batch
}
