import { messageOf } from '../../base/millrace-error.ts'
import { ErrorCode } from '../protocol/error-code.ts'
import { AclOperation, mayOnCluster, mayOnGroup, mayOnTopic } from './security/access.ts'
import type { BrokerServices, RequestContext } from './services.ts'
import { problemWithConfig } from './topic-settings.ts'

/** Kafka's codes of what has a configuration. */
export const CONFIG_RESOURCE = { topic: 2, broker: 4, brokerLogger: 8, clientMetrics: 16, group: 32 } as const

/** What an answer says about one resource. */
export interface ConfigOutcome {
  readonly errorCode: ErrorCode
  readonly errorMessage: string | null
}

/** Gives a resource a new configuration made from the one it has; the broker keeps its own while it runs. */
export async function changeConfig(options: {
  readonly resourceType: number
  readonly resourceName: string
  readonly validateOnly: boolean
  readonly context: RequestContext
  /** The new configuration, or what is wrong with the request. */
  readonly change: (own: Readonly<Record<string, string>>) => Record<string, string> | ConfigOutcome
}): Promise<ConfigOutcome> {
  const { resourceType, resourceName, context } = options
  const { services } = context
  const refusal = configRefusal(context, AclOperation.ALTER_CONFIGS, options)
  if (refusal !== undefined) return { errorCode: refusal, errorMessage: null }
  const settings = settingsOf(resourceType, services)
  if (settings !== undefined) return changeSettings(settings, options)
  if (resourceType !== CONFIG_RESOURCE.topic) {
    const errorMessage =
      'Only the configuration of topics, groups and client metrics can be changed while the broker runs.'
    return { errorCode: ErrorCode.INVALID_REQUEST, errorMessage }
  }
  const topic = services.logDirectory.topic(resourceName)
  if (topic === undefined) {
    return {
      errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      errorMessage: `The topic '${resourceName}' does not exist.`,
    }
  }
  const changed = options.change(topic.config.overrides)
  if (isOutcome(changed)) return changed
  const problem = problemWithConfig(changed, services.config)
  if (problem !== undefined) return { errorCode: ErrorCode.INVALID_CONFIG, errorMessage: problem }
  if (options.validateOnly) return { errorCode: ErrorCode.NONE, errorMessage: null }
  try {
    services.logDirectory.setTopicConfig(resourceName, changed)
  } catch (error) {
    return { errorCode: ErrorCode.KAFKA_STORAGE_ERROR, errorMessage: messageOf(error) }
  }
  services.report('info', 'topic configuration changed', { topic: resourceName, config: changed })
  return { errorCode: ErrorCode.NONE, errorMessage: null }
}

/** What has settings of its own in a document. It need not be there before. */
interface Settings {
  /** What they are of, in a report. */
  readonly what: string
  /** Why there are none of an empty name. */
  readonly unnamed: string
  own(name: string): Readonly<Record<string, string>>
  problemWith(own: Readonly<Record<string, string>>): Promise<ConfigOutcome | undefined>
  set(name: string, own: Readonly<Record<string, string>>): Promise<void>
}

function settingsOf(
  resourceType: number,
  { groupSettings, telemetry }: BrokerServices,
): Settings | undefined {
  if (resourceType === CONFIG_RESOURCE.group)
    return {
      what: 'group',
      unnamed: 'Default group resources are not allowed.',
      own: (name) => groupSettings.own(name),
      async problemWith(own) {
        const errorMessage = groupSettings.problemWith(own)
        return errorMessage === undefined ? undefined : { errorCode: ErrorCode.INVALID_CONFIG, errorMessage }
      },
      set: (name, own) => groupSettings.set(name, own),
    }
  if (resourceType !== CONFIG_RESOURCE.clientMetrics) return undefined
  const { subscriptions } = telemetry
  return {
    what: 'client metrics',
    unnamed: "Subscription name can't be empty",
    own: (name) => subscriptions.own(name),
    problemWith: (own) => subscriptions.problemWith(own),
    set: (name, own) => subscriptions.set(name, own),
  }
}

async function changeSettings(
  { what, unnamed, own, problemWith, set }: Settings,
  { resourceName, validateOnly, context, change }: Parameters<typeof changeConfig>[0],
): Promise<ConfigOutcome> {
  if (resourceName === '') return { errorCode: ErrorCode.INVALID_REQUEST, errorMessage: unnamed }
  const changed = change(own(resourceName))
  if (isOutcome(changed)) return changed
  const problem = await problemWith(changed)
  if (problem !== undefined) return problem
  if (validateOnly) return { errorCode: ErrorCode.NONE, errorMessage: null }
  try {
    await set(resourceName, changed)
  } catch (error) {
    return { errorCode: ErrorCode.KAFKA_STORAGE_ERROR, errorMessage: messageOf(error) }
  }
  context.services.report('info', `${what} configuration changed`, { name: resourceName, config: changed })
  return { errorCode: ErrorCode.NONE, errorMessage: null }
}

/** Whether the client may do this to the configuration of a resource: the error when it may not. */
export function configRefusal(
  context: RequestContext,
  operation: AclOperation,
  { resourceType, resourceName }: { readonly resourceType: number; readonly resourceName: string },
): ErrorCode | undefined {
  switch (resourceType) {
    case CONFIG_RESOURCE.topic:
      return mayOnTopic(context, operation, resourceName) ? undefined : ErrorCode.TOPIC_AUTHORIZATION_FAILED
    case CONFIG_RESOURCE.group:
      return mayOnGroup(context, operation, resourceName) ? undefined : ErrorCode.GROUP_AUTHORIZATION_FAILED
    default:
      return mayOnCluster(context, operation) ? undefined : ErrorCode.CLUSTER_AUTHORIZATION_FAILED
  }
}

function isOutcome(changed: Record<string, string> | ConfigOutcome): changed is ConfigOutcome {
  return typeof changed['errorCode'] === 'number'
}
