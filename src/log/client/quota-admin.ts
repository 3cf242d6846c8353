/** Quotas of users, client ids and addresses. */
import { alterClientQuotasApi } from '../protocol/apis/alter-client-quotas.ts'
import { describeClientQuotasApi } from '../protocol/apis/describe-client-quotas.ts'
import { throwIfError } from './kafka-error.ts'
import type { LogClient } from './log-client.ts'

export const QUOTA_ENTITIES = ['user', 'client-id', 'ip'] as const
export type QuotaEntityType = (typeof QUOTA_ENTITIES)[number]

/** Whom a quota is for; `null` is the default of all of a kind. A user and a client id may be named together. */
export type QuotaEntity = { readonly [Type in QuotaEntityType]?: string | null }

export interface Quota {
  readonly entity: QuotaEntity
  /**
   * By Kafka's keys: producer_byte_rate, consumer_byte_rate, request_percentage, controller_mutation_rate and, of an
   * address, connection_creation_rate.
   */
  readonly values: Readonly<Record<string, number>>
}

const EXACT = 0
const DEFAULT = 1

/** The quotas of all, or of those that name at least this. */
export async function describeQuotas(client: LogClient, of: QuotaEntity = {}): Promise<readonly Quota[]> {
  const answer = await client.retry(() =>
    client.request(describeClientQuotasApi, {
      components: partsOf(of).map(({ entityType, entityName: match }) => ({
        entityType,
        matchType: match === null ? DEFAULT : EXACT,
        match,
      })),
      strict: false,
    }),
  )
  throwIfError(answer.errorCode, { doing: 'listing quotas', detail: answer.errorMessage })
  return (answer.entries ?? [])
    .map(({ entity, values }) => ({
      entity: Object.fromEntries(
        QUOTA_ENTITIES.flatMap((type) =>
          entity.filter(({ entityType }) => entityType === type).map(({ entityName }) => [type, entityName]),
        ),
      ),
      values: Object.fromEntries(values.map(({ key, value }) => [key, value])),
    }))
    .sort((a, b) => (JSON.stringify(a.entity) < JSON.stringify(b.entity) ? -1 : 1))
}

/** Sets and removes single quotas of one entity; what is not named stays. */
export async function alterQuotas(
  client: LogClient,
  entity: QuotaEntity,
  change: { readonly set?: Readonly<Record<string, number>>; readonly remove?: readonly string[] },
): Promise<void> {
  const answer = await client.request(
    alterClientQuotasApi,
    {
      entries: [
        {
          entity: partsOf(entity),
          ops: [
            ...Object.entries(change.set ?? {}).map(([key, value]) => ({ key, value, remove: false })),
            ...(change.remove ?? []).map((key) => ({ key, value: 0, remove: true })),
          ],
        },
      ],
      validateOnly: false,
    },
    { node: 'controller' },
  )
  for (const { errorCode, errorMessage } of answer.entries)
    throwIfError(errorCode, { doing: 'changing the quota', detail: errorMessage })
}

function partsOf(entity: QuotaEntity): { readonly entityType: string; readonly entityName: string | null }[] {
  return QUOTA_ENTITIES.flatMap((entityType) => {
    const entityName = entity[entityType]
    return entityName === undefined ? [] : [{ entityType, entityName }]
  })
}
