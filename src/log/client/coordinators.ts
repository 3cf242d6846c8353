/** Remembers which broker coordinates a group or a transactional id, and asks when it does not know. */
import { findCoordinatorApi } from '../protocol/apis/find-coordinator.ts'
import type { LogClient } from './log-client.ts'
import { throwIfError } from './kafka-error.ts'

type Coordinated = { readonly group: string } | { readonly transactionalId: string }

const GROUP_KEY_TYPE = 0
const TRANSACTION_KEY_TYPE = 1

export class Coordinators {
  readonly #client: Pick<LogClient, 'request'>
  readonly #known = new Map<string, number>()

  constructor(client: Pick<LogClient, 'request'>) {
    this.#client = client
  }

  /** One attempt; throws a `KafkaError` that is worth retrying while there is no coordinator. */
  async find(coordinated: Coordinated): Promise<number> {
    const { id, key, keyType } = described(coordinated)
    const known = this.#known.get(id)
    if (known !== undefined) return known
    const answer = await this.#client.request(findCoordinatorApi, { key, keyType, coordinatorKeys: [key] })
    const found = answer.coordinators[0] ?? answer
    const what = keyType === GROUP_KEY_TYPE ? `the group ${key}` : `the transactional id ${key}`
    const needed = `Describe on ${what}`
    throwIfError(found.errorCode, {
      doing: `finding the coordinator of ${what}`,
      detail: found.errorMessage,
      needs: { group: needed, transactionalId: needed },
    })
    this.#known.set(id, found.nodeId)
    return found.nodeId
  }

  forget(coordinated: Coordinated): void {
    this.#known.delete(described(coordinated).id)
  }
}

function described(coordinated: Coordinated): { id: string; key: string; keyType: number } {
  if ('group' in coordinated)
    return { id: `g:${coordinated.group}`, key: coordinated.group, keyType: GROUP_KEY_TYPE }
  const key = coordinated.transactionalId
  return { id: `t:${key}`, key, keyType: TRANSACTION_KEY_TYPE }
}
