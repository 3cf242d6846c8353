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
 * Why a suite that needs a witness is skipped: what is lacking and how to get it; false when it is here. In continuous
 * integration everything has to be there, so what is lacking is thrown.
 */
export function lacking(name: WitnessName): string | false {
  const { isHere, what } = witness(name)
  if (isHere()) return false
  const reason = `${name} is lacking: ${what}. Get it with: node conformance/tools/fetch.ts ${name}`
  if (process.env['CI'] !== undefined && process.env['CI'] !== '') throw new Error(reason)
  return reason
}

/** Whether a witness is here; skips the test where it is not, or fails it in continuous integration. */
export function hasWitness(t: TestContext, name: WitnessName): boolean {
  const reason = lacking(name)
  if (reason !== false) t.skip(reason)
  return reason === false
}
