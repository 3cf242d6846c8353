import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { makeDurableDirectory } from '../../../world/files.ts'
import { simulatedWorld } from '../../../world/simulated/simulation.ts'
import { brokerConfig } from '../broker-config.ts'
import { ClientQuotas } from './client-quotas.ts'
import { passesFilter, type QuotaEntity } from './quota-entity.ts'
import { QuotaRules } from './quota-rules.ts'
import { TokenBucket } from './token-bucket.ts'

const USER = 'user'
const CLIENT = 'client-id'

function entity(parts: Readonly<Record<string, string | null>>): QuotaEntity {
  return Object.entries(parts).map(([entityType, entityName]) => ({ entityType, entityName }))
}

interface Scene {
  readonly quotas: ClientQuotas
  set(parts: Readonly<Record<string, string | null>>, values: Record<string, number | null>): Promise<void>
  /** Loses power and opens the quotas again. */
  again(): ClientQuotas
}

function inScene(body: (scene: Scene) => Promise<void>): Promise<void> {
  const { simulation, machine } = simulatedWorld()
  return simulation.run(async () => {
    const { disk } = machine.world
    await makeDurableDirectory(disk, '/data')
    const open = (): ClientQuotas =>
      new ClientQuotas(QuotaRules.open(disk, '/data/millrace-quotas.json'), brokerConfig())
    const quotas = open()
    await body({
      quotas,
      set: (parts, values) => quotas.rules.alter([{ entity: entity(parts), values }]),
      again: () => {
        machine.losePower({ unsynced: 'none' })
        return open()
      },
    })
  })
}

describe('a token bucket', () => {
  it('lets a window’s worth through at once, and makes wait for what is beyond', () => {
    const bucket = new TokenBucket({ perSecond: 100, windowSeconds: 10 }, 0)
    assert.equal(bucket.take(1000, 0), 0)
    assert.equal(bucket.take(50, 0), 500)
    assert.equal(bucket.debtMs(400), 100)
    assert.equal(bucket.debtMs(500), 0)
    assert.equal(bucket.take(100, 1500), 0)
  })

  it('goes into debt once, or never, as it is asked', () => {
    const bucket = new TokenBucket({ perSecond: 1, windowSeconds: 2 }, 0)
    assert.equal(bucket.takeWhole(3, 0), false)
    assert.equal(bucket.tryTake(5, 0), true)
    assert.equal(bucket.tryTake(1, 0), false)
    assert.equal(bucket.debtMs(0), 3000)
    assert.equal(bucket.tryTake(1, 3000), true)
  })

  it('does not mind a clock that goes back, and takes another rate', () => {
    const bucket = new TokenBucket({ perSecond: 100, windowSeconds: 1 }, 1000)
    assert.equal(bucket.take(200, 500), 1000)
    bucket.setLimit({ perSecond: 200, windowSeconds: 1 })
    assert.equal(bucket.debtMs(500), 500)
  })
})

