/** The command as a process of its own, for tests. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const bin = fileURLToPath(new URL('./bin.ts', import.meta.url))

export interface Result {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
}

export interface Process {
  readonly child: ChildProcess
  readonly ended: Promise<Result>
  /** Resolves with the first line of standard output (or error) that matches; rejects when the process ends without. */
  says(pattern: RegExp): Promise<RegExpExecArray>
}

export interface CommandOptions {
  readonly input?: string
  /** Its output is first read a second after the first piece of it. */
  readonly slow?: boolean
  readonly env?: Readonly<Record<string, string>>
}

export interface Commands {
  /** Starts the command. */
  command(args: readonly string[], options?: CommandOptions): Process
  /** Runs it to its end. */
  run(args: readonly string[], options?: CommandOptions): Promise<Result>
  /** Runs it to its end, which has to be a good one. */
  ok(args: readonly string[], options?: CommandOptions): Promise<Result>
  /** Kills what still runs. */
  endAll(): void
}

/** Commands whose working directory is `folder`. */
export function commandsIn(folder: string): Commands {
  const running = new Set<ChildProcess>()

  /** Runs the command. */
  function command(args: readonly string[], options: CommandOptions = {}): Process {
    const child = spawn(process.execPath, ['--conditions=millrace-source', bin, ...args], {
      cwd: folder,
      env: { ...process.env, ...options.env },
    })
    running.add(child)
    let [out, err] = ['', '']
    const listeners = new Set<() => void>()
    const hear = (add: (text: string) => void) => (chunk: Buffer) => {
      add(chunk.toString())
      for (const listener of listeners) listener()
    }
    child.stdout.on(
      'data',
      hear((text) => (out += text)),
    )
    if (options.slow === true)
      child.stdout.once('data', () => {
        child.stdout.pause()
        setTimeout(() => child.stdout.resume(), 1_000)
      })
    child.stderr.on(
      'data',
      hear((text) => (err += text)),
    )
    child.stdin.on('error', () => {})
    child.stdin.end(options.input ?? '')
    const ended = new Promise<Result>((resolve) => {
      child.on('close', (code, signal) => {
        running.delete(child)
        resolve({ code, signal, out, err })
      })
    })
    return {
      child,
      ended,
      says: (pattern) =>
        new Promise((resolve, reject) => {
          const look = (): void => {
            const match = pattern.exec(out) ?? pattern.exec(err)
            if (match === null) return
            listeners.delete(look)
            resolve(match)
          }
          listeners.add(look)
          look()
          void ended.then(() => reject(new Error(`ended without ${String(pattern)}:\n${out}${err}`)))
        }),
    }
  }

  const run = (args: readonly string[], options: CommandOptions = {}): Promise<Result> =>
    command(args, options).ended

  async function ok(args: readonly string[], options: CommandOptions = {}): Promise<Result> {
    const result = await run(args, options)
    assert.equal(result.code, 0, `millrace ${args.join(' ')}\n${result.out}${result.err}`)
    return result
  }

  return {
    command,
    run,
    ok,
    endAll() {
      for (const child of running) child.kill('SIGKILL')
    },
  }
}
