/** Settings of topics, brokers, groups and clients' metrics, as an administrator sees and changes them. */
import { MillraceError } from '../../base/millrace-error.ts'
import { nearestWord } from '../../base/nearest-word.ts'
import { describeConfigsApi, type DescribeConfigsResponse } from '../protocol/apis/describe-configs.ts'
import { incrementalAlterConfigsApi } from '../protocol/apis/incremental-alter-configs.ts'
import { listConfigResourcesApi } from '../protocol/apis/list-config-resources.ts'
import { ErrorCode } from '../protocol/error-code.ts'
import { throwIfError } from './kafka-error.ts'
import type { Destination, LogClient } from './log-client.ts'

const RESOURCE_CODES = { topic: 2, broker: 4, 'client-metrics': 16, group: 32 } as const

export type ConfigResourceType = keyof typeof RESOURCE_CODES

export const CONFIG_RESOURCE_TYPES = Object.keys(RESOURCE_CODES) as readonly ConfigResourceType[]

export interface ConfigResource {
  readonly type: ConfigResourceType
  /** Of a broker: its node id; empty for what holds for all of them. */
  readonly name: string
}

/** Where a value comes from, by the codes of DescribeConfigs. */
const SOURCES = [
  'unknown',
  'topic',
  'dynamic-broker',
  'dynamic-default-broker',
  'static-broker',
  'default',
  'broker-logger',
  'client-metrics',
  'group',
] as const

export type ConfigSource = (typeof SOURCES)[number]

export interface DescribedConfig {
  readonly name: string
  /** `null` for what is secret. */
  readonly value: string | null
  readonly source: ConfigSource
  readonly readOnly: boolean
  readonly sensitive: boolean
  readonly documentation: string | null
}

/** Whether a value was set for the resource itself, in contrast to what it inherits. */
export function isOwn({ source }: DescribedConfig): boolean {
  return source !== 'default' && source !== 'static-broker' && source !== 'unknown'
}

/** The settings of each resource, sorted by name, in the resources' order. Throws what a broker refuses. */
export async function describeConfigs(
  client: LogClient,
  resources: readonly ConfigResource[],
): Promise<readonly (readonly DescribedConfig[])[]> {
  const described = await describe(client, resources, [])
  return described.map((configs) => configs ?? [])
}

/** As `describeConfigs`; `undefined` for resources whose settings the client may not see, or that are gone meanwhile. */
export function describeVisibleConfigs(
  client: LogClient,
  resources: readonly ConfigResource[],
): Promise<readonly (readonly DescribedConfig[] | undefined)[]> {
  return describe(client, resources, [
    ErrorCode.TOPIC_AUTHORIZATION_FAILED,
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ])
}

async function describe(
  client: LogClient,
  resources: readonly ConfigResource[],
  passedOver: readonly number[],
): Promise<readonly (readonly DescribedConfig[] | undefined)[]> {
  const byNode = Map.groupBy(resources.keys(), (index) => destinationOf(resources[index]!))
  const described: (readonly DescribedConfig[])[] = []
  await Promise.all(
    [...byNode].map(async ([node, indexes]) => {
      const asked = indexes.map((index) => ({ ...codesOf(resources[index]!), configurationKeys: null }))
      const answer = await client.retry(() =>
        client.request(
          describeConfigsApi,
          { resources: asked, includeSynonyms: false, includeDocumentation: true },
          { node },
        ),
      )
      const found = new Map(answer.results.map((one) => [`${one.resourceType}/${one.resourceName}`, one]))
      for (const index of indexes) {
        const resource = resources[index]!
        const result = found.get(`${RESOURCE_CODES[resource.type]}/${resource.name}`)
        if (result === undefined || passedOver.includes(result.errorCode)) continue
        // A topic that is not there is no reason to wait for it, as it would be where records go.
        throwIfError(result.errorCode, placed(resource, 'describing', result.errorMessage))
        described[index] = result.configs.map(describedConfig).sort((a, b) => (a.name < b.name ? -1 : 1))
      }
    }),
  )
  return resources.map((_, index) => described[index])
}

function describedConfig(
  one: DescribeConfigsResponse['results'][number]['configs'][number],
): DescribedConfig {
  return {
    name: one.name,
    value: one.value,
    source: SOURCES[one.configSource] ?? 'unknown',
    readOnly: one.readOnly,
    sensitive: one.isSensitive,
    documentation: one.documentation,
  }
}

