/**
 * The receiving end of an exchange in one subtask: a channel from every subtask, itself included. A channel that has
 * brought the barrier of a checkpoint gives nothing until the others have (and the segment has taken its snapshot), so
 * no event from behind the barrier gets into the snapshot.
 */
import type { EventBatch } from '../operators/operator.ts'
import { EventDecoder, FRAME } from './event-codec.ts'
import type { ExchangePort } from './exchange-port.ts'
import { Merge, type Receiver } from './receiver.ts'
import type { RingReader } from './ring.ts'

/** Batches that this subtask sent itself and could not process at once; with more, it takes no more input. */
const SELF_MAX = 8

/* eslint-disable @typescript-eslint/no-explicit-any -- the builder has checked the types. */
interface Channel {
  readonly from: number
  readonly input: Receiver
  readonly ring: RingReader | undefined
  readonly decoder: EventDecoder
  barrier: number | undefined
  ended: boolean
}

export interface GateSegment {
  isBlocked(): boolean
  alignmentChanged(): void
}

export class Gate {
  readonly #port: ExchangePort
  readonly #segment: GateSegment
  readonly #channels: readonly Channel[]
  readonly #own: Channel
  /** What this subtask sent itself and has not been processed. */
  readonly #waiting: (() => void)[] = []
  readonly self: Receiver

  constructor(options: {
    readonly exchange: number
    readonly port: ExchangePort
    readonly segment: GateSegment
    readonly out: Receiver
  }) {
    const { exchange, port, segment, out } = options
    this.#port = port
    this.#segment = segment
    const merge = new Merge(port.parallelism, out)
    this.#channels = Array.from({ length: port.parallelism }, (_, from) => ({
      from,
      input: merge.input(from),
      ring: from === port.subtask ? undefined : port.reader(exchange, from),
      decoder: new EventDecoder(),
      barrier: undefined,
      ended: false,
    }))
    const own = this.#channels[port.subtask]!
    this.#own = own
    this.self = {
      batch: (batch) => this.#selfBatch(batch),
      watermark: (watermarkMs) => this.#selfDo(() => own.input.watermark(watermarkMs)),
      idle: (idle) => this.#selfDo(() => own.input.idle(idle)),
      end: () => this.#selfDo(() => this.#end(own)),
    }
  }

  selfBarrier(checkpointId: number): void {
    this.#selfDo(() => this.#barrier(this.#own, checkpointId))
  }

  selfIsFull(): boolean {
    return this.#waiting.length > SELF_MAX
  }

  /** One frame from every channel that may give one; false when there was none. */
  step(): boolean {
    let worked = false
    for (const channel of this.#channels) {
      if (channel.barrier !== undefined) continue
      if (this.#segment.isBlocked()) return worked
      if (channel.ring === undefined ? this.#stepSelf() : this.#stepRing(channel, channel.ring)) worked = true
    }
    return worked
  }

  /** Whether `step` would find something. */
  hasInput(): boolean {
    return this.#channels.some(
      ({ barrier, ring }) =>
        barrier === undefined && (ring === undefined ? this.#waiting.length > 0 : ring.hasFrame()),
    )
  }

  isAligned(checkpointId: number): boolean {
    return this.#channels.every(({ barrier, ended }) => ended || barrier === checkpointId)
  }

  /** The snapshot has been taken: the channels go on. */
  release(): void {
    for (const channel of this.#channels) channel.barrier = undefined
  }

  #stepSelf(): boolean {
    const next = this.#waiting.shift()
    next?.()
    return next !== undefined
  }

  #stepRing(channel: Channel, ring: RingReader): boolean {
    const frame = ring.next()
    if (frame === undefined) {
      if (ring.madeRoom()) this.#port.notify(channel.from)
      return false
    }
    const decoded = channel.decoder.decode(frame)
    switch (decoded.kind) {
      case 'data':
        channel.input.batch(decoded)
        channel.input.watermark(decoded.watermarkMs)
        break
      case 'partials':
        channel.input.partials!(decoded.partials)
        channel.input.watermark(decoded.watermarkMs)
        break
      case 'control':
        this.#control(channel, decoded.control, decoded.value)
        break
      case 'nothing':
        break
    }
    ring.release()
    if (ring.madeRoom()) this.#port.notify(channel.from)
    return true
  }

  #control(channel: Channel, kind: number, value: number): void {
    if (kind === FRAME.barrier) this.#barrier(channel, value)
    else if (kind === FRAME.watermark) channel.input.watermark(value)
    else if (kind === FRAME.end) this.#end(channel)
    else channel.input.idle(kind === FRAME.idle)
  }

  /** After its end a channel counts as aligned, and its barriers say nothing new. */
  #barrier(channel: Channel, checkpointId: number): void {
    if (channel.ended) return
    channel.barrier = checkpointId
    this.#segment.alignmentChanged()
  }

  #end(channel: Channel): void {
    channel.ended = true
    channel.input.end()
    this.#segment.alignmentChanged()
  }

  #selfBatch(batch: EventBatch<any>): void {
    if (this.#takesNow()) return this.#own.input.batch(batch)
    const kept = {
      values: batch.values.slice(),
      timestamps: batch.timestamps.slice(),
      keys: batch.keys?.slice(),
    }
    this.#waiting.push(() => this.#own.input.batch(kept))
  }

  #selfDo(action: () => void): void {
    if (this.#takesNow()) action()
    else this.#waiting.push(action)
  }

  #takesNow(): boolean {
    return this.#waiting.length === 0 && this.#own.barrier === undefined && !this.#segment.isBlocked()
  }
}
