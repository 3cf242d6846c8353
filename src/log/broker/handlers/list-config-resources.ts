import type {
  ListConfigResourcesRequest,
  ListConfigResourcesResponseInput,
} from '../../protocol/apis/list-config-resources.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { CONFIG_RESOURCE } from '../config-changes.ts'
import { AclOperation, mayOnCluster } from '../security/access.ts'
import type { BrokerServices, Handler } from '../services.ts'

type Resource = NonNullable<ListConfigResourcesResponseInput['configResources']>[number]

/** Before this version it was about client metrics alone. */
const ALL_TYPES_FROM = 1

/** ListConfigResources: what has a configuration: groups and client metrics that set something, this broker, topics. */
export const handleListConfigResources: Handler<
  ListConfigResourcesRequest,
  ListConfigResourcesResponseInput
> = ({ resourceTypes }, context) => {
  if (!mayOnCluster(context, AclOperation.DESCRIBE_CONFIGS))
    return { errorCode: ErrorCode.CLUSTER_AUTHORIZATION_FAILED, configResources: [] }
  const known = Object.values(CONFIG_RESOURCE) as readonly number[]
  const all = context.apiVersion < ALL_TYPES_FROM ? [CONFIG_RESOURCE.clientMetrics] : known
  const wanted = resourceTypes.length === 0 ? all : resourceTypes
  if (wanted.some((type) => !known.includes(type)))
    return { errorCode: ErrorCode.UNSUPPORTED_VERSION, configResources: [] }
  return {
    errorCode: ErrorCode.NONE,
    configResources: [...new Set(wanted)].flatMap((type) => resourcesOf(type, context.services)),
  }
}

function resourcesOf(resourceType: number, services: BrokerServices): Resource[] {
  const named = (names: Iterable<string>): Resource[] =>
    Array.from(names, (resourceName) => ({ resourceName, resourceType }))
  switch (resourceType) {
    case CONFIG_RESOURCE.group:
      return named(services.groupSettings.groupIds())
    case CONFIG_RESOURCE.clientMetrics:
      return named(services.telemetry.subscriptions.names())
    case CONFIG_RESOURCE.broker:
      return named([String(services.logDirectory.nodeId)])
    case CONFIG_RESOURCE.topic:
      return named(Array.from(services.logDirectory.topics(), ({ name }) => name))
    default:
      return []
  }
}
