import type { WireClient } from '../../src/log/broker/wire-client.test-kit.ts'
import { apis } from '../../src/log/protocol/apis.ts'

/** The groups whose names begin with the prefix, without it, in the order of their names. */
export async function listedGroups(
  client: WireClient,
  filter: { readonly statesFilter?: string[]; readonly typesFilter?: string[] },
  prefix: string,
): Promise<object> {
  const { groups } = await client.call(apis.listGroups, 5, filter)
  return groups
    .filter(({ groupId }) => groupId.startsWith(prefix))
    .map((group) => ({ ...group, groupId: group.groupId.slice(prefix.length) }))
    .toSorted((one, other) => (one.groupId < other.groupId ? -1 : 1))
}
