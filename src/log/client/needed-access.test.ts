/** What clients are told of the access rules that they lack. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { reportNothing } from '../../base/report.ts'
import { nodeWorld } from '../../world/node.ts'
import { type Broker, startBroker } from '../broker/broker.ts'
import { createTopics, listOffsets } from './admin.ts'
import { connectClient, type LogClient } from './client.ts'
import { offsetCommit, offsetFetch } from './group-admin.ts'
import { newProducerIdentity } from './producer.ts'
import { createTransactionalProducer } from './transaction.ts'

const world = nodeWorld()

describe('somebody without access rules', () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-access-'))
  let broker: Broker
  let client: LogClient

  before(async () => {
    const sasl = { mechanisms: ['PLAIN' as const], users: { ada: 'engine', admin: 'root' } }
    broker = await startBroker({
      world,
      dataPath: directory,
      listeners: [{ name: 'SASL_PLAINTEXT', host: '127.0.0.1', port: 0, sasl }],
      config: { 'authorizer.class.name': 'acl', 'super.users': 'User:admin' },
      report: reportNothing,
    })
    const bootstrap = `127.0.0.1:${broker.listeners[0]!.port}`
    const as = (username: string, password: string): Promise<LogClient> =>
      connectClient({ world, bootstrap, security: { sasl: { mechanism: 'PLAIN', username, password } } })
    const admin = await as('admin', 'root')
    await createTopics(admin, [{ name: 'secret' }])
    await admin.close()
    client = await as('ada', 'engine')
  })

  after(async () => {
    await client.close()
    await broker.close()
    rmSync(directory, { recursive: true, force: true })
  })

  const offsets = [{ topic: 'secret', partition: 0, offset: 0 }]
  for (const [what, attempt, needed] of [
    ['create a topic', () => createTopics(client, [{ name: 'new' }]), 'Create on the topic new'],
    ['look a topic up', () => client.topic('secret'), 'Describe on the topic secret'],
    [
      'ask for offsets',
      () => listOffsets(client, [{ topic: 'secret', partition: 0, at: 'latest' }]),
      'Describe on the topic secret',
    ],
    ['read the offsets of a group', () => offsetFetch(client, 'readers'), 'Describe on the group readers'],
    ['commit offsets', () => offsetCommit(client, 'readers', offsets), 'on the group readers'],
    ['get a producer id', () => newProducerIdentity(client), 'IdempotentWrite on the cluster'],
    [
      'take a transactional id',
      () => createTransactionalProducer(client, { transactionalId: 'payer' }),
      'on the transactional id payer',
    ],
  ] as const) {
    test(`is told what it takes to ${what}`, async () => {
      await assert.rejects(attempt(), {
        code: 'MR_NOT_AUTHORIZED',
        message: new RegExp(`It needs .*${needed}`),
      })
    })
  }
})
