import { type Command, InvalidArgumentError } from 'commander'
import { MillraceError } from '../base/millrace-error.ts'
import type { LogClient } from '../log/client/log-client.ts'
import type { Quota, QuotaEntity } from '../log/client/quota-admin.ts'
import { withClient } from './cluster.ts'
import { printRows, terminal } from './output.ts'
import { type ClusterOptions, withCluster } from './process-options.ts'
import { examples, readSetting } from './settings.ts'

/** A name, or `true` for the default of all of a kind. */
interface EntityOptions {
  readonly user?: string | true
  readonly clientId?: string | true
  readonly ip?: string | true
}

const KEYS = `
Quotas, each per second:
  producer_byte_rate, consumer_byte_rate    bytes
  request_percentage                        percent of the time of a thread
  controller_mutation_rate                  partitions created or deleted
  connection_creation_rate                  connections of an address (--ip)
`

export function addQuotas(program: Command): void {
  const quotas = program
    .command('quotas')
    .summary('list, set and remove quotas of clients')
    .description('How much users, client ids and addresses may ask for, of this log or any Kafka cluster.')
  withEntity(withCluster(quotas.command('list')))
    .description('Lists the quotas, all or those of a client.')
    .addHelpText('after', examples('millrace quotas list', 'millrace quotas list --user alice'))
    .action(async (options: ClusterOptions & EntityOptions) => {
      const { describeQuotas } = await import('../log/client/quota-admin.ts')
      print(await withClient(options, (client) => describeQuotas(client, entityOf(options))), options)
    })
  withEntity(withCluster(quotas.command('set')))
    .argument('<NAME=VALUE...>', 'quotas', readQuota)
    .description('Sets quotas of a client; what is not named stays.')
    .addHelpText(
      'after',
      KEYS +
        examples(
          'millrace quotas set --user alice producer_byte_rate=1048576',
          'millrace quotas set --user --client-id reports consumer_byte_rate=1e6   # of every user',
        ),
    )
    .action(
      async (set: Record<string, number>, options: ClusterOptions & EntityOptions, command: Command) => {
        await change(options, { set }, command)
      },
    )
  withEntity(withCluster(quotas.command('remove')))
    .argument('<NAME...>', 'quotas')
    .description('Removes quotas of a client: a more general one holds then, or none.')
    .addHelpText('after', KEYS + examples('millrace quotas remove --user alice producer_byte_rate'))
    .action(async (remove: readonly string[], options: ClusterOptions & EntityOptions, command: Command) => {
      await change(options, { remove }, command)
    })
}

async function change(
  options: ClusterOptions & EntityOptions,
  changed: { readonly set?: Record<string, number>; readonly remove?: readonly string[] },
  command: Command,
): Promise<void> {
  const entity = entityOf(options)
  if (Object.keys(entity).length === 0) command.error('error: say whose: --user, --client-id or --ip')
  const { alterQuotas, describeQuotas } = await import('../log/client/quota-admin.ts')
  const found = await withClient(options, async (client) => {
    if (changed.remove !== undefined) await refuseMissing(client, entity, changed.remove)
    await alterQuotas(client, entity, changed)
    return describeQuotas(client, entity)
  })
  print(found, options)
}

/** Removing what is not there is a misspelt name, or another client than was meant. */
async function refuseMissing(
  client: LogClient,
  entity: QuotaEntity,
  names: readonly string[],
): Promise<void> {
  const { describeQuotas } = await import('../log/client/quota-admin.ts')
  const types = Object.keys(entity) as (keyof QuotaEntity)[]
  const has = (await describeQuotas(client, entity)).find(
    (one) =>
      Object.keys(one.entity).length === types.length &&
      types.every((type) => one.entity[type] === entity[type]),
  )
  const own = Object.keys(has?.values ?? {})
  const missing = names.filter((name) => !own.includes(name))
  if (missing.length === 0) return
  throw new MillraceError({
    code: 'MR_BAD_REQUEST',
    message: `${ofWhom(entity)} has no quota ${missing.join(', ')}; nothing was removed.`,
    fix: own.length === 0 ? 'List the quotas with `millrace quotas list`.' : `It has ${own.join(', ')}.`,
  })
}

function ofWhom(entity: QuotaEntity): string {
  return Object.entries(entity)
    .map(([type, name]) => `${type} ${name ?? '(default)'}`)
    .join(', ')
}

function withEntity(command: Command): Command {
  return command
    .option('--user [NAME]', 'of this user; without a name, what holds for users without one of their own')
    .option('--client-id [ID]', 'of this client id; without, for client ids without one of their own')
    .option('--ip [ADDRESS]', 'of this address; without, for addresses without one of their own')
}

function entityOf({ user, clientId, ip }: EntityOptions): QuotaEntity {
  const name = (given: string | true): string | null => (given === true ? null : given)
  return {
    ...(user !== undefined && { user: name(user) }),
    ...(clientId !== undefined && { 'client-id': name(clientId) }),
    ...(ip !== undefined && { ip: name(ip) }),
  }
}

function readQuota(text: string, earlier?: Record<string, number>): Record<string, number> {
  const [[name, value] = ['', '']] = Object.entries(readSetting(text))
  if (value === '' || !Number.isFinite(Number(value)))
    throw new InvalidArgumentError(`Expected NAME=NUMBER, not ${JSON.stringify(text)}.`)
  return { ...earlier, [name]: Number(value) }
}

function print(quotas: readonly Quota[], { json }: { readonly json: boolean }): void {
  if (json) return terminal.out(JSON.stringify(quotas, null, 2))
  const rows = quotas.flatMap(({ entity, values }) =>
    Object.entries(values).map(([quota, value]) => ({
      of: ofWhom(entity),
      quota,
      value,
    })),
  )
  printRows(rows, { columns: ['of', 'quota', 'value'], json: false, none: 'no quotas' })
}
