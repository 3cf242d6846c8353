/** A Kafka client for tests that writes frames by hand: what it sends is exactly what a test says. */
import { ByteReader } from '../../base/byte-reader.ts'
import { ByteWriter } from '../../base/byte-writer.ts'
import type { Connection, Network } from '../../world/world.ts'
import type { Api } from '../protocol/api-schema.ts'
import { RecordBatchBuilder, type BatchOptions, type RecordInput } from '../protocol/record-batch.ts'
import { decodeResponseHeader, encodeRequestHeader } from '../protocol/request-header.ts'
import { BufferPool } from './buffer-pool.ts'
import { FrameAssembler } from './frame-assembler.ts'

export class WireClient {
  readonly connection: Connection
  /** Resolves when the broker closed the connection. */
  readonly closed: Promise<void>
  readonly #frames = new FrameAssembler({ maxBytes: 1 << 30, pool: new BufferPool() })
  readonly #waiting: {
    readonly resolve: (frame: Buffer) => void
    readonly reject: (error: Error) => void
  }[] = []
  readonly #received: Buffer[] = []
  #isClosed = false

  static async connect(
    network: Network,
    address: { readonly host: string; readonly port: number },
  ): Promise<WireClient> {
    return new WireClient(await network.connect({ host: address.host, port: address.port, timeoutMs: 5000 }))
  }

  constructor(connection: Connection) {
    this.connection = connection
    this.closed = new Promise((resolve) => {
      connection.handle({
        onData: (chunk) => {
          this.#frames.push(Buffer.from(chunk))
          for (let frame = this.#frames.next(); Buffer.isBuffer(frame); frame = this.#frames.next()) {
            const waiting = this.#waiting.shift()
            if (waiting === undefined) this.#received.push(frame)
            else waiting.resolve(frame)
          }
        },
        onDrain: () => undefined,
        onClose: () => {
          this.#isClosed = true
          for (const { reject } of this.#waiting.splice(0))
            reject(new Error('the broker closed the connection'))
          resolve()
        },
      })
    })
  }

  /** Sends a request and gives its decoded answer; rejects when the connection closes first. */
  async call<Req, Res, ReqInput, ResInput>(
    api: Api<Req, Res, ReqInput, ResInput>,
    version: number,
    body: ReqInput,
    correlationId = 7,
  ): Promise<Res> {
    this.write(requestFrame(api, version, body, correlationId))
    const reader = new ByteReader(await this.answer())
    const answered = decodeResponseHeader(reader, api, version)
    if (answered !== correlationId) throw new Error(`answer to ${answered} where ${correlationId} was asked`)
    const response = api.decodeResponse(reader, version)
    if (reader.remaining() > 0) throw new Error(`${reader.remaining()} bytes too many`)
    return response
  }

  write(bytes: Buffer): void {
    this.connection.write([bytes])
  }

  /** The next answer's frame, without its length. */
  answer(): Promise<Buffer> {
    const received = this.#received.shift()
    if (received !== undefined) return Promise.resolve(received)
    if (this.#isClosed) return Promise.reject(new Error('the broker closed the connection'))
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  close(): void {
    this.connection.destroy()
  }
}

export function requestFrame<Req, Res, ReqInput, ResInput>(
  api: Api<Req, Res, ReqInput, ResInput>,
  version: number,
  body: ReqInput,
  correlationId = 7,
): Buffer {
  const writer = ByteWriter.forFrame()
  encodeRequestHeader(writer, api, {
    apiVersion: version,
    correlationId,
    clientId: 'wire-test',
  })
  api.encodeRequest(writer, version, body)
  return Buffer.concat(writer.frame())
}

/** One batch of records with these values. */
export function batchOf(
  values: readonly string[],
  options: BatchOptions = {},
  record: Partial<RecordInput> = {},
): Buffer {
  const builder = new RecordBatchBuilder()
  for (const value of values)
    builder.append({ key: null, value: Buffer.from(value), timestampMs: 1_000, ...record })
  return builder.build(options)
}
