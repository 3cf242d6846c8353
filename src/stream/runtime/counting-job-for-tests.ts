/** A job for worker threads: counts generated events by key; kills its thread once if it is told to by a file. */
import { existsSync, rmSync } from 'node:fs'
import { collect, count, generator, job, tumbling } from '../../index.ts'

const trap = process.env['MILLRACE_TEST_TRAP']

// oxlint-disable-next-line import/no-default-export -- what a job module does.
export default job('counting', (flow) => {
  flow
    .source(
      'numbers',
      generator({
        count: 20_000,
        splits: 3,
        ratePerSecond: 80_000,
        generate: (i) => ({ i, name: `key ${i % 50}` }),
      }),
    )
    .eventTime({ at: ({ i }) => i, outOfOrdernessMs: 100 })
    .map((event) => {
      if (event.i === 12_000 && trap !== undefined && existsSync(trap)) {
        rmSync(trap)
        process.exit(7)
      }
      return event
    })
    .keyBy((event) => event.name)
    .window(tumbling({ sizeMs: 1000 }))
    .aggregate('counts', { n: count() })
    .sink('out', collect())
})
