/**
 * Coverage-guided fuzzing of the whole broker, in this process and on a simulated machine: a run depends on its seed
 * alone. Frames that reached code which no frame before had reached are kept, and what comes later is made from them.
 */
import { messageOf } from '../src/base/millrace-error.ts'
import { startBroker, type Broker } from '../src/log/broker/broker.ts'
import { brokerRoutes } from '../src/log/broker/broker-routes.ts'
import { Simulation } from '../src/world/simulated/simulation.ts'
import { sleep } from '../src/world/world.ts'
import { attack } from './attacker.ts'
import { CodeCoverage } from './code-coverage.ts'
import { FrameSource } from './frame-source.ts'
import { RequestGrammar } from './request-grammar.ts'
import { Vocabulary } from './vocabulary.ts'

export interface GuidedResult {
  readonly findings: readonly string[]
  /** Frames that are worth sending to others. */
  readonly corpus: readonly Buffer[]
  readonly frames: number
  readonly blocks: number
}

/** Sessions whose coverage is looked at together: looking takes longer than a session. */
const GENERATION = 16
const CORPUS_MAX = 4_000
const PORT = 9092

export async function fuzzGuided(options: {
  readonly seed: number
  readonly sessions: number
  readonly stop?: () => boolean
}): Promise<GuidedResult> {
  const simulation = new Simulation({ seed: options.seed })
  const server = simulation.machine('server')
  const client = simulation.machine('client')
  const random = simulation.random.fork('fuzz')
  const findings = new Set<string>()
  const corpus: Buffer[] = []
  let frames = 0
  const onStray = (error: unknown): void => void findings.add(`nobody caught: ${stackOf(error)}`)
  process.on('unhandledRejection', onStray)
  using coverage = new CodeCoverage('/src/log/')
  try {
    await simulation.run(async () => {
      const broker: Broker = await startBroker({
        world: server.world,
        dataPath: '/log',
        listen: { host: '127.0.0.1', port: PORT },
        report: (_level, event, fields) => {
          if (isInternalError(event)) findings.add(`${event}: ${describe(fields)}`)
        },
      })
      const vocabulary = new Vocabulary(random.fork('words'))
      const grammar = new RequestGrammar({ random: random.fork('grammar'), vocabulary, apis: servedApis() })
      const source = new FrameSource({ random: random.fork('frames'), grammar, corpus })
      for (let done = 0; done < options.sessions && options.stop?.() !== true; done += GENERATION) {
        const sent: Buffer[] = []
        for (let index = 0; index < GENERATION; index++) {
          const session = await attack({
            world: client.world,
            address: { host: '127.0.0.1', port: PORT },
            random,
            vocabulary,
            frames: source,
            onFinding: (text) => findings.add(text),
          })
          sent.push(...session.sent)
        }
        frames += sent.length
        if (coverage.newBlocks() > 0) corpus.push(...sent)
        if (corpus.length > CORPUS_MAX) corpus.splice(0, corpus.length - CORPUS_MAX)
      }
      await sleep(simulation.clock, 1_000)
      await broker.close()
    })
  } finally {
    process.off('unhandledRejection', onStray)
  }
  return { findings: [...findings], corpus, frames, blocks: coverage.blocks }
}

export function servedApis() {
  return brokerRoutes().map(({ api }) => api)
}

/** Reports of the broker that say that it, and not the client, was wrong. */
export function isInternalError(event: string): boolean {
  return event === 'a request failed inside the broker' || event === 'housekeeping failed'
}

function describe(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name} ${value instanceof Error ? stackOf(value) : String(value)}`)
    .join(', ')
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : messageOf(error)
}
