import type { AlterConfigsRequest, AlterConfigsResponseInput } from '../../protocol/apis/alter-configs.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { changeConfig } from '../config-changes.ts'
import type { Handler } from '../services.ts'

/** AlterConfigs: what is not named goes back to its default. */
export const handleAlterConfigs: Handler<AlterConfigsRequest, AlterConfigsResponseInput> = async (
  request,
  context,
) => ({
  responses: await Promise.all(
    request.resources.map(async ({ resourceType, resourceName, configs }) => ({
      resourceType,
      resourceName,
      ...(await changeConfig({
        resourceType,
        resourceName,
        validateOnly: request.validateOnly,
        context,
        change: () => {
          const changed: Record<string, string> = {}
          for (const { name, value } of configs) {
            if (value === null)
              return {
                errorCode: ErrorCode.INVALID_REQUEST,
                errorMessage: `Null value not supported for : ${name}`,
              }
            changed[name] = value
          }
          return changed
        },
      })),
    })),
  ),
})
