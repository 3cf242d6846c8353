/** How access rules and quotas are administrated: requests whose answers are to be the same from every server. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { WireClient } from '../../src/log/broker/wire-client.test-kit.ts'
import { apis } from '../../src/log/protocol/apis.ts'
import { errorName } from '../../src/log/protocol/error-code.ts'
import { awaitRules } from './access-target.ts'

export type Question = (office: WireClient) => Promise<unknown>

const RULE = {
  resourceType: 2,
  resourceName: 'orders',
  resourcePatternType: 3,
  principal: 'User:carol',
  host: '*',
  operation: 3,
  permissionType: 3,
}

const ANY_RULE = {
  resourceTypeFilter: 1,
  resourceNameFilter: null,
  patternTypeFilter: 1,
  principalFilter: null,
  hostFilter: null,
  operation: 1,
  permissionType: 1,
}

/** Kafka gives an unexpected error here, or ends the connection: whether it is refused is what is compared. */
function refused(ask: Question): Question {
  return async (office) => {
    const answer = await ask(office).catch(() => 'refused')
    return JSON.stringify(answer).includes('NONE') ? answer : 'refused'
  }
}

function creating(...changes: readonly Partial<typeof RULE>[]): Question {
  return async (office) => {
    const creations = changes.map((change) => ({ ...RULE, ...change }))
    const { results } = await office.call(apis.createAcls, 3, { creations })
    return results.map(({ errorCode }) => errorName(errorCode))
  }
}

function describing(filter: Readonly<Partial<Record<keyof typeof ANY_RULE, number | string>>>): Question {
  return async (office) => {
    const answer = await office.call(apis.describeAcls, 3, { ...ANY_RULE, ...filter } as typeof ANY_RULE)
    const rules = answer.resources.flatMap(({ acls, ...resource }) =>
      acls.map((acl) => JSON.stringify({ ...resource, ...acl })),
    )
    return [errorName(answer.errorCode), rules.sort()]
  }
}

function deleting(
  ...filters: readonly Readonly<Partial<Record<keyof typeof ANY_RULE, number | string>>>[]
): Question {
  return async (office) => {
    const asked = filters.map((filter) => ({ ...ANY_RULE, ...filter }) as typeof ANY_RULE)
    const { filterResults } = await office.call(apis.deleteAcls, 3, { filters: asked })
    return filterResults.map(({ errorCode, matchingAcls }) => [
      errorName(errorCode),
      matchingAcls.map((acl) => JSON.stringify(acl)).sort(),
    ])
  }
}

function names(count: number): { readonly resourceName: string }[] {
  return Array.from({ length: count }, (_, index) => ({ resourceName: `many-${index}` }))
}

/** How often which error came, with how many rules. */
function inShort(ask: Question): Question {
  return async (office) => {
    const answers = (await ask(office)) as readonly (string | readonly [error: string, rules: unknown[]])[]
    const texts = answers.map((answer) =>
      typeof answer === 'string' ? answer : `${answer[0]} ${answer[1].length}`,
    )
    return [...Map.groupBy(texts, (text) => text)].map(([text, { length }]) => [text, length])
  }
}

type Entity = readonly (readonly [type: string, name: string | null])[]

function altering(
  entity: Entity,
  values: Readonly<Record<string, number | null>>,
  validateOnly = false,
): Question {
  return async (office) => {
    const ops = Object.entries(values).map(([key, value]) => ({
      key,
      value: value ?? 0,
      remove: value === null,
    }))
    const parts = entity.map(([entityType, entityName]) => ({ entityType, entityName }))
    const body = { entries: [{ entity: parts, ops }], validateOnly }
    const { entries } = await office.call(apis.alterClientQuotas, 1, body)
    // Kafka's brokers hear of it a little later.
    await sleep(200)
    return entries.map(({ errorCode, entity: told }) => [
      errorName(errorCode),
      told.map((part) => JSON.stringify(part)).sort(),
    ])
  }
}

