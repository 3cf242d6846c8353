/** A process whose log asks every client for a password: its own REST and jobs come in all the same, in workers too. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { test } from 'node:test'
import { createAcls } from '../log/client/acl-admin.ts'
import { connectClient } from '../log/client/client.ts'
import { createTopics, listOffsets } from '../log/client/admin.ts'
import { nodeWorld } from '../world/node.ts'
import { viewTopic, viewTopics } from './log-view.ts'
import { serve } from './serve.ts'

test('a log that asks everybody lets its own process in, and nobody else', async () => {
  const data = mkdtempSync(join(tmpdir(), 'millrace-secured-serve-'))
  try {
    const module = join(import.meta.dirname, '..', 'index.ts')
    const kafka = join(import.meta.dirname, '..', 'connectors', 'kafka', 'index.ts')
    const jobFile = join(data, 'job.ts')
    writeFileSync(
      jobFile,
      `import { generator, job } from ${JSON.stringify(pathToFileURL(module).href)}
import { json, kafka } from ${JSON.stringify(pathToFileURL(kafka).href)}
export default job('numbers', (flow) => {
  flow
    .source('numbers', generator({ count: 10, generate: (index: number) => ({ index }) }))
    .sink('out', kafka({ topic: 'out', value: json() }))
})
`,
    )
    const sasl = { mechanisms: ['PLAIN'], users: { ada: 'engine', bob: 'builder' } } as const
    await using served = await serve({
      data,
      listeners: [{ host: '127.0.0.1', port: 0, sasl }],
      broker: { 'authorizer.class.name': 'acl', 'super.users': 'User:ada' },
      http: { host: '127.0.0.1', port: 0 },
    })
    await createTopics(served.client, [{ name: 'out', partitions: 1 }])
    const topics = await (await fetch(`${served.url}/api/v1/topics`)).text()
    assert.match(topics, /"out"/)
    const run = await served.run(pathToFileURL(jobFile), { checkpoint: { intervalMs: 50 } })
    await run.ended

    const { bootstrap } = served
    const world = nodeWorld()
    await assert.rejects(connectClient({ world, bootstrap, requestTimeoutMs: 1000 }))
    const security = { sasl: { mechanism: 'PLAIN', username: 'ada', password: 'engine' } } as const
    const client = await connectClient({ world, bootstrap, security })
    const [end] = await listOffsets(client, [{ topic: 'out', partition: 0, at: 'latest' }])
    assert.ok(end!.offset >= 10)
    await createAcls(client, [
      {
        resource: 'topic',
        name: 'out',
        pattern: 'literal',
        principal: 'User:bob',
        host: '*',
        operation: 'describe',
        permission: 'allow',
      },
    ])
    await client.close()

    const bob = { sasl: { mechanism: 'PLAIN', username: 'bob', password: 'builder' } } as const
    const guest = await connectClient({ world, bootstrap, security: bob })
    const [seen, ...others] = await viewTopics(guest, { internal: false })
    assert.deepEqual([seen?.name, seen?.config, others], ['out', null, []], 'without what he may not see')
    assert.equal((await viewTopic(guest, 'out'))?.configs, null)
    await guest.close()
  } finally {
    rmSync(data, { recursive: true })
  }
})
