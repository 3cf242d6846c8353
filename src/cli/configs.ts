import { type Command, InvalidArgumentError } from 'commander'
import type { ConfigResource, ConfigResourceType, DescribedConfig } from '../log/client/config-admin.ts'
import { withClient } from './cluster.ts'
import { printRows, terminal } from './output.ts'
import { type ClusterOptions, withCluster } from './process-options.ts'
import { examples, readSetting } from './settings.ts'

const TYPES: readonly ConfigResourceType[] = ['topic', 'broker', 'group', 'client-metrics']

export function addConfigs(program: Command): void {
  const configs = program
    .command('configs')
    .summary('show and change settings of topics, brokers, groups and client metrics')
    .description(
      'Settings by Kafka’s names, of this log or any Kafka cluster. Of brokers, NAME is the node id; of client metrics, a name of your own for what is wanted of clients.',
    )
  withCluster(ofType(configs.command('list')))
    .description(
      'Lists the topics and brokers, and the groups and client metrics that have settings of their own.',
    )
    .addHelpText('after', examples('millrace configs list client-metrics'))
    .action(async (type: ConfigResourceType, options: ClusterOptions) => {
      const { listConfigResources } = await import('../log/client/config-admin.ts')
      const names = await withClient(options, (client) => listConfigResources(client, type))
      const rows = names.map((name) => ({ [type]: name }))
      printRows(rows, { columns: [type], json: options.json, none: 'none has settings of its own' })
    })
  withCluster(onResource(configs.command('describe')))
    .description(
      'Shows the settings of a topic, broker, group or client metrics that differ from the default.',
    )
    .option('--all', 'also those that have their default, with what each means', false)
    .addHelpText(
      'after',
      examples('millrace configs describe topic orders', 'millrace configs describe broker 1 --all'),
    )
    .action(
      async (type: ConfigResourceType, name: string, options: ClusterOptions & { readonly all: boolean }) => {
        const { describeConfigs } = await import('../log/client/config-admin.ts')
        const [found = []] = await withClient(options, (client) => describeConfigs(client, [{ type, name }]))
        printConfigs(found, options)
      },
    )
  withCluster(onResource(configs.command('set')))
    .argument('<NAME=VALUE...>', 'settings', readSetting)
    .description('Changes settings; what is not named stays.')
    .option('--dry-run', 'check the change, and do not make it', false)
    .addHelpText(
      'after',
      examples(
        'millrace configs set topic orders retention.ms=3600000 cleanup.policy=delete',
        'millrace configs set client-metrics latencies metrics=org.apache.kafka.producer. interval.ms=15000',
      ),
    )
    .action(
      async (
        type: ConfigResourceType,
        name: string,
        set: Record<string, string>,
        options: ClusterOptions & { readonly dryRun: boolean },
      ) => {
        await change(options, { type, name }, { set, validateOnly: options.dryRun })
      },
    )
  withCluster(onResource(configs.command('delete')))
    .argument('<SETTING...>', 'names of settings')
    .description('Takes settings back to what they are without a value of their own.')
    .addHelpText('after', examples('millrace configs delete topic orders retention.ms'))
    .action(
      async (type: ConfigResourceType, name: string, names: readonly string[], options: ClusterOptions) => {
        await change(options, { type, name }, { delete: names })
      },
    )
}

async function change(
  options: ClusterOptions,
  resource: ConfigResource,
  changed: {
    readonly set?: Record<string, string>
    readonly delete?: readonly string[]
    readonly validateOnly?: boolean
  },
): Promise<void> {
  const { alterConfigs, refuseUnknownConfigs } = await import('../log/client/config-admin.ts')
  await withClient(options, async (client) => {
    if (changed.delete !== undefined) await refuseUnknownConfigs(client, resource, changed.delete)
    await alterConfigs(client, resource, changed)
  })
  const done = changed.validateOnly === true ? 'would accept this' : 'is changed'
  terminal.note(`millrace: the ${resource.type} ${resource.name} ${done}`)
}

/** Prints settings: those that differ from the default, or `all`. */
export function printConfigs(
  configs: readonly DescribedConfig[],
  { all, json }: { readonly all: boolean; readonly json: boolean },
): void {
  const shown = configs.filter((one) => all || one.source !== 'default')
  if (json) {
    terminal.out(JSON.stringify(shown, null, 2))
    return
  }
  const rows = shown.map((one) => ({
    setting: one.name,
    value: one.value ?? '(secret)',
    from: one.source,
    meaning: one.documentation ?? '',
  }))
  const columns = ['setting', 'value', 'from', ...(all ? (['meaning'] as const) : [])] as const
  printRows(rows, { columns, json, none: 'everything has its default (--all shows it)' })
}

function ofType(command: Command): Command {
  return command.argument('<TYPE>', TYPES.join(', '), (text) => {
    const type = TYPES.find((one) => one === text)
    if (type === undefined) throw new InvalidArgumentError(`Expected ${TYPES.join(', ')}.`)
    return type
  })
}

function onResource(command: Command): Command {
  return ofType(command).argument('<NAME>', 'of the topic, group or client metrics, or the id of the broker')
}
