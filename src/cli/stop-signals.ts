import { terminal } from './output.ts'

/**
 * Resolves at the first Ctrl-C (SIGINT) or SIGTERM. A second one ends the process at once: what is durable stays, and
 * the next start recovers as after a crash.
 */
export function stopSignal({ announce }: { readonly announce: boolean }): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let stopping = false
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        if (stopping) process.exit(128 + (signal === 'SIGINT' ? 2 : 15))
        stopping = true
        if (announce) terminal.note('millrace: stopping; once more ends it at once')
        resolve(signal)
      })
    }
  })
}

/**
 * Runs `reload` at every SIGHUP, as servers do. At a terminal it is what a closed window sends, and ends the process in
 * good order, as SIGTERM does.
 */
export function onHangUp(reload: () => Promise<void>): void {
  process.on('SIGHUP', () => {
    if (process.stdin.isTTY || process.stdout.isTTY) process.kill(process.pid, 'SIGTERM')
    else void reload()
  })
}