/** The names of what has settings, sorted: groups and client metrics that have set something, all topics and brokers. */
export async function listConfigResources(
  client: LogClient,
  type: ConfigResourceType,
): Promise<readonly string[]> {
  const doing = `listing the settings of ${type === 'client-metrics' ? type : `${type}s`}`
  // The version before that is about client metrics alone, and would tell those.
  if (type !== 'client-metrics' && (await client.versionOf(listConfigResourcesApi)) === 0)
    throwIfError(ErrorCode.UNSUPPORTED_VERSION, { doing })
  const resourceTypes = [RESOURCE_CODES[type]]
  const answer = await client.request(listConfigResourcesApi, { resourceTypes })
  throwIfError(answer.errorCode, { doing })
  return answer.configResources.map(({ resourceName }) => resourceName).toSorted()
}

export interface ConfigChange {
  readonly set?: Readonly<Record<string, string>>
  /** Names that go back to what they are without a value of their own. */
  readonly delete?: readonly string[]
  /** Checked, and not done. */
  readonly validateOnly?: boolean
}

const OPERATION = { set: 0, delete: 1 } as const

/**
 * Changes single settings of a resource, all or none. Throws what the broker refuses, with its reason; of a setting that
 * is not known, with those that are.
 */
export async function alterConfigs(
  client: LogClient,
  resource: ConfigResource,
  change: ConfigChange,
): Promise<void> {
  const set = Object.entries(change.set ?? {})
  const answer = await client.request(
    incrementalAlterConfigsApi,
    {
      resources: [
        {
          ...codesOf(resource),
          configs: [
            ...set.map(([name, value]) => ({ name, value, configOperation: OPERATION.set })),
            ...(change.delete ?? []).map((name) => ({
              name,
              value: null,
              configOperation: OPERATION.delete,
            })),
          ],
        },
      ],
      validateOnly: change.validateOnly ?? false,
    },
    { node: brokerOf(resource) ?? 'controller' },
  )
  const unfit: readonly number[] = [ErrorCode.INVALID_CONFIG, ErrorCode.INVALID_REQUEST]
  for (const { errorCode, errorMessage } of answer.responses) {
    if (unfit.includes(errorCode)) await refuseUnknownConfigs(client, resource, Object.keys(change.set ?? {}))
    throwIfError(errorCode, placed(resource, 'configuring', errorMessage))
  }
}

/** Throws where a setting shall be taken back that the resource cannot have: brokers say nothing of it. */
export async function refuseUnknownConfigs(
  client: LogClient,
  resource: ConfigResource,
  names: readonly string[],
): Promise<void> {
  const [known = []] = await describeVisibleConfigs(client, [resource])
  // Of what may not be seen, and of metrics that nobody has asked for, nothing is known.
  if (known.length === 0) return
  const words = known.map((one) => one.name)
  const unknown = names.find((name) => !words.includes(name))
  if (unknown === undefined) return
  const near = nearestWord(unknown, words)
  throw new MillraceError({
    code: 'MR_BAD_REQUEST',
    message: `the ${resource.type} ${resource.name} has no setting ${JSON.stringify(unknown)}${near === undefined ? '.' : `; did you mean ${near}?`}`,
    fix: `There are ${words.join(', ')}.`,
  })
}

/** A broker alone knows what its own file says. */
function destinationOf(resource: ConfigResource): Destination {
  return brokerOf(resource) ?? 'any'
}

/** The broker that alone knows the resource. */
function brokerOf({ type, name }: ConfigResource): number | undefined {
  if (type !== 'broker' || name === '') return undefined
  if (/^\d{1,9}$/.test(name)) return Number(name)
  throw new MillraceError({
    code: 'MR_BAD_REQUEST',
    message: `${JSON.stringify(name)} is no broker: brokers are named by their node ids.`,
    fix: 'List them with `millrace configs list broker`.',
  })
}

function codesOf({ type, name }: ConfigResource): { resourceType: number; resourceName: string } {
  return { resourceType: RESOURCE_CODES[type], resourceName: name }
}

function placed(
  { type, name }: ConfigResource,
  verb: string,
  detail: string | null,
): Parameters<typeof throwIfError>[1] {
  const what = type === 'topic' ? 'the topic' : name === '' ? `all ${type}s` : `the ${type} ${name}`
  return { doing: `${verb} ${what}`, detail, ...(type === 'topic' && { topic: name }) }
}
