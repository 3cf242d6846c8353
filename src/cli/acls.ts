import { type Command, InvalidArgumentError, Option } from 'commander'
import type { Acl, AclFilter } from '../log/client/acl-admin.ts'
import { ACL_OPERATIONS, ACL_PATTERNS } from '../log/client/acl-words.ts'
import { withClient } from './cluster.ts'
import { printRows, terminal } from './output.ts'
import { type ClusterOptions, withCluster } from './process-options.ts'
import { examples, repeated } from './settings.ts'

const COLUMNS = ['resource', 'name', 'pattern', 'principal', 'permission', 'operation', 'host'] as const

interface ResourceOptions {
  readonly topic?: string
  readonly group?: string
  readonly transactionalId?: string
  readonly user?: string
  readonly cluster: boolean
}

interface FilterOptions extends ClusterOptions, ResourceOptions {
  readonly principal?: string
  readonly host?: string
  readonly pattern?: Acl['pattern'] | 'match'
  readonly operation?: Acl['operation']
  readonly permission?: Acl['permission']
}

interface AddOptions extends ClusterOptions, ResourceOptions {
  readonly allow?: readonly string[]
  readonly deny?: readonly string[]
  readonly host: string
  readonly pattern: Acl['pattern']
  readonly operation: readonly Acl['operation'][]
}

export function addAcls(program: Command): void {
  const acls = program
    .command('acls')
    .summary('list, add and remove access rules')
    .description(
      'Access rules (ACLs), of this log or any Kafka cluster. They hold where the log is started with an authorizer.',
    )
  withFilter(withCluster(acls.command('list')))
    .description('Lists the rules that fit all of the options.')
    .addHelpText(
      'after',
      examples(
        'millrace acls list',
        'millrace acls list --topic orders --pattern match --principal User:alice',
      ),
    )
    .action(async (options: FilterOptions) => {
      const { describeAcls } = await import('../log/client/acl-admin.ts')
      const found = await withClient(options, (client) => describeAcls(client, filterOf(options)))
      print(found, options)
    })
  withResource(withCluster(acls.command('add')))
    .description('Adds rules: one for each principal and operation.')
    .option(
      '--allow <PRINCIPAL>',
      'who may: User:NAME, or User:* for everybody; repeat it for more',
      readPrincipal,
    )
    .option('--deny <PRINCIPAL>', 'who may not; wins over every other rule', readPrincipal)
    .addOption(new Option('--operation <NAME...>', 'what').choices(ACL_OPERATIONS).makeOptionMandatory())
    .addOption(
      new Option('--pattern <KIND>', 'whether the name is whole, or what names begin with')
        .choices(ACL_PATTERNS)
        .default('literal'),
    )
    .option('--host <ADDRESS>', 'from where', '*')
    .addHelpText(
      'after',
      examples(
        'millrace acls add --allow User:alice --operation read describe --topic orders',
        'millrace acls add --allow User:alice --operation read --group billing- --pattern prefixed',
      ),
    )
    .action(async (options: AddOptions, command: Command) => {
      const added = rulesOf(options)
      if (added.length === 0)
        command.error('error: say who and what: --allow or --deny, and --topic, --group, --cluster …')
      const { createAcls } = await import('../log/client/acl-admin.ts')
      await withClient(options, (client) => createAcls(client, added))
      print(added, options)
    })
  withFilter(withCluster(acls.command('remove')))
    .description('Removes the rules that fit all of the options, and prints them.')
    .option('--all', 'every rule that there is', false)
    .addHelpText('after', examples('millrace acls remove --principal User:alice --topic orders'))
    .action(async (options: FilterOptions & { readonly all: boolean }, command: Command) => {
      const filter = filterOf(options)
      if (Object.keys(filter).length === 0 && !options.all)
        command.error('error: say which rules to remove, or --all')
      const { deleteAcls } = await import('../log/client/acl-admin.ts')
      print(await withClient(options, (client) => deleteAcls(client, filter)), options)
    })
}

function readPrincipal(text: string, earlier?: readonly string[]): readonly string[] {
  if (/^[^:]+:./.test(text)) return repeated(text, earlier)
  throw new InvalidArgumentError(`A principal has its type before it: User:${text || 'NAME'}.`)
}

function withResource(command: Command): Command {
  return command
    .option('--topic <NAME>', 'of this topic; * for all')
    .option('--group <NAME>', 'of this consumer group; * for all')
    .option('--transactional-id <ID>', 'of this transactional id; * for all')
    .option('--user <PRINCIPAL>', 'of this user’s tokens')
    .option('--cluster', 'of the cluster', false)
}

function withFilter(command: Command): Command {
  return withResource(command)
    .option('--principal <PRINCIPAL>', 'of this principal: User:NAME', (text) => readPrincipal(text)[0])
    .option('--host <ADDRESS>', 'for this address')
    .addOption(
      new Option('--pattern <KIND>', '"match" also finds prefixes and * that hold for the name').choices([
        ...ACL_PATTERNS,
        'match',
      ]),
    )
    .addOption(new Option('--operation <NAME>', 'for this operation').choices(ACL_OPERATIONS))
    .addOption(new Option('--permission <KIND>', 'rules of this kind').choices(['allow', 'deny']))
}

function resourcesOf(options: ResourceOptions): readonly Pick<Acl, 'resource' | 'name'>[] {
  const { topic, group, transactionalId, user, cluster } = options
  return [
    ...(topic === undefined ? [] : [{ resource: 'topic', name: topic } as const]),
    ...(group === undefined ? [] : [{ resource: 'group', name: group } as const]),
    ...(transactionalId === undefined
      ? []
      : [{ resource: 'transactional-id', name: transactionalId } as const]),
    ...(user === undefined ? [] : [{ resource: 'user', name: user } as const]),
    ...(cluster ? [{ resource: 'cluster', name: 'kafka-cluster' } as const] : []),
  ]
}

function rulesOf(options: AddOptions): readonly Acl[] {
  const { host, pattern } = options
  const principals = [
    ...(options.allow ?? []).map((principal) => ({ principal, permission: 'allow' }) as const),
    ...(options.deny ?? []).map((principal) => ({ principal, permission: 'deny' }) as const),
  ]
  return resourcesOf(options).flatMap(({ resource, name }) =>
    principals.flatMap(({ principal, permission }) =>
      options.operation.map((operation): Acl => ({
        resource,
        name,
        pattern,
        principal,
        host,
        operation,
        permission,
      })),
    ),
  )
}

function filterOf(options: FilterOptions): AclFilter {
  const { principal, host, pattern, operation, permission } = options
  return {
    ...resourcesOf(options)[0],
    ...(principal !== undefined && { principal }),
    ...(host !== undefined && { host }),
    ...(pattern !== undefined && { pattern }),
    ...(operation !== undefined && { operation }),
    ...(permission !== undefined && { permission }),
  }
}

function print(acls: readonly Acl[], { json }: { readonly json: boolean }): void {
  printRows(
    acls.map((acl) => ({ ...acl })),
    { columns: COLUMNS, json, none: 'no rules' },
  )
  if (!json && acls.length > 0)
    terminal.note(`millrace: ${acls.length} ${acls.length === 1 ? 'rule' : 'rules'}`)
}
