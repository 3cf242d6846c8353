import type { BrokerConfig } from '../log/broker/broker-config.ts'
import type {
  HostAndPort,
  ListenerOptions,
  ListenerTlsOptions,
  OAuthBearerOptions,
} from '../log/broker/security/listener-options.ts'
import { type Address, readAddress } from './address.ts'
import type { CheckedConfig } from './check-config.ts'
import { type ListenerConfig, type MirrorConfig, SETTINGS } from './settings.ts'

export type LogFormat = (typeof SETTINGS.log.fields.format.oneOf)[number]
export type LogLevel = (typeof SETTINGS.log.fields.level.oneOf)[number]

/** What a process is started with: a configuration with its defaults, in the forms that the parts take. */
export interface ProcessSettings {
  readonly data: string
  /** Where the one open listener is, unless there are `listeners`. */
  readonly listen: Address
  readonly listeners?: readonly ListenerOptions[]
  readonly http: HostAndPort | false
  readonly schemaRegistry?: Address
  readonly httpToken?: string
  readonly allowAnonymousBeyondLoopback: boolean
  readonly log: { readonly level: LogLevel; readonly format: LogFormat }
  readonly broker: Partial<BrokerConfig>
  readonly mirrors: readonly MirrorConfig[]
}

/** Fills the defaults in. `resolvePath` makes a path of the file one of the process. */
export function processSettings(
  config: CheckedConfig,
  resolvePath: (path: string) => string = (path) => path,
): ProcessSettings {
  const { data, listen, listeners, http, schemaRegistry, httpToken, log, broker, mirrors = [] } = config
  return {
    // The default lies where the process is started, also when a file elsewhere is used.
    data: data === undefined ? SETTINGS.data.default : resolvePath(data),
    listen: addressOf(listen ?? SETTINGS.listen.default),
    ...(listeners !== undefined && {
      listeners: listeners.map((listener) => listenerOptions(listener, resolvePath)),
    }),
    http: http === false ? false : addressOf(http ?? SETTINGS.http.default),
    ...(schemaRegistry !== undefined && { schemaRegistry: addressOf(schemaRegistry) }),
    ...(httpToken !== undefined && { httpToken }),
    allowAnonymousBeyondLoopback:
      config.allowAnonymousBeyondLoopback ?? SETTINGS.allowAnonymousBeyondLoopback.default,
    log: {
      level: log?.level ?? SETTINGS.log.fields.level.default,
      format: log?.format ?? SETTINGS.log.fields.format.default,
    },
    broker: (broker ?? {}) as Partial<BrokerConfig>,
    mirrors: mirrors.map((mirror) => withPaths(mirror, ['kafkaConfig'], resolvePath)),
  }
}

function listenerOptions(
  { name, listen, advertised, tls, sasl }: ListenerConfig,
  resolvePath: (path: string) => string,
): ListenerOptions {
  return {
    ...(name !== undefined && { name }),
    ...addressOf(listen),
    ...(advertised !== undefined && { advertised: addressOf(advertised) }),
    ...(tls !== undefined && { tls: withPaths(tls, PEM_SETTINGS, resolvePath) satisfies ListenerTlsOptions }),
    ...(sasl !== undefined && {
      sasl: {
        mechanisms: sasl.mechanisms,
        ...(sasl.users && { users: sasl.users }),
        ...(sasl.oauthBearer && {
          oauthBearer: withPaths(
            sasl.oauthBearer,
            ['jwks', 'jwksCa'],
            resolvePath,
          ) satisfies OAuthBearerOptions,
        }),
      },
    }),
  }
}

const PEM_SETTINGS = ['certificate', 'key', 'clientCa'] as const

function withPaths<T extends object>(
  options: T,
  names: readonly (keyof T)[],
  resolvePath: (path: string) => string,
): T {
  const resolved = { ...options }
  for (const name of names) {
    const text = options[name]
    if (typeof text === 'string' && !/^https?:|-----BEGIN /.test(text))
      resolved[name] = resolvePath(text) as T[typeof name]
  }
  return resolved
}

function addressOf(text: string | number): Address {
  // Checked before: nothing else comes this far.
  return readAddress(String(text))!
}
