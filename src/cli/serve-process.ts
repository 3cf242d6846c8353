import { resolve } from 'node:path'
import { messageOf, MillraceError } from '../base/millrace-error.ts'
import { processSettings, type ProcessSettings } from '../config/process-settings.ts'
import type { MirrorConfig } from '../config/settings.ts'
import type { Served, ServedMirror } from '../server/serve.ts'
import { type Address, formatAddress } from './address.ts'
import { securityOf } from './cluster.ts'
import { loadConfig } from './config-file.ts'
import { terminal } from './output.ts'
import type { ProcessOptions } from './process-options.ts'
import { onHangUp } from './stop-signals.ts'

/** What a process is told by its configuration and by the options of the command, which win. */
export async function settingsOf(options: ProcessOptions): Promise<ProcessSettings> {
  const { config, resolvePath } = await loadConfig({
    ...(options.config !== undefined && { file: options.config }),
  })
  const { listeners, ...settings } = processSettings(config, resolvePath)
  const { data, listen, http, schemaRegistry, logLevel, logFormat } = options
  const registry = schemaRegistry ?? settings.schemaRegistry
  return {
    data: data ?? settings.data,
    listen: listen ?? settings.listen,
    // An address on the command line stands for all of the configuration's.
    ...(listeners !== undefined && listen === undefined && { listeners }),
    http: http ?? settings.http,
    ...(registry !== undefined && { schemaRegistry: registry }),
    ...(settings.httpToken !== undefined && { httpToken: settings.httpToken }),
    allowAnonymousBeyondLoopback:
      options.allowAnonymousBeyondLoopback ?? settings.allowAnonymousBeyondLoopback,
    log: { level: logLevel ?? settings.log.level, format: logFormat ?? settings.log.format },
    broker: settings.broker,
    mirrors: settings.mirrors,
  }
}

/** Starts what `start` and `run` have in common; names the flag that mends what went wrong. */
export async function serveProcess(
  settings: ProcessSettings,
  { kafka, kafkaConfig }: { readonly kafka?: string; readonly kafkaConfig?: string } = {},
): Promise<Served> {
  const [{ serve }, { reportLog }, security] = await Promise.all([
    import('../server/serve.ts'),
    import('./report-log.ts'),
    securityOf(kafkaConfig),
  ])
  const { http, listen, listeners, broker, log, schemaRegistry, httpToken } = settings
  const embedded = { broker, ...(listeners === undefined ? { listen } : { listeners }) }
  try {
    return await serve({
      data: resolve(settings.data),
      http,
      ...(schemaRegistry !== undefined && { schemaRegistry }),
      ...(httpToken !== undefined && { httpToken }),
      allowAnonymousBeyondLoopback: settings.allowAnonymousBeyondLoopback,
      report: reportLog(log),
      ...(kafka === undefined ? embedded : { kafka, security }),
      mirrors: await Promise.all(settings.mirrors.map(mirrorOptions)),
    })
  } catch (error) {
    throw error instanceof MillraceError ? withFlag(error, settings) : error
  }
}

/** One side of a mirror is the log of the process, the other one is named. */
export async function mirrorOptions({ from, to, kafkaConfig, ...rest }: MirrorConfig): Promise<ServedMirror> {
  const bootstrap = from ?? to
  if (bootstrap === undefined || (from !== undefined && to !== undefined)) {
    throw new MillraceError({
      code: 'MR_CONFIG_INVALID',
      message: 'a mirror of the configuration names either the cluster to copy to, or the one to copy from.',
      fix: 'Give mirrors[] one of `to` and `from`; the other side is the log of this process.',
    })
  }
  const other = { bootstrap, security: await securityOf(kafkaConfig) }
  return { ...rest, ...(from === undefined ? { to: other } : { from: other }) }
}

/** Reads certificates anew at SIGHUP; the log reports what came of it. */
export function reloadAtHangUp(served: Served): void {
  onHangUp(async () => {
    try {
      const reloads = await served.reloadCertificates()
      const text = reloads.map(({ listener, result, reason }) =>
        reason === undefined ? `${listener}: ${result}` : `${listener}: ${result} (${reason})`,
      )
      terminal.note(
        `millrace: certificates read anew: ${text.length === 0 ? 'there are none' : text.join(', ')}`,
      )
    } catch (error) {
      terminal.note(`millrace: ${messageOf(error)}`)
    }
  })
}

/** Where Kafka clients connect, in words: each listener with its name, when there are several. */
export function clientAddresses({ bootstrap, listeners }: Served): string {
  if (listeners.length < 2) return bootstrap
  return listeners.map(({ name, host, port }) => `${formatAddress({ host, port })} (${name})`).join(', ')
}

function withFlag(error: MillraceError, settings: ProcessSettings): MillraceError {
  const { code } = error
  if (code === 'MR_ADDRESS_IN_USE' && settings.listeners === undefined) {
    const { listen, http, schemaRegistry } = settings
    const isTaken = (address: Address): boolean => error.place.peer === formatAddress(address)
    const taken =
      http !== false && isTaken(http)
        ? { address: http, flag: '--http', what: 'HTTP' }
        : schemaRegistry !== undefined && isTaken(schemaRegistry)
          ? { address: schemaRegistry, flag: '--schema-registry', what: 'the schema registry' }
          : { address: listen, flag: '--listen', what: 'Kafka clients' }
    return new MillraceError({
      code,
      message: `another program listens on ${formatAddress(taken.address)}, the address for ${taken.what}.`,
      fix: `Stop it, or choose another address with ${taken.flag} HOST:PORT; port 0 takes a free one.`,
      cause: error,
    })
  }
  if (code === 'MR_OPEN_LISTENER') {
    return new MillraceError({
      code,
      ...error.place,
      message: 'other machines could come in here, and nobody would ask them who they are.',
      fix: 'Listen on 127.0.0.1; give the listeners of the configuration sasl, and HTTP a token (MILLRACE_HTTP_TOKEN); or say --allow-anonymous-beyond-loopback where the network itself keeps strangers out.',
      cause: error,
    })
  }
  if (code === 'MR_DATA_DIR_IN_USE') {
    return new MillraceError({
      code,
      message: `another Millrace works on the data directory ${resolve(settings.data)}.`,
      fix: 'Stop it, or choose another directory with --data DIR.',
      cause: error,
    })
  }
  return error
}
