/**
 * Transactional producers, a reader and a broker that crashes again and again, its restarts included, on a disk that
 * forgets what was not synced, each file on its own. Whatever is lost between deciding, appending, applying and the
 * markers: a transaction is wholly visible or not at all, a commit that was answered stays, what a read_committed reader
 * has seen stays, no producer is given an identity that is not newer, and nothing hangs in the end.
 */
import assert from 'node:assert/strict'
import { reportNothing } from '../../../base/report.ts'
import { Simulation, type SimulatedMachine } from '../../../world/simulated/simulation.ts'
import { sleep } from '../../../world/world.ts'
import type { Api } from '../../protocol/api-schema.ts'
import { addOffsetsToTxnApi } from '../../protocol/apis/add-offsets-to-txn.ts'
import { addPartitionsToTxnApi } from '../../protocol/apis/add-partitions-to-txn.ts'
import { createTopicsApi } from '../../protocol/apis/create-topics.ts'
import { endTxnApi } from '../../protocol/apis/end-txn.ts'
import { fetchApi } from '../../protocol/apis/fetch.ts'
import { initProducerIdApi } from '../../protocol/apis/init-producer-id.ts'
import { offsetFetchApi } from '../../protocol/apis/offset-fetch.ts'
import { produceApi } from '../../protocol/apis/produce.ts'
import { txnOffsetCommitApi } from '../../protocol/apis/txn-offset-commit.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import {
  forEachRecord,
  isControl,
  isTransactional,
  readBatchHeader,
  readControlType,
  splitBatches,
} from '../../protocol/record-batch.ts'
import { startBroker, type Broker } from '../broker.ts'
import { batchOf, WireClient } from '../wire-client.test-kit.ts'

const LISTEN = { host: '127.0.0.1', port: 9092 }
const TOPIC = 'data'
const GROUP = 'group'
const PARTITIONS = 3
const PRODUCERS = 3
const TRANSACTIONS = 8
const CALL_TIMEOUT_MS = 1_500
const CONFIG = {
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': 200,
  'coordinator.snapshot.min.records': 12,
}

interface Identity {
  readonly producerId: number
  readonly producerEpoch: number
}

interface Transaction {
  readonly producer: number
  readonly number: number
  readonly values: string[]
  commitsOffset: boolean
  outcome: 'committed' | 'not committed' | 'unknown'
}

/** A client that connects again when it has to; an answer that does not come is undefined. */
class Caller {
  readonly #machine: SimulatedMachine
  #client: WireClient | undefined

  constructor(machine: SimulatedMachine) {
    this.#machine = machine
  }

  async call<Req, Res, ReqInput, ResInput>(
    api: Api<Req, Res, ReqInput, ResInput>,
    version: number,
    body: ReqInput,
  ): Promise<Res | undefined> {
    const { clock, network } = this.#machine.world
    try {
      this.#client ??= await WireClient.connect(network, LISTEN)
      const answered = new AbortController()
      const answer = this.#client.call(api, version, body)
      const response = await Promise.race([answer, sleep(clock, CALL_TIMEOUT_MS, answered.signal)])
      answered.abort()
      if (response !== undefined) return response
      answer.catch(() => undefined)
    } catch {
      await sleep(clock, 10)
    }
    this.#client?.close()
    this.#client = undefined
    return undefined
  }

  close(): void {
    this.#client?.close()
  }
}

class TransactionCrashes {
  readonly #simulation: Simulation
  readonly #server: SimulatedMachine
  readonly #laptop: SimulatedMachine
  readonly #transactions: Transaction[] = []
  readonly #seen = Array.from({ length: PARTITIONS }, () => new Map<number, string>())
  #broker: Broker | undefined
  #done = false
  crashes = 0

  constructor(seed: number) {
    this.#simulation = new Simulation({ seed, network: { halfOpenMs: [0, 300] } })
    this.#server = this.#simulation.machine('server')
    this.#laptop = this.#simulation.machine('laptop')
  }

