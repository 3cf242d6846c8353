/**
 * Produce: appends one record batch a partition.
 *
 * The whole request is checked and appended in one go: a header is read, one pass computes the CRC, one write goes to
 * the page cache; no record is looked at unless the topic's configuration asks for it. With acks = -1 the answer waits
 * for the device, where concurrent requests share one fdatasync; with acks = 1 it leaves at once.
 */
import type { ProduceRequest, ProduceResponseInput } from '../../protocol/apis/produce.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { BATCH_HEADER_BYTES, isTransactional, readBatchHeader } from '../../protocol/record-batch.ts'
import type { Topic } from '../../storage/log-directory.ts'
import type { AppendResult, PartitionLog } from '../../storage/partition-log.ts'
import { AclOperation, mayOnTopic, mayOnTransactionalId } from '../security/access.ts'
import { checkBatch, type BatchCheck } from '../produce-validation.ts'
import {
  CloseConnection,
  NO_RESPONSE,
  type ClientConnection,
  type Handler,
  type HandlerResult,
  type RequestContext,
} from '../services.ts'
import type { VerifyPartitions } from '../coordinator-services.ts'

type TopicAnswer = NonNullable<ProduceResponseInput['responses']>[number]
type PartitionAnswer = NonNullable<TopicAnswer['partitionResponses']>[number]
type Result = HandlerResult<ProduceResponseInput>
type TopicData = ProduceRequest['topicData'][number]

const BY_TOPIC_ID_FROM = 13
const IMPLICIT_ADD_FROM = 12
const BATCH_ATTRIBUTES_AT = 21

export const handleProduce: Handler<ProduceRequest, ProduceResponseInput> = (request, context) => {
  const { acks } = request
  if (acks !== -1 && acks !== 0 && acks !== 1) return answerAll(request, ErrorCode.INVALID_REQUIRED_ACKS)
  const transactional = transactionOf(request)
  if (
    transactional === 'without id' ||
    (transactional !== undefined && !mayWriteTransaction(request, context))
  )
    return finish(acks, answerAll(request, ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED))
  if (transactional === 'of several')
    return finish(acks, answerAll(request, ErrorCode.INVALID_PRODUCER_ID_MAPPING))
  const earlier = verifying.get(context.connection)
  if (transactional === undefined) {
    if (earlier === undefined) return appendAll(request, context, undefined)
    const kept = withOwnRecords(request)
    return earlier.then((): Result | Promise<Result> => appendAll(kept, context, undefined))
  }
  const verification = verify(request, context, transactional)
  if (earlier === undefined && !(verification instanceof Promise))
    return appendAll(request, context, verification)
  const kept = withOwnRecords(request)
  const appended = Promise.all([verification, earlier]).then(
    ([errors]): { readonly answer: Result | Promise<Result> } => {
      if (verifying.get(context.connection) === turn) verifying.delete(context.connection)
      return { answer: appendAll(kept, context, errors) }
    },
  )
  const turn = appended.then(nothing, nothing)
  verifying.set(context.connection, turn)
  return appended.then(({ answer }): Result | Promise<Result> => answer)
}

/** Connections whose last transactional produce waits for the coordinator: later ones must not overtake it. */
const verifying = new WeakMap<ClientConnection, Promise<void>>()

const nothing = (): void => {}

/** The request's bytes are lent until the handler returns: one that has to wait before it appends works on a copy. */
function withOwnRecords(request: ProduceRequest): ProduceRequest {
  return {
    ...request,
    topicData: request.topicData.map((topic) => ({
      ...topic,
      partitionData: topic.partitionData.map((data) => ({
        ...data,
        records: data.records === null ? null : Buffer.from(data.records),
      })),
    })),
  }
}

type Appended = {
  readonly log: PartitionLog
  readonly answer: PartitionAnswer & { errorCode: number; baseOffset: number }
}

