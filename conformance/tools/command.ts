import { spawn } from 'node:child_process'

/** A program to run, without a shell in between. */
export interface Command {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

export interface Finished {
  /** `null` when a signal ended it. */
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs a command to its end and returns what it said; a non-zero exit is not an error here.
 * @param options.timeoutMs after which it is killed. Default 60,000.
 */
export function runCommand(
  { command, args, env }: Command,
  options: { readonly input?: string; readonly timeoutMs?: number; readonly cwd?: string } = {},
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: options.timeoutMs ?? 60_000,
      killSignal: 'SIGKILL',
    })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    child.on('error', reject)
    child.on('close', (exitCode) => resolve({ exitCode, stdout, stderr }))
    child.stdin.on('error', () => {}) // The child may end before it has read its input.
    child.stdin.end(options.input ?? '')
  })
}

/** As `runCommand`, but throws with all that the command said unless it ends with exit code 0. */
export async function expectSuccess(
  command: Command,
  options?: Parameters<typeof runCommand>[1],
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const { exitCode, stdout, stderr } = await runCommand(command, options)
  if (exitCode !== 0) {
    throw new Error(
      `${[command.command, ...command.args].join(' ')} ended with ${exitCode}\n${stdout}\n${stderr}`,
    )
  }
  return { stdout, stderr }
}
