import type {
  IncrementalAlterConfigsRequest,
  IncrementalAlterConfigsResponseInput,
} from '../../protocol/apis/incremental-alter-configs.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { topicConfigKey } from '../../storage/topic-config.ts'
import { changeConfig, type ConfigOutcome } from '../config-changes.ts'
import type { Handler } from '../services.ts'
import { describeTopicSetting } from '../topic-settings.ts'
import type { BrokerConfig } from '../broker-config.ts'

type Change = IncrementalAlterConfigsRequest['resources'][number]['configs'][number]

/** Kafka's codes of what to do with a value. */
const OPERATION = { set: 0, delete: 1, append: 2, subtract: 3 } as const

/** IncrementalAlterConfigs: sets and deletes single values; adds to and takes from lists. */
export const handleIncrementalAlterConfigs: Handler<
  IncrementalAlterConfigsRequest,
  IncrementalAlterConfigsResponseInput
> = async (request, context) => ({
  responses: await Promise.all(
    request.resources.map(async ({ resourceType, resourceName, configs }) => ({
      resourceType,
      resourceName,
      ...(await changeConfig({
        resourceType,
        resourceName,
        validateOnly: request.validateOnly,
        context,
        change: (own) => applyAll(own, configs, context.services.config),
      })),
    })),
  ),
})

function applyAll(
  own: Readonly<Record<string, string>>,
  changes: readonly Change[],
  broker: BrokerConfig,
): Record<string, string> | ConfigOutcome {
  const changed: Record<string, string> = { ...own }
  const named = new Set<string>()
  for (const change of changes) {
    const { name, configOperation, value } = change
    if (named.has(name)) return invalid(`Error due to duplicate config keys: ${name}`)
    named.add(name)
    if (configOperation === OPERATION.delete) {
      delete changed[name]
      continue
    }
    if (value === null) return invalid(`Null value not supported for : ${name}`)
    if (configOperation === OPERATION.set) {
      changed[name] = value
      continue
    }
    if (configOperation !== OPERATION.append && configOperation !== OPERATION.subtract) {
      return invalid(`Unknown operation ${configOperation} on ${name}`)
    }
    const setting = topicConfigKey(name)
    if (setting?.type !== 'list') {
      return {
        errorCode: ErrorCode.INVALID_CONFIG,
        errorMessage: `Can't append to or subtract from ${name}: it is not a list`,
      }
    }
    const has = words(describeTopicSetting(name, { own: changed, broker }).value)
    const given = words(value)
    const result =
      configOperation === OPERATION.append
        ? [...new Set([...has, ...given])]
        : has.filter((word) => !given.includes(word))
    changed[name] = result.join(',')
  }
  return changed
}

function words(list: string): string[] {
  return list
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '')
}

function invalid(errorMessage: string): ConfigOutcome {
  return { errorCode: ErrorCode.INVALID_REQUEST, errorMessage }
}
