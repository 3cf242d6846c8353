/**
 * Which checkpoints' transactions have been committed, written by the transactions themselves.
 *
 * After a crash between "checkpoint complete" and "transaction committed" the sink must commit exactly what it had
 * prepared. Kafka's answer to a late commit is not enough to know what happened: a transactional id that is fenced or
 * has no open transaction may have been committed, or aborted by its timeout. So every transaction also commits an
 * offset, in the group `millrace.<job>.<step>.<subtask>`, that is visible if and only if its records are:
 *
 *   offset    the checkpoint's id
 *   metadata  `token:checkpoint` of this start of the job and of earlier ones, youngest first
 *
 * The token is drawn anew at each start, because checkpoint ids begin again when a job starts without a checkpoint.
 */
import type { LogClient } from '../../log/client/client.ts'
import { offsetFetch, type GroupOffset } from '../../log/client/group-admin.ts'

/** Kafka takes at most 4,096 bytes of metadata; an entry is about 20. */
const STARTS_MAX = 100

export type Witness = ReadonlyMap<string, number>

/**
 * What has been committed. While a transaction is in question its offsets are still pending, so this must not wait for
 * them; one that is being committed at this moment is answered for by committing it again, which is no error. `stable`
 * waits: for when no transaction of the group is open any more.
 */
export async function readWitness(
  client: LogClient,
  options: { readonly groupId: string; readonly topic: string; readonly stable?: boolean },
): Promise<Witness> {
  const offsets = await offsetFetch(client, options.groupId, {
    topics: [{ topic: options.topic, partitions: [0] }],
    stable: options.stable ?? false,
  })
  const metadata = offsets.find(({ partition }) => partition === 0)?.metadata ?? ''
  return new Map(
    metadata
      .split(' ')
      .filter((entry) => entry.includes(':'))
      .map((entry) => {
        const [token = '', checkpointId = ''] = entry.split(':')
        return [token, Number(checkpointId)]
      }),
  )
}

/** Whether the transaction of that checkpoint, prepared by that start, has been committed. */
export function isCommitted(
  witness: Witness,
  prepared: { readonly token: string; readonly checkpointId: number },
): boolean {
  return (witness.get(prepared.token) ?? -1) >= prepared.checkpointId
}

/** The offset that a transaction commits to say so. */
export function witnessOffset(
  earlier: Witness,
  written: { readonly topic: string; readonly token: string; readonly checkpointId: number },
): GroupOffset {
  const { topic, token, checkpointId } = written
  const entries = [[token, checkpointId] as const, ...[...earlier].filter(([other]) => other !== token)]
  const metadata = entries
    .slice(0, STARTS_MAX)
    .map(([name, id]) => `${name}:${id}`)
    .join(' ')
  return { topic, partition: 0, offset: checkpointId, metadata }
}