  async run(): Promise<{ committed: number; transactions: number; crashes: number }> {
    await this.#simulation.run(async () => {
      await this.#start()
      const setup = new Caller(this.#laptop)
      await setup.call(createTopicsApi, 7, {
        topics: [
          { name: TOPIC, numPartitions: PARTITIONS, replicationFactor: 1, assignments: [], configs: [] },
        ],
        timeoutMs: 1000,
      })
      setup.close()
      const crashing = this.#crash()
      const reading = this.#read()
      await Promise.all(Array.from({ length: PRODUCERS }, (_, index) => this.#produce(index)))
      this.#done = true
      await Promise.all([crashing, reading])
      await this.#verify()
      await this.#broker!.close()
    })
    const committed = this.#transactions.filter(({ outcome }) => outcome === 'committed').length
    return { committed, transactions: this.#transactions.length, crashes: this.crashes }
  }

  async #start(): Promise<void> {
    const { world } = this.#server
    this.#broker = await startBroker({
      world,
      dataPath: '/data',
      listen: LISTEN,
      config: CONFIG,
      report: reportNothing,
    })
  }

  async #crash(): Promise<void> {
    const { clock, random } = this.#simulation
    while (!this.#done) {
      await sleep(clock, random.chance(0.3) ? random.below(20) : random.below(500))
      if (this.#done) return
      this.crashes++
      if (random.chance(0.5)) this.#server.kill()
      else this.#server.losePower({ unsynced: random.chance(0.3) ? 'none' : 'random-prefix' })
      // A start that is crashed itself never ends; the next one takes its place.
      const starting = this.#start()
      if (random.chance(0.7)) await starting
    }
  }

  async #produce(producer: number): Promise<void> {
    const caller = new Caller(this.#laptop)
    const { random } = this.#simulation
    const bumpsEpoch = producer % 2 === 0
    const transactionalId = `tx-${producer}`
    let identity: Identity | undefined
    let newest: Identity = { producerId: -1, producerEpoch: -1 }
    let sequences = new Map<number, number>()
    for (let number = 1; number <= TRANSACTIONS; number++) {
      if (identity === undefined) {
        identity = await this.#init(caller, transactionalId)
        assert.ok(
          isNewer(identity, newest),
          `${transactionalId} was given ${JSON.stringify(identity)} after ${JSON.stringify(newest)}`,
        )
        sequences = new Map()
      }
      newest = identity
      const transaction: Transaction = {
        producer,
        number,
        values: [],
        commitsOffset: false,
        outcome: 'not committed',
      }
      this.#transactions.push(transaction)
      const who = { transactionalId, ...identity }
      let whole = true
      for (let index = 0; index <= random.below(4) && whole; index++) {
        const partition = random.below(PARTITIONS)
        const value = `${transactionalId}/${number}/${index}`
        transaction.values.push(value)
        whole = await this.#send(caller, {
          who,
          partition,
          value,
          sequence: sequences.get(partition) ?? 0,
          bumpsEpoch,
        })
        sequences.set(partition, (sequences.get(partition) ?? 0) + 1)
      }
      if (whole && random.chance(0.5)) {
        transaction.commitsOffset = true
        whole = await this.#commitOffset(caller, { who, partition: producer, offset: number, bumpsEpoch })
      }
      if (!whole || random.chance(0.1)) {
        // Left open: the next init, or the timeout, aborts it.
        identity = undefined
        if (random.chance(0.5)) await sleep(this.#laptop.world.clock, 1_500)
        continue
      }
      const committed = random.chance(0.8)
      const ended = await this.#end(caller, who, { committed, bumpsEpoch })
      if (ended.outcome === 'unknown') transaction.outcome = committed ? 'unknown' : 'not committed'
      else if (ended.outcome === 'done' && committed) transaction.outcome = 'committed'
      if (ended.next !== undefined && ended.next.producerEpoch !== identity.producerEpoch)
        sequences = new Map()
      identity = ended.next
    }
    caller.close()
  }

  async #init(caller: Caller, transactionalId: string): Promise<Identity> {
    for (;;) {
      const answer = await caller.call(initProducerIdApi, 4, { transactionalId, transactionTimeoutMs: 1_000 })
      if (answer?.errorCode === ErrorCode.NONE)
        return { producerId: answer.producerId, producerEpoch: answer.producerEpoch }
      assert.ok(
        answer === undefined || RETRIABLE.includes(answer.errorCode),
        `init answered ${answer?.errorCode}`,
      )
    }
  }

  async #send(
    caller: Caller,
    what: {
      readonly who: Identity & { transactionalId: string }
      partition: number
      value: string
      sequence: number
      bumpsEpoch: boolean
    },
  ): Promise<boolean> {
    const { who, partition, value, sequence, bumpsEpoch } = what
    if (!bumpsEpoch) {
      const added = await caller.call(addPartitionsToTxnApi, 3, {
        v3AndBelowTransactionalId: who.transactionalId,
        v3AndBelowProducerId: who.producerId,
        v3AndBelowProducerEpoch: who.producerEpoch,
        v3AndBelowTopics: [{ name: TOPIC, partitions: [partition] }],
      })
      if (added?.resultsByTopicV3AndBelow[0]!.resultsByPartition[0]!.partitionErrorCode !== ErrorCode.NONE)
        return false
    }
    const { producerId, producerEpoch } = who
    const records = batchOf([value], {
      producerId,
      producerEpoch,
      baseSequence: sequence,
      transactional: true,
    })
    const produced = await caller.call(produceApi, bumpsEpoch ? 12 : 9, {
      transactionalId: who.transactionalId,
      acks: -1,
      timeoutMs: 1_000,
      topicData: [{ name: TOPIC, partitionData: [{ index: partition, records }] }],
    })
    return produced?.responses[0]!.partitionResponses[0]!.errorCode === ErrorCode.NONE
  }

  async #commitOffset(
    caller: Caller,
    what: {
      readonly who: Identity & { transactionalId: string }
      partition: number
      offset: number
      bumpsEpoch: boolean
    },
  ): Promise<boolean> {
    const { who, partition, offset, bumpsEpoch } = what
    if (!bumpsEpoch) {
      const added = await caller.call(addOffsetsToTxnApi, 3, { ...who, groupId: GROUP })
      if (added?.errorCode !== ErrorCode.NONE) return false
    }
    const partitions = [{ partitionIndex: partition, committedOffset: offset, committedMetadata: '' }]
    const request = { ...who, groupId: GROUP, topics: [{ name: TOPIC, partitions }] }
    const committed = await caller.call(txnOffsetCommitApi, bumpsEpoch ? 5 : 3, request)
    return committed?.topics[0]!.partitions[0]!.errorCode === ErrorCode.NONE
  }

  /** Asks with the same identity until the answer is definite, as a sink that resumes after a crash does. */
  async #end(
    caller: Caller,
    who: Identity & { transactionalId: string },
    how: { readonly committed: boolean; readonly bumpsEpoch: boolean },
  ): Promise<{ readonly outcome: 'done' | 'refused' | 'unknown'; readonly next?: Identity }> {
    let unanswered = false
    for (;;) {
      const answer = await caller.call(endTxnApi, how.bumpsEpoch ? 5 : 4, {
        ...who,
        committed: how.committed,
      })
      if (answer === undefined || RETRIABLE.includes(answer.errorCode)) {
        unanswered = true
        // A client may die as well: its successor's init then ends whatever is left.
        if (this.#simulation.random.chance(0.3)) return { outcome: 'unknown' }
        continue
      }
      if (answer.errorCode !== ErrorCode.NONE) return { outcome: unanswered ? 'unknown' : 'refused' }
      return { outcome: 'done', next: how.bumpsEpoch ? answer : who }
    }
  }

  /** Reads committed records all the while. */
  async #read(): Promise<void> {
    const caller = new Caller(this.#laptop)
    const positions = new Array<number>(PARTITIONS).fill(0)
    while (!this.#done) {
      const partition = this.#simulation.random.below(PARTITIONS)
      const read = await this.#fetch(caller, partition, positions[partition]!)
      if (read === undefined) continue
      positions[partition] = read.nextOffset
      for (const [offset, value] of read.values) this.#seen[partition]!.set(offset, value)
    }
    caller.close()
  }

  async #fetch(
    caller: Caller,
    partition: number,
    offset: number,
  ): Promise<{ values: Map<number, string>; nextOffset: number; stable: boolean } | undefined> {
    const response = await caller.call(fetchApi, 12, {
      maxWaitMs: 20,
      minBytes: 1,
      isolationLevel: 1,
      topics: [
        { topic: TOPIC, partitions: [{ partition, fetchOffset: offset, partitionMaxBytes: 1 << 20 }] },
      ],
    })
    const answer = response?.responses[0]?.partitions[0]
    if (answer === undefined) return undefined
    assert.equal(
      answer.errorCode,
      ErrorCode.NONE,
      `offset ${offset} of partition ${partition}, which a reader had reached`,
    )
    const read = committedRecords(answer.records ?? Buffer.alloc(0), answer.abortedTransactions ?? [], offset)
    return { ...read, stable: answer.lastStableOffset === answer.highWatermark }
  }

  async #verify(): Promise<void> {
    const caller = new Caller(this.#laptop)
    await sleep(this.#laptop.world.clock, 3_000)
    const visible = new Set<string>()
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const all = new Map<number, string>()
      for (let offset = 0; ;) {
        const read = await this.#fetch(caller, partition, offset)
        if (read === undefined) continue
        assert.ok(read.stable, `a transaction hangs in partition ${partition}`)
        for (const [at, value] of read.values) {
          all.set(at, value)
          assert.ok(!visible.has(value), `${value} twice`)
          visible.add(value)
        }
        if (read.nextOffset === offset) break
        offset = read.nextOffset
      }
      for (const [offset, value] of this.#seen[partition]!) {
        assert.equal(
          all.get(offset),
          value,
          `what a reader saw at offset ${offset} of partition ${partition}`,
        )
      }
    }
    const committedOffsets = new Array<number>(PRODUCERS).fill(-1)
    for (const { producer, number, values, outcome, commitsOffset } of this.#transactions) {
      const shown = values.filter((value) => visible.has(value)).length
      const expected =
        outcome === 'unknown' ? [0, values.length] : [outcome === 'committed' ? values.length : 0]
      assert.ok(
        expected.includes(shown),
        `${outcome} transaction tx-${producer}/${number} shows ${shown} of ${values.length}`,
      )
      if (commitsOffset && shown > 0) committedOffsets[producer] = number
    }
    const topics = [{ name: TOPIC, partitionIndexes: committedOffsets.map((_, index) => index) }]
    const groups = [{ groupId: GROUP, topics }]
    const fetched = await caller.call(offsetFetchApi, 8, { groups, requireStable: true })
    const partitions = fetched!.groups[0]!.topics[0]!.partitions
    assert.deepEqual(
      partitions.map(({ errorCode }) => errorCode),
      committedOffsets.map(() => ErrorCode.NONE),
    )
    assert.deepEqual(
      partitions.map(({ committedOffset }) => committedOffset),
      committedOffsets,
    )
    caller.close()
  }
}

