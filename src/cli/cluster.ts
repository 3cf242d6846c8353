import { connectClient, type LogClient } from '../log/client/client.ts'
import { nodeWorld } from '../world/node.ts'

/** Connects for the time of `work`. */
export async function withClient<T>(bootstrap: string, work: (client: LogClient) => Promise<T>): Promise<T> {
  const client = await connectClient({ world: nodeWorld(), bootstrap, clientId: 'millrace-cli' })
  try {
    return await work(client)
  } finally {
    await client.close()
  }
}
