/**
 * The server that the conformance tests hold to Kafka's behaviour: Millrace's log, started for each test file, unless
 * `CONFORMANCE_TARGET=host:port` names another (a real Kafka, to check the tests themselves; then
 * `CONFORMANCE_TARGET_DATA` may name the folder of its partitions).
 */
import type { TestContext } from 'node:test'
import { startMillrace } from './start-millrace.ts'
import type { WitnessName } from './witnesses.ts'
import { witness } from './witnesses.ts'

export interface Target extends AsyncDisposable {
  readonly address: string
  /** The folder that holds the partitions' folders; undefined when it is not known. */
  readonly dataPath: string | undefined
  /** Put before every topic, group and transactional id, so that a target can be used many times. */
  readonly prefix: string
  /** Ends the server in good order, so that all it holds is on disk; does nothing to a target that was named. */
  stop(): Promise<void>
}

export async function startTarget(): Promise<Target> {
  const address = process.env['CONFORMANCE_TARGET']
  const prefix = `c${Date.now().toString(36)}${process.pid.toString(36)}-`
  if (address !== undefined && address !== '') {
    const dataPath = process.env['CONFORMANCE_TARGET_DATA']
    return { address, dataPath, prefix, async stop() {}, async [Symbol.asyncDispose]() {} }
  }
  const server = await startMillrace()
  return { ...server, prefix }
}

/**
 * Whether a witness is here. Where it is not, the test is skipped with a line that says what is lacking, but fails in
 * continuous integration, where everything has to be there.
 */
export function hasWitness(t: TestContext, name: WitnessName): boolean {
  const { isHere, what } = witness(name)
  if (isHere()) return true
  const lacking = `${name} is lacking: ${what}. Get it with: node conformance/tools/fetch.ts ${name}`
  if (process.env['CI'] !== undefined && process.env['CI'] !== '') throw new Error(lacking)
  t.skip(lacking)
  return false
}
