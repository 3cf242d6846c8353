/**
 * Loads a broker with raw frames, built once: what it measures is the broker, hardly the client.
 *
 *   node bench/wire-load.ts produce HOST:PORT [--records N] [--size BYTES] [--batch BYTES] [--partitions N] [--acks -1|0|1] [--pid PID]
 *   node bench/wire-load.ts consume HOST:PORT [--records N] [--partitions N] [--pid PID]
 *
 * Prints records/s, MB/s and, with the broker's process id, the CPU seconds it took (threads of this process not counted).
 */
import { readFileSync } from 'node:fs'
import * as net from 'node:net'
import { parseArgs } from 'node:util'
import { ByteReader } from '../src/base/byte-reader.ts'
import { ByteWriter } from '../src/base/byte-writer.ts'
import type { AnyApi, Api } from '../src/log/protocol/api-schema.ts'
import { createTopicsApi } from '../src/log/protocol/apis/create-topics.ts'
import { fetchApi } from '../src/log/protocol/apis/fetch.ts'
import { metadataApi } from '../src/log/protocol/apis/metadata.ts'
import { produceApi } from '../src/log/protocol/apis/produce.ts'
import { RecordBatchBuilder, readBatchHeader, splitBatches } from '../src/log/protocol/record-batch.ts'
import { decodeResponseHeader, encodeRequestHeader } from '../src/log/protocol/request-header.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    records: { type: 'string', default: '5000000' },
    size: { type: 'string', default: '100' },
    batch: { type: 'string', default: '16384' },
    partitions: { type: 'string', default: '1' },
    acks: { type: 'string', default: '1' },
    inflight: { type: 'string', default: '5' },
    topic: { type: 'string', default: 'load' },
    pid: { type: 'string' },
  },
})
const [mode, address = '127.0.0.1:9092'] = positionals
const host = address.slice(0, address.lastIndexOf(':'))
const port = Number(address.slice(address.lastIndexOf(':') + 1))
const partitions = Number(values.partitions)
const records = Number(values.records)

class Wire {
  readonly socket: net.Socket
  #pending = Buffer.alloc(0)
  #chunks: Buffer[] = []
  #length = 0
  readonly #waiting: ((frame: Buffer) => void)[] = []

  constructor() {
    this.socket = net.connect({ host, port, noDelay: true })
    this.socket.on('data', (chunk) => this.#receive(chunk as Buffer))
    this.socket.on('close', () => {
      if (this.#waiting.length > 0) throw new Error('the broker closed the connection')
    })
  }

  send(frame: readonly Buffer[]): Promise<Buffer> {
    this.socket.cork()
    for (const chunk of frame) this.socket.write(chunk)
    this.socket.uncork()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  async call<Res, Input>(api: Api<unknown, Res, Input, never>, version: number, body: Input): Promise<Res> {
    const reader = new ByteReader(await this.send(request(api, version, body)))
    decodeResponseHeader(reader, api, version)
    return api.decodeResponse(reader, version)
  }

  #receive(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#length += chunk.length
    const need = this.#pending.length >= 4 ? this.#pending.readInt32BE(0) + 4 : 4
    if (this.#pending.length + this.#length < need) return
    this.#pending = Buffer.concat([this.#pending, ...this.#chunks])
    this.#chunks = []
    this.#length = 0
    let at = 0
    while (this.#pending.length - at >= 4) {
      const size = this.#pending.readInt32BE(at)
      if (this.#pending.length - at - 4 < size) break
      this.#waiting.shift()!(this.#pending.subarray(at + 4, at + 4 + size))
      at += 4 + size
    }
    this.#pending = this.#pending.subarray(at)
  }
}

function request(api: AnyApi, version: number, body: unknown): readonly Buffer[] {
  const writer = ByteWriter.forFrame()
  encodeRequestHeader(writer, api, { apiVersion: version, correlationId: 1, clientId: 'wire-load' })
  api.encodeRequest(writer, version, body as never)
  return writer.frame()
}

async function produce(): Promise<number> {
  const size = Number(values.size)
  const builder = new RecordBatchBuilder()
  while (builder.estimatedSizeBytes < Number(values.batch))
    builder.append({ key: null, value: Buffer.alloc(size, 'x'), timestampMs: Date.now() })
  const perBatch = builder.count
  const batch = builder.build({})
  let left = Math.ceil(records / perBatch)
  const total = left * perBatch
  await Promise.all(
    Array.from({ length: partitions }, async (_, index) => {
      const frame = Buffer.concat(
        request(produceApi, 9, {
          acks: Number(values.acks),
          timeoutMs: 30_000,
          topicData: [{ name: values.topic, partitionData: [{ index, records: batch }] }],
        }),
      )
      const wire = new Wire()
      await Promise.all(
        Array.from({ length: Number(values.inflight) }, async () => {
          while (left-- > 0) {
            const reader = new ByteReader(await wire.send([frame]))
            decodeResponseHeader(reader, produceApi, 9)
            const answer = produceApi.decodeResponse(reader, 9).responses[0]!.partitionResponses[0]!
            if (answer.errorCode !== 0) throw new Error(`error ${answer.errorCode} ${answer.errorMessage}`)
          }
        }),
      )
      wire.socket.end()
    }),
  )
  return total
}

async function consume(): Promise<number> {
  const wanted = records
  let total = 0
  await Promise.all(
    Array.from({ length: partitions }, async (_, partition) => {
      const wire = new Wire()
      let fetchOffset = 0
      while (total < wanted) {
        const answer = await wire.call(fetchApi, 12, {
          maxWaitMs: 500,
          minBytes: 1,
          maxBytes: 52_428_800,
          topics: [
            { topic: values.topic, partitions: [{ partition, fetchOffset, partitionMaxBytes: 1_048_576 }] },
          ],
        })
        const records = answer.responses[0]?.partitions[0]?.records ?? Buffer.alloc(0)
        for (const batch of splitBatches(records)) {
          const header = readBatchHeader(batch, 0)
          total += header.recordCount
          fetchOffset = header.baseOffset + header.lastOffsetDelta + 1
        }
        if (records.length === 0) break
      }
      wire.socket.end()
    }),
  )
  return total
}

function cpuSeconds(): number {
  if (values.pid === undefined) return 0
  const fields = readFileSync(`/proc/${values.pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

const admin = new Wire()
await admin.call(createTopicsApi, 2, {
  topics: [
    { name: values.topic, numPartitions: partitions, replicationFactor: 1, assignments: [], configs: [] },
  ],
  timeoutMs: 1000,
})
await admin.call(metadataApi, 1, { topics: [{ name: values.topic }] })
admin.socket.end()
const startedMs = performance.now()
const startedCpu = cpuSeconds()
const total = mode === 'consume' ? await consume() : await produce()
const seconds = (performance.now() - startedMs) / 1000
const cpu = cpuSeconds() - startedCpu
const own = process.cpuUsage()
console.log(
  `${mode} ${total} records in ${seconds.toFixed(2)} s: ${(total / seconds / 1000).toFixed(0)} k records/s, ` +
    `${((total * Number(values.size)) / seconds / 1e6).toFixed(0)} MB/s` +
    (cpu > 0 ? `, broker CPU ${cpu.toFixed(2)} s = ${((cpu / total) * 1e9).toFixed(0)} ns/record` : '') +
    `, client CPU ${((own.user + own.system) / 1e6).toFixed(2)} s`,
)