describe('client quotas', () => {
  it('are those of the most precise entity', () =>
    inScene(async ({ quotas, set }) => {
      const rate = (user: string, clientId: string): number => quotas.fetchBytesMax({ user, clientId }) / 10
      const levels = [
        { [CLIENT]: null },
        { [CLIENT]: 'c' },
        { [USER]: null },
        { [USER]: null, [CLIENT]: null },
        { [USER]: null, [CLIENT]: 'c' },
        { [USER]: 'u' },
        { [USER]: 'u', [CLIENT]: null },
        { [USER]: 'u', [CLIENT]: 'c' },
      ]
      assert.equal(quotas.active, false)
      assert.equal(rate('u', 'c'), Infinity)
      for (const [index, level] of levels.entries()) {
        await set(level, { consumer_byte_rate: 100 + index })
        assert.equal(rate('u', 'c'), 100 + index)
      }
      assert.equal(rate('u', 'x'), 106)
      assert.equal(rate('v', 'c'), 104)
      assert.equal(rate('v', 'x'), 103)
      for (const level of levels.toReversed()) await set(level, { consumer_byte_rate: null })
      assert.equal(quotas.active, false)
    }))

  it('are shared by whom they are for', () =>
    inScene(async ({ quotas, set }) => {
      await set({ [USER]: 'u' }, { producer_byte_rate: 100 })
      await set({ [CLIENT]: null }, { producer_byte_rate: 100 })
      const charge = (user: string, clientId: string): number =>
        quotas.chargeBytes('producer_byte_rate', { user, clientId }, 1000, 0)
      assert.equal(charge('u', 'a'), 0)
      assert.equal(charge('u', 'b'), 10_000)
      assert.equal(charge('v', 'a'), 0)
      assert.equal(charge('w', 'a'), 10_000)
      assert.equal(charge('w', 'b'), 0)
      assert.equal(quotas.chargeBytes('consumer_byte_rate', { user: 'u', clientId: 'a' }, 1e9, 0), 0)
    }))

  it('bound the share of the broker’s time', () =>
    inScene(async ({ quotas, set }) => {
      await set({ [USER]: 'u' }, { request_percentage: 50 })
      const client = { user: 'u', clientId: '' }
      assert.equal(quotas.chargeTime(client, 5000, 0), 0)
      assert.equal(quotas.chargeTime(client, 100, 0), 200)
      assert.equal(quotas.chargeTime(client, 1e9, 0), 10_000)
    }))

  it('bound the partitions that are created: new clients are refused, old ones wait', () =>
    inScene(async ({ quotas, set }) => {
      await set({ [USER]: 'u' }, { controller_mutation_rate: 1 })
      const client = { user: 'u', clientId: '' }
      const first = quotas.mutations(client, { strict: true, nowMs: 0 })
      assert.equal(first.take(20), true)
      assert.equal(first.take(1), false)
      assert.equal(first.throttleMs, 9000)
      const old = quotas.mutations(client, { strict: false, nowMs: 0 })
      assert.equal(old.take(1), true)
      assert.equal(old.throttleMs, 10_000)
      const free = quotas.mutations({ user: 'v', clientId: '' }, { strict: true, nowMs: 0 })
      assert.deepEqual([free.take(1e6), free.throttleMs], [true, 0])
    }))

  it('bound the connections from an address', () =>
    inScene(async ({ quotas, set }) => {
      await set({ ip: null }, { connection_creation_rate: 1 })
      await set({ ip: '10.0.0.1' }, { connection_creation_rate: 2 })
      const connect = (ip: string, times: number): number =>
        Array.from({ length: times }, () => quotas.mayConnect(ip, 0)).filter(Boolean).length
      assert.equal(connect('10.0.0.1', 30), 20)
      assert.equal(connect('10.0.0.2', 30), 10)
      assert.equal(connect('10.0.0.3', 30), 10)
      assert.equal(quotas.mayConnect('10.0.0.3', 1000), true)
    }))

  it('survive a power cut', () =>
    inScene(async ({ set, again }) => {
      await set({ [USER]: 'u', [CLIENT]: null }, { consumer_byte_rate: 5, request_percentage: 1.5 })
      const quotas = again()
      assert.equal(quotas.fetchBytesMax({ user: 'u', clientId: 'any' }), 50)
      assert.deepEqual(quotas.rules.matching({ components: [], strict: false }), [
        {
          entity: entity({ [USER]: 'u', [CLIENT]: null }),
          values: { consumer_byte_rate: 5, request_percentage: 1.5 },
        },
      ])
    }))
})

describe('filters of quotas', () => {
  it('ask for names, defaults, or types', () => {
    const passes = (
      who: Readonly<Record<string, string | null>>,
      strict: boolean,
      ...components: readonly (readonly [type: string, matchType: number, match?: string])[]
    ): boolean =>
      passesFilter(entity(who), {
        strict,
        components: components.map(([entityType, matchType, match = null]) => ({
          entityType,
          matchType,
          match,
        })),
      })
    assert.equal(passes({ user: 'a' }, false), true)
    assert.equal(passes({ user: 'a' }, true), false)
    assert.equal(passes({ user: 'a' }, true, [USER, 0, 'a']), true)
    assert.equal(passes({ user: 'a' }, true, [USER, 0, 'b']), false)
    assert.equal(passes({ user: null }, true, [USER, 1]), true)
    assert.equal(passes({ user: 'a' }, true, [USER, 1]), false)
    assert.equal(passes({ user: null }, true, [USER, 2]), true)
    assert.equal(passes({ user: 'a', [CLIENT]: 'c' }, true, [USER, 2]), false)
    assert.equal(passes({ user: 'a', [CLIENT]: 'c' }, false, [USER, 2]), true)
    assert.equal(passes({ user: 'a' }, false, [CLIENT, 2]), false)
  })
})
