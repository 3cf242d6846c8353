/**
 * A broker with access rules in the simulated world. The client at the office may do everything, the one at home what
 * rules allow; both are ANONYMOUS, so that the tests need no authentication, and rules tell them apart by their hosts.
 */
import { makeDurableDirectory, writeWhole } from '../../world/files.ts'
import { Simulation } from '../../world/simulated/simulation.ts'
import type { Network } from '../../world/world.ts'
import { createAclsApi } from '../protocol/apis/create-acls.ts'
import { deleteAclsApi } from '../protocol/apis/delete-acls.ts'
import { metadataApi } from '../protocol/apis/metadata.ts'
import { type Broker, startBroker } from './broker.ts'
import type { BrokerConfig } from './broker-config.ts'
import { AclOperation, PatternType, PermissionType, ResourceType } from './security/access-codes.ts'
import { WireClient } from './wire-client.test-kit.ts'

const LISTEN = { host: '127.0.0.1', port: 9092 }
const ANYBODY = 'User:ANONYMOUS'

/** `topic t`, `group g`, `cluster`, `transactional_id x`, with a star behind a prefix. */
export type Resource = string

export type Right = readonly [operation: keyof typeof AclOperation, resource: Resource]

/** A request and the rights that it needs. */
export interface AccessCase {
  readonly name: string
  readonly rights: readonly Right[]
  /** The error while the last of the rights lacks. */
  readonly refused: number
  /** Asks from home; the errors that the answers tell. */
  readonly ask: (scene: AskingScene) => Promise<readonly number[]>
}

/** What an `AccessCase` needs; a real Kafka has it as well. */
export type AskingScene = Pick<AccessScene, 'office' | 'home' | 'topicId'>

type Place = 'home' | 'office'

export interface AccessScene {
  readonly broker: Broker
  readonly office: WireClient
  readonly home: WireClient
  /** A topic `t` with one partition. */
  readonly topicId: string
  readonly reports: { readonly event: string; readonly [field: string]: unknown }[]
  /** Lets the client at home do something. */
  allow(operation: keyof typeof AclOperation, resource: Resource): Promise<void>
  deny(operation: keyof typeof AclOperation, resource: Resource): Promise<void>
  /** Takes back all that the client at home was allowed or denied. */
  forget(): Promise<void>
  connect(place: Place): Promise<WireClient>
}

export async function withAccessRules(
  body: (scene: AccessScene) => Promise<void>,
  config: Partial<BrokerConfig> = {},
): Promise<void> {
  const simulation = new Simulation({ seed: 3, network: { fragmentChance: 0, latencyMs: [0, 0] } })
  const { world } = simulation.machine('server')
  const { network } = world
  let from: Place = 'office'
  await simulation.run(async () => {
    await makeDurableDirectory(world.disk, '/data')
    writeWhole(world.disk, '/data/millrace-acls.json', JSON.stringify({ version: 1, rules: officeRules() }))
    const reports: { event: string }[] = []
    const broker = await startBroker({
      world: { ...world, network: withPeers(world.network, () => `${from}:1`) },
      dataPath: '/data',
      listen: LISTEN,
      config: { 'authorizer.class.name': 'acl', ...config },
      report: (_level, event, fields) => reports.push({ event, ...fields }),
    })
    const connect = (place: Place): Promise<WireClient> => {
      from = place
      return WireClient.connect(network, LISTEN)
    }
    const office = await connect('office')
    const home = await connect('home')
    const { topics } = await office.call(metadataApi, 12, { topics: [{ name: 't' }] })
    const create = async (
      permission: keyof typeof PermissionType,
      operation: keyof typeof AclOperation,
      resource: Resource,
    ): Promise<void> => {
      const rule = {
        ...patternOf(resource),
        principal: ANYBODY,
        host: 'home',
        operation: AclOperation[operation],
        permissionType: PermissionType[permission],
      }
      const { results } = await office.call(createAclsApi, 3, { creations: [rule] })
      if (results[0]!.errorCode !== 0) throw new Error(results[0]!.errorMessage ?? '')
    }
    await body({
      broker,
      office,
      home,
      topicId: topics[0]!.topicId,
      reports,
      connect,
      allow: (operation, resource) => create('ALLOW', operation, resource),
      deny: (operation, resource) => create('DENY', operation, resource),
      forget: async () => {
        await office.call(deleteAclsApi, 3, {
          filters: [
            {
              resourceTypeFilter: ResourceType.ANY,
              resourceNameFilter: null,
              patternTypeFilter: PatternType.ANY,
              principalFilter: null,
              hostFilter: 'home',
              operation: AclOperation.ANY,
              permissionType: PermissionType.ANY,
            },
          ],
        })
      },
    })
    home.close()
    office.close()
    await broker.close()
  })
}

/** A network whose connections come from where the test says. */
function withPeers(network: Network, peerOfNext: () => string): Network {
  return {
    http: network.http,
    connect: (options) => network.connect(options),
    listen: (options) =>
      network.listen({
        ...options,
        onConnection: (connection) => {
          options.onConnection({
            peer: peerOfNext(),
            handle: (handler) => connection.handle(handler),
            write: (chunks) => connection.write(chunks),
            bufferedBytes: () => connection.bufferedBytes(),
            pause: () => connection.pause(),
            resume: () => connection.resume(),
            end: () => connection.end(),
            destroy: () => connection.destroy(),
          })
        },
      }),
  }
}

export function patternOf(resource: Resource): {
  resourceType: number
  resourceName: string
  resourcePatternType: number
} {
  const [type, name = 'kafka-cluster'] = resource.split(' ')
  const prefixed = name.length > 1 && name.endsWith('*')
  return {
    resourceType: ResourceType[type!.toUpperCase() as keyof typeof ResourceType],
    resourceName: prefixed ? name.slice(0, -1) : name,
    resourcePatternType: prefixed ? PatternType.PREFIXED : PatternType.LITERAL,
  }
}

function officeRules(): unknown[] {
  return ['TOPIC', 'GROUP', 'CLUSTER', 'TRANSACTIONAL_ID'].map((resourceType) => ({
    resourceType,
    resourceName: resourceType === 'CLUSTER' ? 'kafka-cluster' : '*',
    patternType: 'LITERAL',
    principal: ANYBODY,
    host: 'office',
    operation: 'ALL',
    permissionType: 'ALLOW',
  }))
}
