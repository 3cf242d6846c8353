import { resolve } from 'node:path'
import { MillraceError } from '../base/millrace-error.ts'
import type { Served } from '../server/serve.ts'
import { formatAddress } from './address.ts'
import type { ProcessOptions } from './process-options.ts'

/** Starts what `start` and `run` have in common; names the flag that mends what went wrong. */
export async function serveProcess(options: ProcessOptions & { readonly kafka?: string }): Promise<Served> {
  const [{ serve }, { reportLog }] = await Promise.all([
    import('../server/serve.ts'),
    import('./report-log.ts'),
  ])
  const { http, kafka, listen } = options
  try {
    return await serve({
      data: resolve(options.data),
      http,
      report: reportLog(options.logLevel),
      ...(kafka === undefined ? { listen } : { kafka }),
    })
  } catch (error) {
    throw error instanceof MillraceError ? withFlag(error, options) : error
  }
}

function withFlag(error: MillraceError, options: ProcessOptions): MillraceError {
  const { code } = error
  if (code === 'MR_ADDRESS_IN_USE') {
    const { listen, http } = options
    const taken =
      http !== false && error.place.peer === formatAddress(http)
        ? { address: http, flag: '--http', what: 'HTTP' }
        : { address: listen, flag: '--listen', what: 'Kafka clients' }
    return new MillraceError({
      code,
      message: `another program listens on ${formatAddress(taken.address)}, the address for ${taken.what}.`,
      fix: `Stop it, or choose another address with ${taken.flag} HOST:PORT; port 0 takes a free one.`,
      cause: error,
    })
  }
  if (code === 'MR_DATA_DIR_IN_USE') {
    return new MillraceError({
      code,
      message: `another Millrace works on the data directory ${resolve(options.data)}.`,
      fix: 'Stop it, or choose another directory with --data DIR.',
      cause: error,
    })
  }
  return error
}