/** Appends what may be appended, in order, and answers when it is as durable as the client asked. */
function appendAll(
  request: ProduceRequest,
  context: RequestContext,
  verification: ReadonlyMap<string, ErrorCode> | undefined,
): Result | Promise<Result> {
  const { services } = context
  // What waits for the device keeps this alone of the request.
  const { acks } = request
  const appended: Appended[] = []
  const responses: TopicAnswer[] = []
  for (const data of request.topicData) {
    const topic = findTopic(data, context)
    if (!mayWrite(data, topic, context)) {
      const partitionResponses = data.partitionData.map(({ index }) =>
        failure(index, ErrorCode.TOPIC_AUTHORIZATION_FAILED),
      )
      responses.push({ name: data.name, topicId: data.topicId, partitionResponses })
      continue
    }
    const answers: PartitionAnswer[] = []
    for (const { index, records } of data.partitionData) {
      const refused = verification?.get(`${topic?.name}:${index}`)
      if (refused !== undefined && refused !== ErrorCode.NONE) {
        answers.push(failure(index, refused))
        continue
      }
      const log = topic?.partitions[index]
      if (topic === undefined || log === undefined) {
        const error =
          topic === undefined && context.apiVersion >= BY_TOPIC_ID_FROM
            ? ErrorCode.UNKNOWN_TOPIC_ID
            : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        answers.push(failure(index, error))
        continue
      }
      const answer = appendBatch(topic, log, records, context)
      answers.push(answer)
      const counter = services.metrics.topic(topic.name)
      counter.produceRequests += 1
      if (answer.errorCode === ErrorCode.NONE) appended.push({ log, answer })
      else counter.produceFailures += 1
    }
    responses.push({ name: data.name, topicId: data.topicId, partitionResponses: answers })
  }
  const flush = services.config['log.flush.acks']
  const waits = flush === 'always' || (flush === 'all' && acks === -1)
  if (!waits || appended.length === 0) return finish(acks, { responses })
  return allDurable(appended).then((): Result => finish(acks, { responses }))
}

function appendBatch(
  topic: Topic,
  log: PartitionLog,
  records: Buffer | null,
  context: RequestContext,
): PartitionAnswer & { errorCode: number; baseOffset: number } {
  const { services, apiVersion } = context
  const check: BatchCheck = checkBatch({ records, topic, apiVersion })
  if (check.kind === 'refused') {
    const logStartOffset = check.tellsLogStart === true ? log.logStartOffset : -1
    return failure(log.partition, check.error, { ...check, logStartOffset })
  }
  const { batch, header } = check
  const withEpochs = apiVersion >= IMPLICIT_ADD_FROM && isTransactional(header.attributes)
  const origin = withEpochs ? 'client-with-epochs' : 'client'
  const result: AppendResult = log.append(batch, header, { origin })
  if (result.kind === 'rejected') {
    const logStartOffset = result.error === ErrorCode.KAFKA_STORAGE_ERROR ? -1 : log.logStartOffset
    return failure(log.partition, result.error, { ...result, logStartOffset })
  }
  if (result.kind === 'appended') {
    const counter = services.metrics.topic(topic.name)
    counter.messagesIn += header.recordCount
    counter.bytesIn += header.sizeBytes
  }
  return {
    index: log.partition,
    errorCode: ErrorCode.NONE,
    baseOffset: result.baseOffset,
    logAppendTimeMs: result.logAppendTimeMs,
    logStartOffset: result.logStartOffset,
  }
}

/** Most requests hold one batch, and thousands of them wait for the device: one promise each in place of five. */
function allDurable(appended: readonly Appended[]): Promise<unknown> {
  return appended.length === 1 ? durable(appended[0]!) : Promise.all(appended.map(durable))
}

/** A partition whose device fails turns its answer into an error: the batch may be gone after a power cut. */
function durable({ log, answer }: Appended): Promise<void> {
  return log.sync().catch(() => {
    answer.errorCode = ErrorCode.KAFKA_STORAGE_ERROR
    answer.baseOffset = -1
  })
}

/** What is named by an id that nobody knows is unknown to everybody; a name is refused whether it exists or not. */
function mayWrite(data: TopicData, topic: Topic | undefined, context: RequestContext): boolean {
  const name = context.apiVersion >= BY_TOPIC_ID_FROM ? topic?.name : data.name
  return name === undefined || mayOnTopic(context, AclOperation.WRITE, name)
}

