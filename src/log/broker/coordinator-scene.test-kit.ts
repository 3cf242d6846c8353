/** A broker and a client of hand-written frames in the simulated world, for tests of the coordinators' APIs. */
import { reportNothing } from '../../base/report.ts'
import { Simulation, type SimulatedMachine } from '../../world/simulated/simulation.ts'
import type { Api } from '../protocol/api-schema.ts'
import { metadataApi } from '../protocol/apis/metadata.ts'
import { startBroker, type Broker } from './broker.ts'
import type { BrokerConfig } from './broker-config.ts'
import { WireClient } from './wire-client.test-kit.ts'

const LISTEN = { host: '127.0.0.1', port: 9092 }

export interface Scene {
  readonly client: WireClient
  readonly server: SimulatedMachine
  readonly simulation: Simulation
  readonly topicId: string
  /** Another connection. */
  connect(): Promise<WireClient>
  /** Loses power and starts again. */
  restart(): Promise<Scene>
}

/** Runs `body` with a client and a topic `t` of two partitions. */
export async function withBroker(
  body: (scene: Scene) => Promise<void>,
  config: Partial<BrokerConfig> = {},
): Promise<void> {
  const simulation = new Simulation({ seed: 3, network: { fragmentChance: 0, latencyMs: [0, 0] } })
  const server = simulation.machine('server')
  const laptop = simulation.machine('laptop')
  await simulation.run(async () => {
    let broker: Broker
    const open = async (): Promise<Scene> => {
      const settings = { 'num.partitions': 2, ...config }
      broker = await startBroker({
        world: server.world,
        dataPath: '/data',
        listen: LISTEN,
        config: settings,
        report: reportNothing,
      })
      const connect = (): Promise<WireClient> => WireClient.connect(laptop.world.network, LISTEN)
      const client = await connect()
      const { topics } = await client.call(metadataApi, 12, { topics: [{ name: 't' }] })
      const restart = (): Promise<Scene> => {
        client.close()
        server.losePower({ unsynced: 'none' })
        return open()
      }
      return { client, server, simulation, topicId: topics[0]!.topicId, connect, restart }
    }
    await body(await open())
    await broker!.close()
  })
}

export async function inEveryVersion<Req, Res, ReqInput, ResInput>(
  api: Api<Req, Res, ReqInput, ResInput>,
  check: (version: number) => Promise<void>,
): Promise<void> {
  for (let version = api.versions[0]; version <= api.versions[1]; version++) {
    try {
      await check(version)
    } catch (error) {
      throw new Error(`${api.name} version ${version}`, { cause: error })
    }
  }
}
