/** What a server answers to the batches of a producer, by their sequences. */
import { setTimeout as sleep } from 'node:timers/promises'
import { batchOf } from '../../src/log/broker/wire-client.test-kit.ts'
import type { Api } from '../../src/log/protocol/api-schema.ts'
import { apis } from '../../src/log/protocol/apis.ts'
import { isRetriable } from '../../src/log/protocol/error-code.ts'

interface AskedServer {
  readonly prefix: string
  create(name: string, config: Readonly<Record<string, string>>): Promise<unknown>
  call<Req, Res, ReqInput, ResInput>(
    api: Api<Req, Res, ReqInput, ResInput>,
    version: number,
    body: ReqInput,
  ): Promise<Res>
}

interface Producer {
  readonly producerId: number
  readonly producerEpoch: number
}

/** From this version of Produce on, writing adds to the transaction. */
const IMPLICIT_ADD_FROM = 12

/** In a topic of its own, where nobody knows the producer: the beginning, gaps, repetitions, another epoch. */
export async function sequencesOfUnknown(
  server: AskedServer,
  { version, transactional }: { readonly version: number; readonly transactional: boolean },
): Promise<unknown> {
  const short = `sequences-${version}-${transactional}`
  const name = server.prefix + short
  await server.create(short, {})
  const transactionalId = transactional ? name : null
  const body = { transactionalId, transactionTimeoutMs: 60_000, producerId: -1, producerEpoch: -1 }
  const producer: Producer = await settled(server, () => server.call(apis.initProducerId, 5, body))
  const answers: unknown[] = []
  const write = async (baseSequence: number, producerEpoch: number): Promise<void> => {
    const stamp = { producerId: producer.producerId, producerEpoch, baseSequence, transactional }
    if (transactional && version < IMPLICIT_ADD_FROM) await addToTransaction(server, name, producer)
    const records = batchOf(['x'], stamp, { timestampMs: Date.now() })
    const topicData = [{ name, partitionData: [{ index: 0, records }] }]
    const answer = await settled(server, async () => {
      const request = { transactionalId, acks: -1, timeoutMs: 3_000, topicData }
      const { responses } = await server.call(apis.produce, version, request)
      return responses[0]!.partitionResponses[0]!
    })
    answers.push([baseSequence, producerEpoch, answer.errorCode, answer.baseOffset])
  }
  for (const sequence of [5, 0, 1, 6, 7, 8, 9, 10, 5, 6]) await write(sequence, producer.producerEpoch)
  await write(3, producer.producerEpoch + 1)
  return answers
}

async function addToTransaction(
  server: AskedServer,
  name: string,
  { producerId, producerEpoch }: Producer,
): Promise<void> {
  await settled(server, async () => {
    const answer = await server.call(apis.addPartitionsToTxn, 3, {
      v3AndBelowTransactionalId: name,
      v3AndBelowProducerId: producerId,
      v3AndBelowProducerEpoch: producerEpoch,
      v3AndBelowTopics: [{ name, partitions: [0] }],
    })
    return { errorCode: answer.resultsByTopicV3AndBelow[0]!.resultsByPartition[0]!.partitionErrorCode }
  })
}

/** Asks until topic and coordinator are there: a new topic, and the first transactional id, take Kafka a moment. */
async function settled<Answer extends { readonly errorCode: number }>(
  server: AskedServer,
  ask: () => Promise<Answer>,
): Promise<Answer> {
  for (;;) {
    const answer = await ask()
    if (!isRetriable(answer.errorCode)) return answer
    // The topic of the transactions is made when somebody looks for a coordinator.
    await server.call(apis.findCoordinator, 6, { keyType: 1, coordinatorKeys: ['any'] })
    await sleep(100)
  }
}