function mayWriteTransaction({ transactionalId }: ProduceRequest, context: RequestContext): boolean {
  return transactionalId !== null && mayOnTransactionalId(context, AclOperation.WRITE, transactionalId)
}

function findTopic(data: TopicData, { services, apiVersion }: RequestContext): Topic | undefined {
  return apiVersion >= BY_TOPIC_ID_FROM
    ? services.logDirectory.topicById(data.topicId)
    : services.logDirectory.topic(data.name)
}

/** With acks = 0 the client reads no answer: an error ends the connection, so that it asks for metadata again. */
function finish(acks: number, response: ProduceResponseInput): Result {
  if (acks !== 0) return response
  for (const topic of response.responses ?? []) {
    for (const { index, errorCode } of topic.partitionResponses ?? []) {
      if (errorCode !== ErrorCode.NONE)
        return new CloseConnection(
          `error ${errorCode} on partition ${index} in a produce without acknowledgement`,
        )
    }
  }
  return NO_RESPONSE
}

/** The one producer of the transactional batches of a request: its transaction is the one that is asked about. */
function transactionOf(
  request: ProduceRequest,
): { producerId: number; producerEpoch: number } | 'without id' | 'of several' | undefined {
  let producer: { producerId: number; producerEpoch: number } | undefined
  for (const { partitionData } of request.topicData) {
    for (const { records } of partitionData) {
      if (records === null || records.length < BATCH_HEADER_BYTES) continue
      if (!isTransactional(records.readInt16BE(BATCH_ATTRIBUTES_AT))) continue
      if (request.transactionalId === null) return 'without id'
      const { producerId, producerEpoch } = readBatchHeader(records, 0)
      producer ??= { producerId, producerEpoch }
      if (producer.producerId !== producerId || producer.producerEpoch !== producerEpoch) return 'of several'
    }
  }
  return producer
}

/** Asks the transaction coordinator about every partition; answers by `topic:partition`. */
function verify(
  request: ProduceRequest,
  context: RequestContext,
  producer: { readonly producerId: number; readonly producerEpoch: number },
): ReadonlyMap<string, ErrorCode> | Promise<ReadonlyMap<string, ErrorCode>> {
  const partitions: { topic: string; partition: number }[] = []
  for (const data of request.topicData) {
    const topic = findTopic(data, context)
    if (topic === undefined || !mayWrite(data, topic, context)) continue
    for (const { index } of data.partitionData) {
      if (topic.partitions[index] !== undefined) partitions.push({ topic: topic.name, partition: index })
    }
  }
  const question: VerifyPartitions = {
    transactionalId: request.transactionalId!,
    producerId: producer.producerId,
    producerEpoch: producer.producerEpoch,
    partitions,
    addImplicitly: context.apiVersion >= IMPLICIT_ADD_FROM,
  }
  const byPartition = (errors: readonly ErrorCode[]): ReadonlyMap<string, ErrorCode> =>
    new Map(partitions.map(({ topic, partition }, index) => [`${topic}:${partition}`, errors[index]!]))
  const errors = context.services.transactions.verifyPartitions(question)
  return errors instanceof Promise ? errors.then(byPartition) : byPartition(errors)
}

function answerAll(request: ProduceRequest, error: ErrorCode): ProduceResponseInput {
  return {
    responses: request.topicData.map(({ name, topicId, partitionData }) => ({
      name,
      topicId,
      partitionResponses: partitionData.map(({ index }) => failure(index, error)),
    })),
  }
}

function failure(
  index: number,
  errorCode: ErrorCode,
  why?: {
    readonly message: string
    readonly batchIndexes?: readonly number[]
    readonly logStartOffset: number
  },
): PartitionAnswer & { errorCode: number; baseOffset: number } {
  const answer = { index, errorCode, baseOffset: -1, logStartOffset: why?.logStartOffset ?? -1 }
  if (why === undefined) return answer
  const { message, batchIndexes = [] } = why
  const recordErrors = batchIndexes.map((batchIndex) => ({ batchIndex, batchIndexErrorMessage: message }))
  return { ...answer, errorMessage: message, recordErrors }
}
