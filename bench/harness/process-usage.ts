/** What a process has used, as Linux counts it. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { Command } from '../../conformance/tools/command.ts'

/** Linux shows CPU time to programs in hundredths of a second, whatever the kernel's own tick is. */
const TICKS_PER_SECOND = 100

export interface ProcessUsage {
  /** User and system time of all its threads, in seconds. */
  readonly cpuSeconds: number
  /** The most memory that was resident at any one time, in MiB. */
  readonly peakMemoryMiB: number
  /** What is resident now, in MiB. */
  readonly memoryMiB: number
}

/** Undefined once the process has ended. */
export function usageOf(pid: number): ProcessUsage | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The second field is the program's name in brackets and may hold anything, so the others are counted from its end.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const status = readFileSync(`/proc/${pid}/status`, 'latin1')
    const kibibytes = (name: string): number =>
      Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0)
    const hasEnded = fields[0] === 'Z'
    if (hasEnded) return undefined
    return {
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
      peakMemoryMiB: kibibytes('VmHWM') / 1024,
      memoryMiB: kibibytes('VmRSS') / 1024,
    }
  } catch {
    return undefined
  }
}

/** As `usageOf`, of a process that must be running. */
export function usageOfRunning(pid: number): ProcessUsage {
  const usage = usageOf(pid)
  if (usage === undefined) throw new Error('a measured process ended before its measurement did')
  return usage
}

export interface MeasuredRun {
  readonly stdout: string
  readonly usage: ProcessUsage
  readonly wallSeconds: number
}

/**
 * Runs a command to its end and says what it used. The usage is read every 50 ms, so it lacks up to that much at the
 * end. Throws with what the command said when it fails.
 */
export async function measureCommand(
  { command, args, env }: Command,
  options: { readonly timeoutMs?: number } = {},
): Promise<MeasuredRun> {
  const startedMs = performance.now()
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let usage: ProcessUsage = { cpuSeconds: 0, peakMemoryMiB: 0, memoryMiB: 0 }
  const sampler = setInterval(() => (usage = usageOf(child.pid ?? 0) ?? usage), 50)
  const killer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 300_000)
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  try {
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject)
      child.on('close', resolve)
    })
    if (exitCode !== 0)
      throw new Error(
        `${command} ${args.join(' ')} ended with ${exitCode}\n${stdout.slice(-4_000)}\n${stderr.slice(-4_000)}`,
      )
  } finally {
    clearInterval(sampler)
    clearTimeout(killer)
  }
  return { stdout, usage, wallSeconds: (performance.now() - startedMs) / 1_000 }
}
