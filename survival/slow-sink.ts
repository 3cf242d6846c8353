import type { Sink } from 'millrace'

/** How long it takes a rest at the most, in ms. */
const REST_MS = 80

/**
 * Takes everything and keeps nothing, and now and then lets what comes next wait: a batch that has been read and not been
 * processed is then there when a barrier comes.
 */
export function slowSink(): Sink<unknown> {
  return {
    kind: 'slow',
    guarantee: 'at-least-once',
    createWriter({ world: { clock, random } }) {
      let resting: Promise<void> | undefined
      return {
        recover: () => Promise.resolve(),
        write() {
          if (resting !== undefined || random.uint32() % 4 > 0) return
          resting = new Promise((resolve) => {
            clock.schedule(random.uint32() % REST_MS, () => {
              resting = undefined
              resolve()
            })
          })
        },
        blocked: () => resting,
        prepareCommit: () => Promise.resolve(undefined),
        commit: () => Promise.resolve(),
        close: () => Promise.resolve(),
      }
    },
  }
}
