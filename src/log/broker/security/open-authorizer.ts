import { MillraceError } from '../../../base/millrace-error.ts'
import type { Report } from '../../../base/report.ts'
import type { World } from '../../../world/world.ts'
import type { BrokerConfig } from '../broker-config.ts'
import type { BrokerCounters } from '../broker-metrics.ts'
import { LimitedReport } from '../limited-report.ts'
import { AccessRules } from './access-rules.ts'
import { type Authorizer, OPEN_TO_ALL, RuleAuthorizer } from './authorizer.ts'

export interface OpenAuthorizerOptions {
  readonly world: Pick<World, 'clock' | 'disk'>
  readonly dataPath: string
  readonly config: BrokerConfig
  readonly report: Report
  readonly metrics: BrokerCounters
}

/**
 * The authorizer that the configuration asks for; rules are read from `millrace-acls.json` in the data directory.
 * Throws `MR_DATA_DIR_DAMAGED` when that cannot be read.
 */
export function openAuthorizer(options: OpenAuthorizerOptions): Authorizer {
  const { world, dataPath, config, report, metrics } = options
  if (config['authorizer.class.name'] === '') return OPEN_TO_ALL
  const superUsers = superUsersOf(config)
  const rules = AccessRules.open(world.disk, dataPath)
  return new RuleAuthorizer({
    rules,
    superUsers,
    allowWithoutRules: config['allow.everyone.if.no.acl.found'],
    audit: new LimitedReport({ report, clock: world.clock }),
    metrics,
  })
}

/** The principals that may do everything. Throws `MR_CONFIG_INVALID` for what is none. */
export function superUsersOf(config: Pick<BrokerConfig, 'super.users'>): ReadonlySet<string> {
  const superUsers = new Set(
    config['super.users']
      .split(';')
      .map((principal) => principal.trim())
      .filter((principal) => principal !== ''),
  )
  for (const principal of superUsers) {
    if (/^[^:]+:./.test(principal)) continue
    throw new MillraceError({
      code: 'MR_CONFIG_INVALID',
      message: `super.users: ${principal} is no principal.`,
      fix: 'Write principals with their type, as in User:admin, with semicolons between them.',
    })
  }
  return superUsers
}
