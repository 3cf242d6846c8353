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
