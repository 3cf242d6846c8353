import type { Command } from 'commander'
import { serve } from '../server/serve.ts'
import { nodeWorld } from '../world/node.ts'
import { terminal } from './output.ts'
import { type ProcessOptions, withProcessOptions } from './process-options.ts'
import { reportLog } from './report-log.ts'
import { stopSignal } from './stop-signals.ts'

export function addStart(program: Command): void {
  withProcessOptions(
    program
      .command('start')
      .summary('start the log, and REST beside it')
      .description(
        'Starts the log: Kafka clients of any language connect to --listen. Prints one line once it is ready, and serves\n' +
          'until Ctrl-C. What was acknowledged is there again after the next start with the same --data.',
      ),
  )
    .addHelpText('after', '\nExample:\n  $ millrace start --data ./data\n  $ kcat -b 127.0.0.1:9092 -L')
    .action(async ({ listen, http, data, logLevel }: ProcessOptions) => {
      const stop = stopSignal()
      await using served = await serve({
        world: nodeWorld(),
        data,
        listen,
        http,
        report: reportLog(logLevel),
      })
      const page = served.url === undefined ? '' : `, status page on ${served.url}`
      terminal.out(`millrace: ready, Kafka clients on ${served.bootstrap}${page}`)
      await Promise.race([stop, served.logEnded])
    })
}
