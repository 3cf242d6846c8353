import type {
  DescribeConfigsRequest,
  DescribeConfigsResponseInput,
} from '../../protocol/apis/describe-configs.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { topicConfigKeys, type TopicConfigKey } from '../../storage/topic-config.ts'
import { BROKER_SETTINGS, type BrokerSettingName } from '../broker-config.ts'
import { CONFIG_RESOURCE, configRefusal } from '../config-changes.ts'
import { GROUP_SETTINGS } from '../coordinators/group-settings.ts'
import { AclOperation } from '../security/access.ts'
import { CLIENT_METRICS_SETTINGS } from '../telemetry/telemetry-subscriptions.ts'
import type { Handler, RequestContext } from '../services.ts'
import { topicNameProblem } from '../topic-catalog.ts'
import {
  CONFIG_SOURCE,
  describeBrokerSetting,
  describeTopicSetting,
  type DescribedSetting,
} from '../topic-settings.ts'

type Wanted = DescribeConfigsRequest['resources'][number]
type Answer = NonNullable<DescribeConfigsResponseInput['results']>[number]
type Entry = NonNullable<Answer['configs']>[number]

/** Kafka's codes of a setting's type. */
const TYPE_CODES: Readonly<Record<TopicConfigKey['type'], number>> = {
  boolean: 1,
  string: 2,
  int: 3,
  long: 5,
  double: 6,
  list: 7,
}

/** DescribeConfigs: a topic's or the broker's settings, all or those named, with where each value comes from. */
export const handleDescribeConfigs: Handler<DescribeConfigsRequest, DescribeConfigsResponseInput> = (
  request,
  context,
) => ({
  results: request.resources.map((wanted) => ({
    resourceType: wanted.resourceType,
    resourceName: wanted.resourceName,
    ...describe(wanted, request, context),
  })),
})

function describe(
  wanted: Wanted,
  request: DescribeConfigsRequest,
  context: RequestContext,
): Pick<Answer, 'errorCode' | 'configs'> & { readonly errorMessage?: string } {
  const { services } = context
  const { resourceType, resourceName, configurationKeys } = wanted
  const refusal = configRefusal(context, AclOperation.DESCRIBE_CONFIGS, wanted)
  if (refusal !== undefined) return refused(refusal, 'Authorization failed.')
  const asked = (name: string): boolean =>
    configurationKeys === null || configurationKeys.length === 0 || configurationKeys.includes(name)
  switch (resourceType) {
    case CONFIG_RESOURCE.topic: {
      const nameProblem = topicNameProblem(resourceName)
      if (nameProblem !== undefined) return refused(ErrorCode.INVALID_TOPIC_EXCEPTION, nameProblem)
      const topic = services.logDirectory.topic(resourceName)
      if (topic === undefined)
        return refused(
          ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
          'This server does not host this topic-partition.',
        )
      const own = topic.config.overrides
      const configs = topicConfigKeys
        .filter(({ name }) => asked(name))
        .map(({ name, type, doc }) => {
          const described = describeTopicSetting(name, { own, broker: services.config })
          return entryOf({ name, type, doc, described, readOnly: false }, request)
        })
      return { errorCode: ErrorCode.NONE, configs }
    }
    case CONFIG_RESOURCE.broker: {
      const { nodeId } = services.logDirectory
      if (resourceName !== '' && resourceName !== String(nodeId)) {
        const errorMessage = `Unexpected broker id, expected ${nodeId} or empty string, but received ${resourceName}`
        return refused(ErrorCode.INVALID_REQUEST, errorMessage)
      }
      // The empty name is the cluster-wide dynamic default, of which there is none here.
      const names = resourceName === '' ? [] : (Object.keys(BROKER_SETTINGS) as BrokerSettingName[])
      const configs = names.filter(asked).map((name) => {
        const { type, doc } = BROKER_SETTINGS[name]
        const described = describeBrokerSetting(name, services.config)
        return entryOf({ name, type, doc, described, readOnly: true }, request)
      })
      return { errorCode: ErrorCode.NONE, configs }
    }
    case CONFIG_RESOURCE.group: {
      if (resourceName === '') return refused(ErrorCode.INVALID_REQUEST, 'Group name must not be empty')
      const own = services.groupSettings.own(resourceName)
      const configs = [...GROUP_SETTINGS]
        .filter(([name]) => asked(name))
        .map(([name, setting]) => {
          const { type, doc } = setting
          const byDefault =
            'default' in setting
              ? { value: setting.default, source: CONFIG_SOURCE.default, synonyms: [] }
              : describeBrokerSetting(setting.broker, services.config)
          const described = withOwn({ name, value: own[name], source: CONFIG_SOURCE.group }, byDefault)
          return entryOf({ name, type, doc, described, readOnly: false }, request)
        })
      return { errorCode: ErrorCode.NONE, configs }
    }
    case CONFIG_RESOURCE.clientMetrics: {
      if (resourceName === '')
        return refused(ErrorCode.INVALID_REQUEST, 'Client metrics subscription name must not be empty')
      const own = services.telemetry.subscriptions.own(resourceName)
      const configs = [...CLIENT_METRICS_SETTINGS]
        .filter(([name]) => asked(name))
        .map(([name, { type, doc, default: value }]) => {
          const byDefault = { value, source: CONFIG_SOURCE.default, synonyms: [] }
          const described = withOwn(
            { name, value: own[name], source: CONFIG_SOURCE.clientMetrics },
            byDefault,
          )
          return entryOf({ name, type, doc, described, readOnly: false }, request)
        })
      return { errorCode: ErrorCode.NONE, configs }
    }
    case CONFIG_RESOURCE.brokerLogger:
      return { errorCode: ErrorCode.NONE, configs: [] }
    default:
      return refused(ErrorCode.INVALID_REQUEST, `Unsupported resource type: ${resourceType}`)
  }
}

/** A resource's own value before what counts otherwise. */
function withOwn(
  own: {
    readonly name: string
    readonly value: string | undefined
    readonly source: DescribedSetting['source']
  },
  byDefault: DescribedSetting,
): DescribedSetting {
  const { name, value, source } = own
  if (value === undefined) return byDefault
  return { value, source, synonyms: [{ name, value, source }, ...byDefault.synonyms] }
}

function refused(
  errorCode: ErrorCode,
  errorMessage: string,
): { errorCode: ErrorCode; errorMessage: string; configs: [] } {
  return { errorCode, errorMessage, configs: [] }
}

function entryOf(
  setting: {
    readonly name: string
    readonly type: TopicConfigKey['type']
    readonly doc: string
    readonly described: DescribedSetting
    readonly readOnly: boolean
  },
  request: DescribeConfigsRequest,
): Entry {
  const { name, type, doc, described, readOnly } = setting
  return {
    name,
    value: described.value,
    readOnly,
    configSource: described.source,
    isSensitive: false,
    synonyms: request.includeSynonyms ? described.synonyms : [],
    configType: TYPE_CODES[type],
    documentation: request.includeDocumentation ? doc : null,
  }
}
