/**
 * Fuzzes the log: `npm run -s fuzz -- --minutes 10 [--seed S] [--target wire|decoders|recovery]`. Without a target the
 * decoders and the recovery get a tenth of the time each, the wire the rest. A seed repeats the same choices; over real
 * connections what the log answers, and when, is its own.
 */
import { parseArgs } from 'node:util'
import { fuzzDecoders } from './decoders.ts'
import { fuzzRecovery } from './recovery.ts'
import { fuzzWire } from './wire-campaign.ts'

interface Target {
  readonly share: number
  readonly run: (options: {
    readonly seed: number
    readonly durationMs: number
    readonly say: (text: string) => void
  }) => Promise<void>
}

const targets: Readonly<Record<string, Target>> = {
  decoders: { share: 0.1, run: fuzzDecoders },
  recovery: { share: 0.1, run: fuzzRecovery },
  wire: { share: 0.8, run: (options) => fuzzWire({ ...options, guidedSessions: 3_000 }) },
}

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string' },
    target: { type: 'string' },
  },
})
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))
const minutes = Number(values.minutes)
const chosen = Object.entries(targets).filter(
  ([name]) => values.target === undefined || values.target === name,
)
if (chosen.length === 0 || !(minutes > 0) || !Number.isInteger(seed)) {
  console.error(
    `usage: npm run -s fuzz -- --minutes N [--seed S] [--target ${Object.keys(targets).join('|')}]`,
  )
  process.exit(2)
}
for (const [name, { share, run }] of chosen) {
  const say = (text: string): void => console.log(`${name}: ${text}`)
  const durationMs = minutes * 60_000 * (chosen.length === 1 ? 1 : share)
  try {
    await run({ seed, durationMs, say })
  } catch (error) {
    process.exitCode = 1
    console.log(error instanceof Error ? error.stack : String(error))
    console.log(`again: npm run -s fuzz -- --minutes ${minutes} --seed ${seed} --target ${name}`)
  }
}
if (process.exitCode === undefined) console.log(`seed ${seed}: nothing found`)
// Bystanders of a log that is gone go on looking for it.
process.exit()