const RETRIABLE: readonly number[] = [
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.NOT_COORDINATOR,
  ErrorCode.CONCURRENT_TRANSACTIONS,
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
]

function isNewer(identity: Identity, than: Identity): boolean {
  if (identity.producerId !== than.producerId) return identity.producerId > than.producerId
  return identity.producerEpoch > than.producerEpoch
}

/** What a consumer library gives to its application: no control batches, nothing of aborted transactions. */
function committedRecords(
  records: Buffer,
  aborted: readonly { readonly producerId: number; readonly firstOffset: number }[],
  from: number,
): { values: Map<number, string>; nextOffset: number } {
  const values = new Map<number, string>()
  const waiting = aborted.toSorted((one, other) => one.firstOffset - other.firstOffset)
  const aborting = new Set<number>()
  let nextOffset = from
  for (const batch of splitBatches(records)) {
    const header = readBatchHeader(batch, 0)
    nextOffset = header.baseOffset + header.lastOffsetDelta + 1
    while (waiting.length > 0 && waiting[0]!.firstOffset < nextOffset)
      aborting.add(waiting.shift()!.producerId)
    if (isControl(header.attributes)) {
      if (readControlType(batch) === 'abort') aborting.delete(header.producerId)
    } else if (!isTransactional(header.attributes) || !aborting.has(header.producerId)) {
      forEachRecord(batch, (offset, _timestampMs, _key, value) => {
        if (offset >= from) values.set(offset, value!.toString())
      })
    }
  }
  return { values, nextOffset }
}

/** One run; throws what is wrong, naming the seed. */
export async function runTransactionCrashes(
  seed: number,
): Promise<{ committed: number; transactions: number; crashes: number }> {
  try {
    return await new TransactionCrashes(seed).run()
  } catch (error) {
    throw new Error(`seed ${seed}`, { cause: error })
  }
}
