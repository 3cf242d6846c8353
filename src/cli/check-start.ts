/**
 * What the start of a process would refuse, or complain of, although the settings are right one by one. Reads what they
 * name (certificates, keys, signing keys, users and access rules in the data directory), and listens nowhere.
 */
import { X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import { MillraceError } from '../base/millrace-error.ts'
import type { ConfigProblem, SettingPath } from '../config/check-config.ts'
import { processSettings } from '../config/process-settings.ts'
import { brokerConfig } from '../log/broker/broker-config.ts'
import { AccessRules } from '../log/broker/security/access-rules.ts'
import type {
  ListenerOptions,
  ListenerTlsOptions,
  OAuthBearerOptions,
} from '../log/broker/security/listener-options.ts'
import { listenerSettings } from '../log/broker/security/listener-settings.ts'
import { superUsersOf } from '../log/broker/security/open-authorizer.ts'
import { pemText, readCredentials } from '../log/broker/security/pem-source.ts'
import { ScramUsers } from '../log/broker/security/scram-users.ts'
import { refuseOpenHttp } from '../server/serve.ts'
import { nodeWorld } from '../world/node.ts'
import { tlsContext } from '../world/node-tls-listener.ts'
import type { LoadedConfig } from './config-file.ts'
import { mirrorOptions } from './serve-process.ts'

const world = nodeWorld()

export async function problemsAtStart({
  config,
  resolvePath,
}: Pick<LoadedConfig, 'config' | 'resolvePath'>): Promise<readonly ConfigProblem[]> {
  const problems: ConfigProblem[] = []
  const attempt = async (path: SettingPath, use: () => unknown): Promise<void> => {
    try {
      await use()
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error
      problems.push({ path, problem: error.message.replace(/^MR_CONFIG_INVALID: /, '').replace(/\.$/, '') })
    }
  }
  const settings = processSettings(config, resolvePath)
  const { allowAnonymousBeyondLoopback, listen, listeners } = settings
  const broker = brokerConfig(settings.broker)
  if (broker['authorizer.class.name'] !== '')
    await attempt(['broker', 'super.users'], () => superUsersOf(broker))
  const all: readonly ListenerOptions[] = listeners ?? [listen]
  for (const [index, listener] of all.entries()) {
    const path = listeners === undefined ? ['listen'] : ['listeners', index]
    await attempt(path, () => listenerSettings({ listeners: [listener], allowAnonymousBeyondLoopback }))
    const { tls, sasl } = listener
    if (tls !== undefined) await attempt([...path, 'tls'], () => checkCertificate(tls))
    const { oauthBearer = {} } = sasl ?? {}
    await attempt([...path, 'sasl', 'oauthBearer', 'jwks'], () => checkSigningKeys(oauthBearer))
  }
  const dataPath = join(settings.data, 'log')
  await attempt(['data'], () => ScramUsers.open({ disk: world.disk, random: world.random, dataPath }))
  if (broker['authorizer.class.name'] !== '')
    await attempt(['data'], () => AccessRules.open(world.disk, dataPath))
  await attempt(['http'], () => refuseOpenHttp(settings))
  for (const [index, mirror] of settings.mirrors.entries())
    await attempt(['mirrors', index, 'kafkaConfig'], () => mirrorOptions(mirror))
  return problems
}

function checkCertificate(tls: ListenerTlsOptions): void {
  const credentials = readCredentials(world.disk, tls)
  tlsContext(credentials)
  const { validTo } = new X509Certificate(credentials.certificate)
  if (Date.parse(validTo) > world.clock.nowMs()) return
  throw new MillraceError({
    code: 'MR_TLS_INVALID',
    message: `the certificate has expired, at ${new Date(validTo).toISOString()}.`,
  })
}

async function checkSigningKeys({ jwks, jwksCa }: OAuthBearerOptions): Promise<void> {
  if (jwks === undefined) return
  const ca = jwksCa === undefined ? undefined : pemText(world.disk, jwksCa)
  const { readSigningKeys } = await import('../log/broker/security/signing-keys.ts')
  await readSigningKeys({ world, place: jwks, ca })
}
