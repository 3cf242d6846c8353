import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type SimulatedMachine, simulatedWorld } from '../../../world/simulated/simulation.ts'
import { makeDurableDirectory } from '../../../world/files.ts'
import { brokerConfig } from '../broker-config.ts'
import { BrokerCounters } from '../broker-metrics.ts'
import type { ClientConnection } from '../services.ts'
import { AclOperation, PatternType, PermissionType, ResourceType } from './access-codes.ts'
import type { AccessRule } from './access-rule.ts'
import type { Authorizer } from './authorizer.ts'
import { openAuthorizer } from './open-authorizer.ts'
import { ANONYMOUS, type Principal, user } from './principal.ts'

const READ_ORDERS: AccessRule = {
  resourceType: ResourceType.TOPIC,
  resourceName: 'orders',
  patternType: PatternType.LITERAL,
  principal: 'User:alice',
  host: '*',
  operation: AclOperation.READ,
  permissionType: PermissionType.ALLOW,
}

function connectionOf(principal: Principal): ClientConnection {
  return {
    id: 1,
    peer: '10.0.0.1:4000',
    clientHost: '/10.0.0.1',
    clientId: 'test',
    listener: 'default',
    advertised: { host: 'here', port: 9092 },
    sasl: undefined,
    principal,
    softwareName: '',
    softwareVersion: '',
    isOpen: true,
    mute: () => undefined,
    onClose: () => () => undefined,
  }
}

interface Scene {
  readonly machine: SimulatedMachine
  readonly lines: { readonly event: string; readonly fields: Readonly<Record<string, unknown>> }[]
  readonly metrics: BrokerCounters
  open(config?: Record<string, unknown>): Authorizer
}

function inScene(body: (scene: Scene) => Promise<void>): Promise<void> {
  const { simulation, machine } = simulatedWorld()
  return simulation.run(async () => {
    await makeDurableDirectory(machine.world.disk, '/data')
    const lines: { event: string; fields: Readonly<Record<string, unknown>> }[] = []
    const metrics = new BrokerCounters({ nowMonotonicMs: 0 })
    await body({
      machine,
      lines,
      metrics,
      open: (config = {}) =>
        openAuthorizer({
          world: machine.world,
          dataPath: '/data',
          config: brokerConfig({ 'authorizer.class.name': 'acl', ...config }),
          report: (_level, event, fields) => lines.push({ event, fields }),
          metrics,
        }),
    })
  })
}

function mayRead(authorizer: Authorizer, connection: ClientConnection, topic = 'orders'): boolean {
  return authorizer.allows(connection, AclOperation.READ, ResourceType.TOPIC, topic)
}

describe('the authorizer', () => {
  it('without a configuration lets everybody do everything', () =>
    inScene(async ({ open }) => {
      const authorizer = open({ 'authorizer.class.name': '' })
      assert.equal(authorizer.rules, undefined)
      assert.equal(mayRead(authorizer, connectionOf(ANONYMOUS)), true)
    }))

  it('follows the rules as they change, and who the connection is', () =>
    inScene(async ({ open }) => {
      const authorizer = open()
      const connection = connectionOf(user('alice'))
      assert.equal(mayRead(authorizer, connection), false)
      await authorizer.rules!.create([READ_ORDERS])
      assert.equal(mayRead(authorizer, connection), true)
      connection.principal = user('bob')
      assert.equal(mayRead(authorizer, connection), false)
      connection.principal = user('alice')
      assert.equal(mayRead(authorizer, connection), true)
      const { principal, operation } = READ_ORDERS
      const filter = {
        resourceTypeFilter: ResourceType.ANY,
        resourceNameFilter: null,
        patternTypeFilter: PatternType.ANY,
        principalFilter: principal,
        hostFilter: null,
        operation,
        permissionType: PermissionType.ANY,
      }
      assert.deepEqual(await authorizer.rules!.delete([filter, filter]), [[READ_ORDERS], [READ_ORDERS]])
      assert.equal(mayRead(authorizer, connection), false)
    }))

  it('keeps the rules over a power cut', () =>
    inScene(async ({ open, machine }) => {
      await open().rules!.create([READ_ORDERS, READ_ORDERS])
      machine.losePower({ unsynced: 'none' })
      assert.equal(mayRead(open(), connectionOf(user('alice'))), true)
    }))

  it('lets super users do everything, also what is denied', () =>
    inScene(async ({ open }) => {
      const authorizer = open({ 'super.users': 'User:root; User:alice' })
      await authorizer.rules!.create([{ ...READ_ORDERS, permissionType: PermissionType.DENY }])
      assert.equal(mayRead(authorizer, connectionOf(user('alice'))), true)
      assert.equal(
        authorizer.allowsSome(connectionOf(user('root')), AclOperation.WRITE, ResourceType.TOPIC),
        true,
      )
      assert.throws(() => open({ 'super.users': 'alice' }), /MR_CONFIG_INVALID.*super.users/)
    }))

  it('lets everybody use what no rule names, if told so', () =>
    inScene(async ({ open }) => {
      const authorizer = open({ 'allow.everyone.if.no.acl.found': true })
      await authorizer.rules!.create([READ_ORDERS])
      const bob = connectionOf(user('bob'))
      assert.equal(mayRead(authorizer, bob, 'other'), true)
      assert.equal(mayRead(authorizer, bob, 'orders'), false)
      assert.equal(authorizer.allowsSome(bob, AclOperation.WRITE, ResourceType.TOPIC), true)
    }))

  it('reports refusals, of a client that loops a few', () =>
    inScene(async ({ open, lines, metrics, machine }) => {
      const authorizer = open()
      const bob = connectionOf(user('bob'))
      for (let index = 0; index < 1000; index++) mayRead(authorizer, bob, `t${index % 3}`)
      assert.equal(lines.length, 10)
      assert.deepEqual(lines[0], {
        event: 'access denied',
        fields: {
          principal: 'User:bob',
          host: '10.0.0.1',
          listener: 'default',
          clientId: 'test',
          operation: 'READ',
          resourceType: 'TOPIC',
          resource: 't0',
        },
      })
      assert.equal(metrics.authorizationsDenied, 1000)
      mayRead(authorizer, connectionOf(user('carol')))
      assert.equal(lines.at(-1)!.fields['principal'], 'User:carol')
      await new Promise<void>((resolve) => machine.world.clock.schedule(1001, resolve))
      mayRead(authorizer, bob)
      assert.equal(lines.at(-1)!.fields['leftOut'], 990)
      authorizer.permits(bob, AclOperation.WRITE, ResourceType.TOPIC, 'quiet')
      assert.equal(lines.length, 12)
    }))
})
