import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { MillraceError } from '../../base/millrace-error.ts'
import { reportNothing } from '../../base/report.ts'
import { nodeWorld } from '../../world/node.ts'
import { type Broker, startBroker } from '../broker/broker.ts'
import type { Api } from '../protocol/api-schema.ts'
import type { ProduceResponse } from '../protocol/apis/produce.ts'
import { ErrorCode } from '../protocol/error-code.ts'
import { createTopics, listOffsets } from './admin.ts'
import { connectClient, type LogClient } from './client.ts'
import { decodeRecords, Fetcher } from './fetcher.ts'
import type { RequestOptions } from './log-client.ts'
import { createProducer } from './producer.ts'
import { createTransactionalProducer } from './transaction.ts'

const world = nodeWorld()
let directory: string
let broker: Broker
let client: LogClient

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-unknown-'))
  broker = await startBroker({
    world,
    dataPath: directory,
    listen: { host: '127.0.0.1', port: 0 },
    report: reportNothing,
  })
  client = await connectClient({ world, bootstrap: `127.0.0.1:${broker.port}` })
})

after(async () => {
  await client.close()
  await broker.close()
  await rm(directory, { recursive: true })
})

/** What becomes of a produce request: it is answered, or stored without an answer, or refused with this code. */
type Fate = 'answered' | 'answer lost' | ErrorCode

/** The client, but produce requests meet these fates in turn, then answers. */
function withFates(...fates: Fate[]): LogClient {
  const request = async <Req, Res, ReqInput, ResInput>(
    api: Api<Req, Res, ReqInput, ResInput>,
    body: ReqInput,
    options?: RequestOptions,
  ): Promise<Res> => {
    const fate = api.name === 'Produce' ? (fates.shift() ?? 'answered') : 'answered'
    if (fate === 'answered' || fate === 'answer lost') {
      const answer = await client.request(api, body, options)
      if (fate === 'answered') return answer
      throw new MillraceError({ code: 'MR_CONNECTION_LOST', message: 'the connection ended: it was cut.' })
    }
    const { topicData } = body as { topicData: { name: string; partitionData: { index: number }[] }[] }
    const responses = topicData.map(({ name, partitionData }) => ({
      name,
      partitionResponses: partitionData.map(({ index }) => ({ index, errorCode: fate, errorMessage: null })),
    }))
    return { responses } as unknown as ProduceResponse as Res
  }
  return withRequest(request)
}

/** The client, but for how it asks. */
function withRequest(request: LogClient['request']): LogClient {
  return new Proxy(client, {
    get: (target, name) => {
      if (name === 'request') return request
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

async function readAll(topic: string): Promise<string[]> {
  const [end] = await listOffsets(client, [{ topic, partition: 0, at: 'latest' }])
  const fetcher = new Fetcher(client, { maxWaitMs: 50 })
  fetcher.assign([{ topic, partition: 0, offset: 0 }])
  const values: string[] = []
  while (values.length < end!.offset)
    values.push(...decodeRecords((await fetcher.poll())!).values.map(String))
  fetcher.close()
  return values
}

/** Sends a, then b and c in a batch each, then d; tells which code each of them got. */
async function sendFour(topic: string, ...fates: Fate[]): Promise<Record<string, string>> {
  await createTopics(client, [{ name: topic }])
  await client.topic(topic)
  const producer = await createProducer(withFates(...fates), { batchSizeBytes: 1, lingerMs: 0 })
  const told: Record<string, string> = {}
  const send = (value: string, then?: (error: Error | undefined) => void): void => {
    producer.send({ topic, partition: 0, value }, (error) => {
      told[value] = error === undefined ? 'stored' : (error as MillraceError).code
      then?.(error)
    })
  }
  send('a')
  await producer.flush()
  // d comes when b is lost already, and was never sent under the old identity.
  send('b', (error) => error !== undefined && send('d'))
  send('c')
  await assert.rejects(producer.flush(), ({ code, place }: MillraceError) => {
    assert.equal(code, told['b'])
    assert.deepEqual(place, { topic, partition: 0 })
    return true
  })
  await producer.flush().catch(() => undefined)
  await producer.close()
  return told
}

test('what may be stored already is not sent again under another identity, and its sender is told', async () => {
  const told = await sendFour(
    'both-unknown',
    'answered',
    'answer lost',
    'answer lost',
    ErrorCode.TOPIC_AUTHORIZATION_FAILED,
  )
  assert.deepEqual(told, { a: 'stored', b: 'MR_WRITE_UNKNOWN', c: 'MR_WRITE_UNKNOWN', d: 'stored' })
  assert.deepEqual(await readAll('both-unknown'), ['a', 'b', 'c', 'd'])
})

test('what is known not to be stored goes on under another identity', async () => {
  const told = await sendFour('refused', 'answered', ErrorCode.MESSAGE_TOO_LARGE)
  assert.deepEqual(told, { a: 'stored', b: 'MR_RECORD_TOO_LARGE', c: 'stored', d: 'stored' })
  assert.deepEqual(await readAll('refused'), ['a', 'c', 'd'])
})

test('what was written for a transaction that the coordinator does not know when it is aborted is never committed', async () => {
  const topic = 'given-up'
  await createTopics(client, [{ name: topic }])
  await client.topic(topic)
  let unknown = 1
  const forgetful = withRequest(async (api, body, options) => {
    if (api.name === 'EndTxn' && unknown-- > 0)
      return { errorCode: ErrorCode.INVALID_TXN_STATE, producerId: -1, producerEpoch: -1 } as never
    return client.request(api, body, options)
  })
  const producer = await createTransactionalProducer(forgetful, { transactionalId: topic })
  for (const [value, end] of [
    ['aborted', 'abort'],
    ['committed', 'commit'],
  ] as const) {
    producer.begin()
    producer.send({ topic, partition: 0, value })
    await producer.flush()
    await producer[end]()
  }
  const fetcher = new Fetcher(client, { isolation: 'read_committed', maxWaitMs: 50 })
  fetcher.assign([{ topic, partition: 0, offset: 0 }])
  assert.deepEqual(decodeRecords((await fetcher.poll())!).values.map(String), ['committed'])
  fetcher.close()
})
