import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { brokerConfig } from './broker-config.ts'

describe('settings of the broker', () => {
  it('that are wrong are named, with what was expected, and what was meant', () => {
    const cases: readonly [given: Readonly<Record<string, unknown>>, said: RegExp][] = [
      [
        { 'num.partition': 3 },
        /MR_CONFIG_INVALID: num\.partition: .*; did you mean num\.partitions\? Correct/,
      ],
      [{ 'authorizer.class.name': 'acls' }, /expected one of nothing, acl, org\S+, got "acls"\./],
      [{ 'log.roll.ms': '0' }, /a whole number from 1 to 9223372036854775807, got "0"\./],
      [{ 'delete.topic.enable': 'yes' }, /expected true or false, got "yes"\./],
    ]
    for (const [given, said] of cases) assert.throws(() => brokerConfig(given), said)
  })

  it('bound what an assignment of a streams group costs unless they are told otherwise', () => {
    assert.equal(brokerConfig({})['group.streams.max.size'], 1_000)
    assert.equal(brokerConfig({ 'group.streams.max.size': 5_000 })['group.streams.max.size'], 5_000)
  })
})
