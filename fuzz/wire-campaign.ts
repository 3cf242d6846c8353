/**
 * Attacks a log in a process of its own over real connections, while bystanders work on it:
 *
 *  1. Frames that reached much code are found first, in this process (`guided.ts`).
 *  2. A first wave warms the log up; its memory is measured when all of it has been cleaned up again.
 *  3. The attack itself: many connections at a time, until the time is over. Every second a bystander asks something
 *     small, and notes how long the answer takes.
 *  4. The attackers go, what they made is deleted, and the log must be as small as after the first wave; the bystanders
 *     finish, and what the log holds must be exactly what it told them.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { nodeWorld } from '../src/world/node.ts'
import { SeededRandom } from '../src/world/simulated/seeded-random.ts'
import { attack } from './attacker.ts'
import { AttackedLog } from './attacked-log.ts'
import { Bystanders } from './bystanders.ts'
import { FrameSource } from './frame-source.ts'
import { fuzzGuided, isInternalError, servedApis } from './guided.ts'
import type { ServerConfig, ServerMemory } from './log-server.ts'
import { RequestGrammar } from './request-grammar.ts'
import { Vocabulary } from './vocabulary.ts'

export interface WireCampaign {
  readonly seed: number
  readonly durationMs: number
  readonly attackers?: number
  /** Sessions of the coverage-guided search for frames in front. */
  readonly guidedSessions: number
  readonly say: (text: string) => void
}

/** What keeps the state that attackers leave, so that it is gone soon after them. */
const CONFIG: ServerConfig = {
  'offsets.topic.num.partitions': 2,
  'transaction.state.log.num.partitions': 2,
  'group.initial.rebalance.delay.ms': 0,
  // Longer than it takes a bystander to repeat itself on a busy machine: later it would not be known again.
  'producer.id.expiration.ms': 60_000,
  'transactional.id.expiration.ms': 60_000,
  'transaction.remove.expired.transaction.cleanup.interval.ms': 1_000,
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': 1_000,
  'log.retention.check.interval.ms': 1_000,
  'log.cleaner.backoff.ms': 500,
  'log.segment.delete.delay.ms': 500,
}
/** How much larger the log may be than before: what the collector leaves lying about, and the bystanders' growing log. */
const GROWTH_BYTES_MAX = 24 << 20
const WARM_UP_MS = 3_000
const SETTLE_MS = 8_000
/** A question that takes longer has met a request that kept the whole log busy. */
const PING_MS_MAX = 15_000

