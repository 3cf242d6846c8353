import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { AclOperation, PatternType, PermissionType, ResourceType } from './access-codes.ts'
import { type AccessRule, matchesFilter, ruleFromJson, ruleToJson } from './access-rule.ts'
import { canonicalHost } from './canonical-host.ts'
import { type Asker, RuleIndex } from './rule-index.ts'

const { READ, WRITE, DESCRIBE, ALTER, ALL, DESCRIBE_CONFIGS, ALTER_CONFIGS, CREATE } = AclOperation
const ALICE: Asker = { principal: 'User:alice', host: '10.0.0.1' }

function rule(given: Partial<AccessRule> = {}): AccessRule {
  return {
    resourceType: ResourceType.TOPIC,
    resourceName: 'orders',
    patternType: PatternType.LITERAL,
    principal: 'User:alice',
    host: '*',
    operation: READ,
    permissionType: PermissionType.ALLOW,
    ...given,
  }
}

const deny = (given: Partial<AccessRule> = {}): AccessRule =>
  rule({ permissionType: PermissionType.DENY, ...given })
const prefixed = (resourceName: string, given: Partial<AccessRule> = {}): AccessRule =>
  rule({ patternType: PatternType.PREFIXED, resourceName, ...given })

function onTopic(
  rules: readonly AccessRule[],
  operation: AclOperation = READ,
  topic = 'orders',
  asker = ALICE,
): string {
  return new RuleIndex(rules).decide(asker, operation, ResourceType.TOPIC, topic)
}

describe('access rules', () => {
  it('allow what they name, and nothing else', () => {
    assert.equal(onTopic([rule()]), 'allowed')
    assert.equal(onTopic([rule()], WRITE), 'no rule')
    assert.equal(onTopic([rule()], READ, 'other'), 'no rule for the resource')
    assert.equal(onTopic([rule({ principal: 'User:bob' })]), 'no rule')
    assert.equal(onTopic([rule({ principal: 'User:*' })]), 'allowed')
    assert.equal(onTopic([rule({ resourceType: ResourceType.GROUP })]), 'no rule for the resource')
    assert.equal(onTopic([rule({ operation: ALL })], ALTER), 'allowed')
  })

  it('ask for the host', () => {
    assert.equal(onTopic([rule({ host: '10.0.0.1' })]), 'allowed')
    assert.equal(onTopic([rule({ host: '10.0.0.2' })]), 'no rule')
    const v6: Asker = { principal: 'User:alice', host: canonicalHost('::1') }
    assert.equal(onTopic([rule({ host: '0:0:0:0:0:0:0:1' })], READ, 'orders', v6), 'allowed')
    assert.equal(onTopic([rule({ host: '::1' })], READ, 'orders', v6), 'allowed')
    assert.equal(onTopic([deny({ host: '10.0.0.2' }), rule()]), 'allowed')
  })

  it('name one resource, those of a prefix, or all', () => {
    assert.equal(onTopic([rule({ resourceName: '*' })]), 'allowed')
    for (const prefix of ['o', 'ord', 'orders']) assert.equal(onTopic([prefixed(prefix)]), 'allowed')
    assert.equal(onTopic([prefixed('orders-')]), 'no rule for the resource')
    assert.equal(onTopic([prefixed('*')]), 'no rule for the resource')
  })

  it('that deny win, wherever they are', () => {
    assert.equal(onTopic([rule(), deny()]), 'denied')
    assert.equal(onTopic([rule(), deny({ resourceName: '*' })]), 'denied')
    assert.equal(onTopic([rule(), prefixed('ord', { permissionType: PermissionType.DENY })]), 'denied')
    assert.equal(onTopic([rule(), deny({ principal: 'User:*' })]), 'denied')
    assert.equal(onTopic([rule(), deny({ operation: ALL })]), 'denied')
    assert.equal(onTopic([rule(), deny({ operation: WRITE })]), 'allowed')
  })

  it('allow what is implied, and deny no more than they say', () => {
    for (const operation of [READ, WRITE, AclOperation.DELETE, ALTER])
      assert.equal(onTopic([rule({ operation })], DESCRIBE), 'allowed')
    assert.equal(onTopic([rule({ operation: CREATE })], DESCRIBE), 'no rule')
    assert.equal(onTopic([rule({ operation: ALTER_CONFIGS })], DESCRIBE_CONFIGS), 'allowed')
    assert.equal(onTopic([rule({ operation: ALTER_CONFIGS })], DESCRIBE), 'no rule')
    assert.equal(onTopic([rule({ operation: DESCRIBE }), deny({ operation: READ })], DESCRIBE), 'allowed')
    assert.equal(onTopic([rule({ operation: READ }), deny({ operation: DESCRIBE })], DESCRIBE), 'denied')
  })

  it('for some resource: unless all that they allow is denied', () => {
    const some = (...rules: AccessRule[]): boolean =>
      new RuleIndex(rules).allowsSome(ALICE, READ, ResourceType.TOPIC)
    assert.equal(some(), false)
    assert.equal(some(rule()), true)
    assert.equal(some(rule(), deny()), false)
    assert.equal(some(rule(), deny(), rule({ resourceName: 'other' })), true)
    assert.equal(some(prefixed('a'), deny({ resourceName: 'a' })), true)
    assert.equal(some(prefixed('ab'), prefixed('a', { permissionType: PermissionType.DENY })), false)
    assert.equal(some(rule({ resourceName: '*' }), deny()), true)
    assert.equal(some(rule({ resourceName: '*' }), deny({ resourceName: '*' })), false)
    assert.equal(some(rule({ operation: ALL })), true)
    assert.equal(some(rule({ operation: WRITE })), false)
    assert.equal(some(rule({ host: '10.9.9.9' })), false)
  })

  it('are found among thousands', () => {
    const rules = Array.from({ length: 5000 }, (_, index) =>
      index % 2 === 0
        ? rule({ resourceName: `t${index}`, principal: `User:u${index % 100}` })
        : prefixed(`p${index}-`, { principal: `User:u${index % 100}` }),
    )
    const index = new RuleIndex(rules)
    const asker = { principal: 'User:u7', host: '1.2.3.4' }
    assert.equal(index.decide(asker, READ, ResourceType.TOPIC, 'p107-x'), 'allowed')
    assert.equal(index.decide(asker, READ, ResourceType.TOPIC, 'p109-x'), 'no rule')
    assert.equal(index.decide(asker, READ, ResourceType.TOPIC, 't8'), 'no rule')
  })
})