function describingQuotas(
  strict: boolean,
  ...components: readonly (readonly [type: string, matchType: number, match?: string])[]
): Question {
  return async (office) => {
    const asked = components.map(([entityType, matchType, match = null]) => ({
      entityType,
      matchType,
      match,
    }))
    const { errorCode, entries } = await office.call(apis.describeClientQuotas, 1, {
      components: asked,
      strict,
    })
    const sorted = entries?.map(({ entity, values }) =>
      JSON.stringify([
        entity.map((part) => JSON.stringify(part)).sort(),
        values.map((value) => JSON.stringify(value)).sort(),
      ]),
    )
    return [errorName(errorCode), sorted?.sort() ?? null]
  }
}

const HOSTS = { host: '10.0.0.1' }

/** In order: later ones see what earlier ones did. */
export const ADMINISTRATION: readonly (readonly [name: string, ask: Question])[] = [
  ['rules: create', creating({}, { operation: 4 }, { resourceName: '*' }, HOSTS, { permissionType: 2 })],
  ['rules: create once more', creating({}, {})],
  ['rules: create with prefixes', creating({ resourcePatternType: 4, resourceName: 'ord' })],
  ['rules: create for the cluster', creating({ resourceType: 4, resourceName: 'kafka-cluster' })],
  ['rules: create for another cluster', creating({ resourceType: 4, resourceName: 'other' })],
  ['rules: create without a name', creating({ resourceName: '' })],
  ['rules: create for any type', refused(creating({ resourceType: 1 }))],
  ['rules: create for no type', refused(creating({ resourceType: 0 }))],
  ['rules: create for any operation', refused(creating({ operation: 1 }))],
  ['rules: create for no operation', refused(creating({ operation: 0 }))],
  ['rules: create with any permission', refused(creating({ permissionType: 1 }))],
  ['rules: create with a pattern to match', refused(creating({ resourcePatternType: 2 }))],
  ['rules: create with any pattern', refused(creating({ resourcePatternType: 1 }))],
  ['rules: create for nobody', creating({ principal: 'carol' })],
  ['rules: create for an empty name', creating({ principal: 'User:' })],
  [
    'rules: create good and bad',
    creating({ resourceName: 'good' }, { resourceType: 4, resourceName: 'bad' }),
  ],
  ['rules: create for other types', creating({ resourceType: 5 }, { resourceType: 3 }, { resourceType: 7 })],
  ['rules: are there', (office) => awaitRules(office, 12)],
  ['rules: all', describing({})],
  ['rules: of a name', describing({ resourceNameFilter: 'orders' })],
  [
    'rules: that match',
    describing({ resourceTypeFilter: 2, resourceNameFilter: 'orders', patternTypeFilter: 2 }),
  ],
  ['rules: literal', describing({ resourceNameFilter: 'orders', patternTypeFilter: 3 })],
  ['rules: prefixed', describing({ patternTypeFilter: 4 })],
  ['rules: of an operation', describing({ operation: 4 })],
  ['rules: of all operations', describing({ operation: 2 })],
  ['rules: that deny', describing({ permissionType: 2 })],
  ['rules: of a host', describing({ hostFilter: '10.0.0.1' })],
  ['rules: of somebody', describing({ principalFilter: 'User:carol' })],
  ['rules: of nobody', describing({ principalFilter: 'User:nobody' })],
  ['rules: of no type', refused(describing({ resourceTypeFilter: 0 }))],
  ['rules: of no pattern', refused(describing({ patternTypeFilter: 0 }))],
  [
    'rules: delete some',
    deleting({ permissionType: 2 }, { operation: 4 }, { operation: 4 }, { hostFilter: 'x' }),
  ],
  ['rules: delete of no pattern', refused(deleting({ patternTypeFilter: 0 }))],
  ['rules: are fewer', (office) => awaitRules(office, 10)],
  ['rules: delete all', deleting({})],
  ['rules: are gone', (office) => awaitRules(office, 0)],
  ['rules: create too many at once', inShort(creating(...names(10_001)))],
  ['rules: create as many as may be', inShort(creating(...names(10_000)))],
  ['rules: create one more', creating({ resourceName: 'more' })],
  ['rules: are many', (office) => awaitRules(office, 10_001)],
  ['rules: delete too many at once', inShort(deleting({ resourceTypeFilter: 2 }))],
  ['rules: delete one', deleting({ resourceNameFilter: 'more' })],
  ['rules: are as many as may be deleted', (office) => awaitRules(office, 10_000)],
  ['rules: delete as many as may be', inShort(deleting({}))],
  ['rules: are gone again', (office) => awaitRules(office, 0)],

  ['quotas: of a user', altering([['user', 'carol']], { producer_byte_rate: 1e6, request_percentage: 12.5 })],
  ['quotas: of a client id', altering([['client-id', 'c']], { consumer_byte_rate: 1024 })],
  ['quotas: of all client ids', altering([['client-id', null]], { controller_mutation_rate: 2.5 })],
  [
    'quotas: of a client id of a user',
    altering(
      [
        ['user', 'carol'],
        ['client-id', 'c'],
      ],
      { producer_byte_rate: 5 },
    ),
  ],
  [
    'quotas: of any user, in the other order',
    altering(
      [
        ['client-id', null],
        ['user', null],
      ],
      { producer_byte_rate: 6 },
    ),
  ],
  ['quotas: of an address', altering([['ip', '127.0.0.9']], { connection_creation_rate: 100 })],
  ['quotas: of all addresses', altering([['ip', null]], { connection_creation_rate: 1000 })],
  ['quotas: tried only', altering([['user', 'dora']], { producer_byte_rate: 1e6 }, true)],
  ['quotas: tried only, wrong', altering([['user', 'dora']], { no_such_rate: 1 }, true)],
  ['quotas: with an unknown key', altering([['user', 'dora']], { no_such_rate: 1 })],
  ['quotas: with the key of addresses', altering([['user', 'dora']], { connection_creation_rate: 1 })],
  ['quotas: of an address with the key of users', altering([['ip', '127.0.0.9']], { producer_byte_rate: 1 })],
  ['quotas: of no address', altering([['ip', 'not an address']], { connection_creation_rate: 1 })],
  ['quotas: not whole', altering([['user', 'dora']], { producer_byte_rate: 1.5 })],
  ['quotas: nearly whole', altering([['user', 'dora']], { producer_byte_rate: 100.0000001 })],
  ['quotas: zero', altering([['user', 'dora']], { consumer_byte_rate: 0 })],
  ['quotas: negative', altering([['user', 'dora']], { consumer_byte_rate: -1 })],
  ['quotas: more than whole', altering([['user', 'dora']], { controller_mutation_rate: 0.25 })],
  ['quotas: of a strange type', altering([['planet', 'x']], { producer_byte_rate: 1 })],
  ['quotas: of an empty name', altering([['user', '']], { producer_byte_rate: 1 })],
  ['quotas: of nothing', altering([], { producer_byte_rate: 1 })],
  [
    'quotas: of an address and a user',
    altering(
      [
        ['ip', '127.0.0.9'],
        ['user', 'dora'],
      ],
      { producer_byte_rate: 1 },
    ),
  ],
  ['quotas: nothing to change', altering([['user', 'erin']], {})],
  ['quotas: remove what is not there', altering([['user', 'erin']], { producer_byte_rate: null })],
  ['quotas: all', describingQuotas(false)],
  ['quotas: all, strictly', describingQuotas(true)],
  ['quotas: of one user', describingQuotas(false, ['user', 0, 'carol'])],
  ['quotas: of one user, strictly', describingQuotas(true, ['user', 0, 'carol'])],
  ['quotas: of the default user', describingQuotas(false, ['user', 1])],
  ['quotas: of any user', describingQuotas(false, ['user', 2])],
  ['quotas: of any user and client id', describingQuotas(true, ['user', 2], ['client-id', 2])],
  ['quotas: of addresses', describingQuotas(false, ['ip', 2])],
  ['quotas: of addresses and users', describingQuotas(false, ['ip', 2], ['user', 2])],
  ['quotas: of a type twice', describingQuotas(false, ['user', 2], ['user', 1])],
  ['quotas: of planets', describingQuotas(false, ['planet', 2])],
  ['quotas: of an empty type', describingQuotas(false, ['', 2])],
  ['quotas: with a match that is none', describingQuotas(false, ['user', 9])],
  ['quotas: exactly, without a name', describingQuotas(false, ['user', 0])],
  ['quotas: the default, with a name', describingQuotas(false, ['user', 1, 'carol'])],
  ['quotas: remove', altering([['user', 'carol']], { producer_byte_rate: null })],
  ['quotas: what is left', describingQuotas(true, ['user', 2])],
]
