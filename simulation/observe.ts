import { connectClient } from '../src/log/client/client.ts'
import type { LogClient } from '../src/log/client/log-client.ts'
import type { Simulation } from '../src/world/simulated/simulation.ts'
import { SERVER_PORT, type ServerProcess } from './server-process.ts'

/** Works with a client of the scenario itself, which no fault but the network's hits, once the server is up. */
export async function observe(
  from: {
    readonly simulation: Simulation
    readonly server: ServerProcess
    /** Default `observer`. */
    readonly machine?: string
    /** Default: where a single server listens. */
    readonly bootstrap?: string
  },
  work: (client: LogClient) => Promise<void>,
): Promise<void> {
  const { simulation, server, machine = 'observer', bootstrap = `127.0.0.1:${SERVER_PORT}` } = from
  const { world } = simulation.machine(machine)
  await server.up()
  const client = await connectClient({ world, bootstrap, clientId: 'observer' })
  try {
    await work(client)
  } finally {
    await client.close()
  }
}