describe('filters of access rules', () => {
  const ANYTHING = {
    resourceTypeFilter: ResourceType.ANY,
    resourceNameFilter: null,
    patternTypeFilter: PatternType.ANY,
    principalFilter: null,
    hostFilter: null,
    operation: AclOperation.ANY,
    permissionType: PermissionType.ANY,
  }

  it('compare field by field', () => {
    assert.equal(matchesFilter(rule(), ANYTHING), true)
    const fits = { ...ANYTHING, resourceTypeFilter: ResourceType.TOPIC, resourceNameFilter: 'orders' }
    assert.equal(matchesFilter(rule(), fits), true)
    for (const other of [
      { resourceTypeFilter: ResourceType.GROUP },
      { resourceNameFilter: 'order' },
      { patternTypeFilter: PatternType.PREFIXED },
      { principalFilter: 'User:bob' },
      { hostFilter: '1.1.1.1' },
      { operation: WRITE },
      { operation: ALL },
      { permissionType: PermissionType.DENY },
    ])
      assert.equal(matchesFilter(rule(), { ...fits, ...other }), false, JSON.stringify(other))
  })

  it('of MATCH find whatever is about a name', () => {
    const match = { ...ANYTHING, patternTypeFilter: PatternType.MATCH, resourceNameFilter: 'orders' }
    for (const fits of [rule(), rule({ resourceName: '*' }), prefixed('ord'), prefixed('orders')])
      assert.equal(matchesFilter(fits, match), true)
    for (const other of [rule({ resourceName: 'ord' }), prefixed('orders-')])
      assert.equal(matchesFilter(other, match), false)
  })
})

describe('an access rule in its file', () => {
  it('reads as words, and comes back', () => {
    const json = JSON.parse(JSON.stringify(ruleToJson(deny()))) as Record<string, unknown>
    assert.equal(json['operation'], 'READ')
    assert.equal(json['permissionType'], 'DENY')
    assert.deepEqual(ruleFromJson(json), deny())
    for (const field of Object.keys(json)) assert.equal(ruleFromJson({ ...json, [field]: '' }), undefined)
  })
})

describe('addresses', () => {
  it('have one spelling', () => {
    for (const [given, canonical] of [
      ['127.0.0.1', '127.0.0.1'],
      ['::ffff:127.0.0.1', '127.0.0.1'],
      ['[::1]', '0:0:0:0:0:0:0:1'],
      ['::', '0:0:0:0:0:0:0:0'],
      ['FE80::00a1%eth0', 'fe80:0:0:0:0:0:0:a1'],
      ['2001:db8::7:8', '2001:db8:0:0:0:0:7:8'],
      ['not an address: no', 'not an address: no'],
    ] as const)
      assert.equal(canonicalHost(given), canonical)
  })
})
