import { messageOf, MillraceError } from '../base/millrace-error.ts'
import type { LogClient } from '../log/client/client.ts'
import type { ClientSecurity } from '../log/client/security.ts'
import type { ClusterOptions } from './process-options.ts'

/** Connects for the time of `work`. */
export async function withClient<T>(
  { kafka: bootstrap, kafkaConfig }: Pick<ClusterOptions, 'kafka' | 'kafkaConfig'>,
  work: (client: LogClient) => Promise<T>,
): Promise<T> {
  const [{ connectClient }, { nodeWorld }, security] = await Promise.all([
    import('../log/client/client.ts'),
    import('../world/node.ts'),
    securityOf(kafkaConfig),
  ])
  const client = await connectClient({
    world: nodeWorld(),
    bootstrap,
    clientId: 'millrace-cli',
    security,
  }).catch((error: unknown) => {
    throw nobodyAnswers(error)
  })
  try {
    return await work(client)
  } finally {
    await client.close()
  }
}

/** What a configuration file says of TLS and SASL; nothing without a file. */
export async function securityOf(path: string | undefined): Promise<ClientSecurity> {
  if (path === undefined) return {}
  const { readKafkaConfig } = await import('./kafka-config.ts')
  return readKafkaConfig(path)
}

function nobodyAnswers(error: unknown): unknown {
  if (!(error instanceof MillraceError) || error.code !== 'MR_CONNECT_FAILED') return error
  // What went wrong in another way, such as in a TLS handshake, says more itself.
  const why = messageOf(error.cause)
  if (!why.startsWith('connect ECONNREFUSED')) return error
  return new MillraceError({
    code: error.code,
    ...error.place,
    message: `no log and no Kafka broker answers there: ${why}.`,
    fix: 'Start a log with `millrace start`, or name the address of one with --kafka HOST:PORT.',
    cause: error,
  })
}
