import type { ChildProcess } from 'node:child_process'

/** Asks a child process to end (SIGTERM), and kills it when it has not within the grace period. Resolves once it is gone. */
export async function endProcess(
  child: ChildProcess,
  options: { readonly graceMs?: number } = {},
): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.kill('SIGTERM')
  const killer = setTimeout(() => child.kill('SIGKILL'), options.graceMs ?? 10_000)
  await gone
  clearTimeout(killer)
}
