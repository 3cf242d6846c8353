/** What the start of a process would refuse of a configuration whose settings are right one by one. Opens nothing. */
import { MillraceError } from '../base/millrace-error.ts'
import type { ConfigProblem, SettingPath } from '../config/check-config.ts'
import { processSettings } from '../config/process-settings.ts'
import { brokerConfig } from '../log/broker/broker-config.ts'
import type { ListenerOptions } from '../log/broker/security/listener-options.ts'
import { listenerSettings } from '../log/broker/security/listener-settings.ts'
import { superUsersOf } from '../log/broker/security/open-authorizer.ts'
import { readCredentials } from '../log/broker/security/pem-source.ts'
import { refuseOpenHttp } from '../server/serve.ts'
import { nodeWorld } from '../world/node.ts'
import type { LoadedConfig } from './config-file.ts'
import { mirrorOptions } from './serve-process.ts'

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
    const { tls } = listener
    if (tls !== undefined) await attempt([...path, 'tls'], () => readCredentials(nodeWorld().disk, tls))
  }
  await attempt(['http'], () => refuseOpenHttp(settings))
  for (const [index, mirror] of settings.mirrors.entries())
    await attempt(['mirrors', index, 'kafkaConfig'], () => mirrorOptions(mirror))
  return problems
}
