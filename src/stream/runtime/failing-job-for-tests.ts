/**
 * A job for worker threads that fails once in the way that a file names: `exit` (a step ends its thread in good order)
 * or `open` (the sink of subtask 1 cannot be opened, while that of subtask 0 holds its thread alive until it is closed).
 */
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { collect, generator, job, type Sink } from '../../index.ts'

const path = process.env['MILLRACE_TEST_FAILURE']
const failure = path !== undefined && existsSync(path) ? readFileSync(path, 'utf8') : undefined

const held: Sink<number> = {
  kind: 'held',
  guarantee: 'at-least-once',
  createWriter({ subtask }) {
    let timer: NodeJS.Timeout | undefined
    return {
      recover() {
        if (failure === 'open' && subtask === 1) throw new Error('subtask 1 cannot be opened')
        timer = setInterval(() => {}, 1000)
        return Promise.resolve()
      },
      write: () => {},
      blocked: () => undefined,
      prepareCommit: () => Promise.resolve(undefined),
      commit: () => Promise.resolve(),
      close() {
        clearInterval(timer)
        return Promise.resolve()
      },
    }
  },
}

// oxlint-disable-next-line import/no-default-export -- what a job module does.
export default job('failing', (flow) => {
  const numbers = flow
    .source('numbers', generator({ count: 1000, splits: 2, generate: (i) => i }))
    .map((i) => {
      if (failure === 'exit' && i === 500) {
        rmSync(path!)
        process.exit(0)
      }
      return i
    })
  numbers.sink('held', held)
  numbers.sink('out', collect())
})
