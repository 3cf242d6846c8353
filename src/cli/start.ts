import type { Command } from 'commander'
import { terminal } from './output.ts'
import { type ProcessOptions, withProcessOptions } from './process-options.ts'
import { stopSignal } from './stop-signals.ts'

const MORE = `
Over HTTP:
  /                                                   status page
  /api/v1/jobs  /api/v1/topics  /api/v1/groups        JSON: all; one with /NAME behind it
  /registry                                           schema registry, for clients of Confluent's
  /metrics  /healthz  /readyz                         for Prometheus and for whoever restarts what has died

Examples:
  $ millrace start --data ./data
  $ millrace start --config production.yaml
  $ kcat -b 127.0.0.1:9092 -L`

export function addStart(program: Command): void {
  withProcessOptions(
    program
      .command('start')
      .summary('start the log, with HTTP beside it')
      .description(
        'Starts the log: Kafka clients of any language connect to --listen. Prints one line once it is ready, and serves ' +
          'until Ctrl-C. What was acknowledged is there again after the next start with the same --data.',
      ),
  )
    .addHelpText('after', MORE)
    .action(async (options: ProcessOptions) => {
      const stop = stopSignal({ announce: true })
      const { clientAddresses, reloadAtHangUp, serveProcess, settingsOf } = await import('./serve-process.ts')
      const settings = await settingsOf(options)
      await using served = await serveProcess(settings)
      const page = served.url === undefined ? '' : `, status page on ${served.url}`
      const registry =
        settings.schemaRegistry === undefined ? '' : `, schema registry on ${served.registryUrl}`
      terminal.out(
        `millrace: ready, Kafka clients on ${clientAddresses(served)}${page}${registry}, data in ${settings.data}`,
      )
      reloadAtHangUp(served)
      await Promise.race([stop, served.logEnded])
    })
}