/** Throws with everything that was found, if anything was. */
export async function fuzzWire(options: WireCampaign): Promise<void> {
  const { seed, say } = options
  const guided = await fuzzGuided({ seed, sessions: options.guidedSessions })
  say(`guided: ${guided.frames} frames reached ${guided.blocks} blocks, ${guided.corpus.length} frames kept`)
  throwFindings(guided.findings)
  const folder = mkdtempSync(join(tmpdir(), 'millrace-fuzz-'))
  try {
    await using log = await AttackedLog.start({ dataPath: join(folder, 'data'), config: CONFIG })
    await new Campaign(options, log, guided.corpus).run()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

class Campaign {
  readonly #options: WireCampaign
  readonly #log: AttackedLog
  readonly #corpus: readonly Buffer[]
  readonly #findings = new Set<string>()
  /** The last frames of all attackers, for whoever looks into a crash. */
  readonly #latest: Buffer[] = []
  #frames = 0
  #answers = 0
  #slowestPingMs = 0

  constructor(options: WireCampaign, log: AttackedLog, corpus: readonly Buffer[]) {
    this.#options = options
    this.#log = log
    this.#corpus = corpus
  }

  async run(): Promise<void> {
    const { say, seed, durationMs } = this.#options
    const bystanders = await Bystanders.start({ bootstrap: `${this.#log.host}:${this.#log.port}`, seed })
    try {
      await this.#wave('warm-up', Math.min(WARM_UP_MS, durationMs), bystanders)
      const before = await this.#settled(bystanders)
      say(`before: ${describe(before)}`)
      await this.#wave('attack', durationMs, bystanders)
      say(
        `${this.#frames} frames, ${this.#answers} answers, slowest small question ${Math.round(this.#slowestPingMs)} ms`,
      )
      const after = await this.#settled(bystanders)
      say(`after: ${describe(after)}`)
      this.#compare(before, after)
      const { acknowledged, transactions, troubles } = await this.#log.during(bystanders.finish())
      say(`bystanders: ${acknowledged} records, ${transactions} transactions, all there`)
      for (const trouble of troubles) this.#findings.add(`a bystander met an error: ${trouble}`)
      await this.#log.stop()
    } catch (error) {
      if (!this.#log.hasEnded) throw error
      this.#findings.add(`the log ended: ${this.#log.lastWords}\nlast frames:\n${this.#lastFrames()}`)
    } finally {
      await bystanders.close()
    }
    throwFindings([...this.#findings])
  }

  async #wave(name: string, durationMs: number, bystanders: Bystanders): Promise<void> {
    const { seed, attackers = 12 } = this.#options
    const untilMs = performance.now() + durationMs
    const over = (): boolean => performance.now() > untilMs || this.#log.hasEnded
    await Promise.all([
      this.#ping(bystanders, over),
      ...Array.from({ length: attackers }, (_, index) =>
        this.#attacker(new SeededRandom(`${seed}/${name}/${index}`), over),
      ),
    ])
    for (const report of this.#log.reports.values()) if (report.startsWith('error')) this.#reported(report)
  }

  async #attacker(random: SeededRandom, over: () => boolean): Promise<void> {
    const vocabulary = new Vocabulary(random.fork('words'))
    const grammar = new RequestGrammar({ random: random.fork('grammar'), vocabulary, apis: servedApis() })
    const frames = new FrameSource({ random: random.fork('frames'), grammar, corpus: this.#corpus })
    const world = nodeWorld()
    while (!over()) {
      const { sent, answers } = await attack({
        world,
        address: this.#log,
        random,
        vocabulary,
        frames,
        onFinding: (text) => this.#findings.add(text),
      })
      this.#frames += sent.length
      this.#answers += answers
      this.#latest.push(...sent)
      if (this.#latest.length > 400) this.#latest.splice(0, this.#latest.length - 200)
    }
  }

  async #ping(bystanders: Bystanders, over: () => boolean): Promise<void> {
    while (!over()) {
      this.#slowestPingMs = Math.max(this.#slowestPingMs, await bystanders.pingMs())
      await sleep(1_000)
    }
    if (this.#slowestPingMs > PING_MS_MAX)
      this.#findings.add(`a small question was answered after ${Math.round(this.#slowestPingMs)} ms`)
  }

  /** What the log needs once the attackers' topics are deleted and their state has expired. */
  async #settled(bystanders: Bystanders): Promise<ServerMemory> {
    await bystanders.deleteOtherTopics()
    await sleep(SETTLE_MS)
    return this.#log.memory()
  }

  #compare(before: ServerMemory, after: ServerMemory): void {
    const size = ({ heapBytes, outsideHeapBytes }: ServerMemory): number => heapBytes + outsideHeapBytes
    const grown = size(after) - size(before)
    if (grown > GROWTH_BYTES_MAX) this.#findings.add(`the log has grown by ${mebibytes(grown)} and keeps it`)
    if (after.connections > before.connections)
      this.#findings.add(`${after.connections - before.connections} connections stay open`)
  }

  #reported(report: string): void {
    const event = report.slice('error '.length, report.indexOf(':'))
    if (isInternalError(event)) this.#findings.add(report)
  }

  #lastFrames(): string {
    return this.#latest
      .slice(-50)
      .map((frame) => frame.subarray(0, 600).toString('hex'))
      .join('\n')
  }
}

function throwFindings(findings: readonly string[]): void {
  if (findings.length > 0)
    throw new Error(`fuzzing found:\n${findings.map((text) => `- ${text}`).join('\n')}`)
}

function describe({ residentBytes, heapBytes, outsideHeapBytes, connections }: ServerMemory): string {
  return `${mebibytes(residentBytes)} resident, ${mebibytes(heapBytes)} heap, ${mebibytes(outsideHeapBytes)} outside it, ${connections} connections`
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`
}
