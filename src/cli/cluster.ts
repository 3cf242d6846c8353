import { MillraceError } from '../base/millrace-error.ts'
import type { LogClient } from '../log/client/client.ts'
import type { ClusterOptions } from './process-options.ts'

/** Connects for the time of `work`. */
export async function withClient<T>(
  { kafka: bootstrap }: Pick<ClusterOptions, 'kafka'>,
  work: (client: LogClient) => Promise<T>,
): Promise<T> {
  const [{ connectClient }, { nodeWorld }] = await Promise.all([
    import('../log/client/client.ts'),
    import('../world/node.ts'),
  ])
  const client = await connectClient({ world: nodeWorld(), bootstrap, clientId: 'millrace-cli' }).catch(
    (error: unknown) => {
      throw nobodyAnswers(error)
    },
  )
  try {
    return await work(client)
  } finally {
    await client.close()
  }
}

function nobodyAnswers(error: unknown): unknown {
  if (!(error instanceof MillraceError) || error.code !== 'MR_CONNECT_FAILED') return error
  return new MillraceError({
    code: error.code,
    ...error.place,
    message: 'no log and no Kafka broker answers there.',
    fix: 'Start a log with `millrace start`, or name the address of one with --kafka HOST:PORT.',
    cause: error,
  })
}
