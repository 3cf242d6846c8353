import { execFileSync } from 'node:child_process'
import { cpus, totalmem } from 'node:os'
import type { Facts } from './benchmark.ts'

/** What a reader has to know about the machine to read a figure; nothing that tells which machine it is. */
export function machineFacts(): Facts {
  return {
    cores: cpus().length,
    processor: cpus()[0]?.model ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: process.platform,
    node: process.versions.node,
    java: javaVersion(),
  }
}

function javaVersion(): string | undefined {
  try {
    return execFileSync('java', ['--version'], { encoding: 'utf8' }).split('\n')[0]
  } catch {
    return undefined
  }
}
