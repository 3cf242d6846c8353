import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { simulatedWorld } from '../../../world/simulated/simulation.ts'
import { type BrokerConfig, brokerConfig } from '../broker-config.ts'
import { ClientQuotas } from '../quotas/client-quotas.ts'
import { QuotaRules } from '../quotas/quota-rules.ts'
import { ConnectionLimits } from './connection-limits.ts'

function limitsOf(given: Partial<BrokerConfig>): { limits: ConnectionLimits; quotas: ClientQuotas } {
  const config = brokerConfig(given)
  const { machine } = simulatedWorld()
  machine.world.disk.makeDirectory('/data')
  const quotas = new ClientQuotas(QuotaRules.open(machine.world.disk, '/data/quotas.json'), config)
  return { limits: new ConnectionLimits({ config, quotas, nowMs: 0 }), quotas }
}

function entering(limits: ConnectionLimits, host: string, times: number, nowMs = 0): number {
  return Array.from({ length: times }, () => limits.enter(host, nowMs)).filter((no) => no === undefined)
    .length
}

describe('limits of connections', () => {
  it('are as good as none without a setting', () => {
    assert.equal(entering(limitsOf({}).limits, '10.0.0.1', 5000), 5000)
  })

  it('hold overall and for each address, and give way when connections close', () => {
    const { limits } = limitsOf({
      'max.connections': 10,
      'max.connections.per.ip': 4,
      'max.connections.per.ip.overrides': '10.0.0.2:1, ::1:6',
    })
    assert.equal(entering(limits, '10.0.0.1', 9), 4)
    assert.equal(entering(limits, '::ffff:10.0.0.2', 9), 1)
    assert.equal(entering(limits, '[::1]', 9), 5)
    assert.match(limits.enter('10.0.0.3', 0) ?? '', /max\.connections \(10\)/)
    limits.left('10.0.0.1')
    assert.match(limits.enter('10.0.0.2', 0) ?? '', /max\.connections\.per\.ip \(1\)/)
    assert.equal(entering(limits, '10.0.0.1', 9), 1)
  })

  it('hold how quickly connections come', () => {
    const { limits } = limitsOf({ 'max.connection.creation.rate': 5 })
    assert.equal(entering(limits, '10.0.0.1', 20), 5)
    assert.match(limits.enter('10.0.0.9', 0) ?? '', /max\.connection\.creation\.rate/)
    assert.equal(entering(limits, '10.0.0.1', 20, 400), 2)
  })

  it('hold an address to its quota', async () => {
    const { simulation, machine } = simulatedWorld()
    await simulation.run(async () => {
      machine.world.disk.makeDirectory('/data')
      const config = brokerConfig({ 'quota.window.num': 2 })
      const rules = QuotaRules.open(machine.world.disk, '/data/quotas.json')
      const limits = new ConnectionLimits({ config, quotas: new ClientQuotas(rules, config), nowMs: 0 })
      const entity = [{ entityType: 'ip', entityName: '10.0.0.1' }]
      await rules.alter([{ entity, values: { connection_creation_rate: 3 } }])
      assert.equal(entering(limits, '10.0.0.1', 9), 3)
      assert.equal(entering(limits, '10.0.0.2', 9), 9)
    })
  })

  it('are refused where they cannot be read', () => {
    assert.throws(() => limitsOf({ 'max.connections.per.ip.overrides': 'here' }), /MR_CONFIG_INVALID.*here/)
  })
})
