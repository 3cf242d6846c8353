/** Clients push metrics of theirs once somebody asks for them: Kafka's own, in Java, and librdkafka. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { serve, type Served } from '../src/server/serve.ts'
import { type Command, expectSuccess } from './tools/command.ts'
import { endProcess } from './tools/end-process.ts'
import { kafkaTool, type KafkaTool } from './tools/kafka-tools.ts'
import { paths } from './tools/paths.ts'
import { lacking } from './tools/target.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-client-metrics-'))
const NAME = 'latencies'
let served: Served
let closeServed = async (): Promise<void> => {}

before(async () => {
  const any = { host: '127.0.0.1', port: 0 }
  served = await serve({ data: folder, listen: any, http: any })
  closeServed = () => served.close()
})

after(async () => {
  await closeServed()
  rmSync(folder, { recursive: true })
})

async function run(tool: KafkaTool, ...args: string[]): Promise<string> {
  const command = kafkaTool(tool, ['--bootstrap-server', served.bootstrap, ...args])
  return (await expectSuccess(command)).stdout
}

/** Runs clients until each of the metrics is there, with the label, and is more than nothing. */
async function untilPushed(options: {
  readonly clients: readonly Command[]
  readonly metrics: readonly (readonly [name: string, label: string])[]
}): Promise<void> {
  const clients = options.clients.map(({ command, args }) => spawn(command, args, { stdio: 'ignore' }))
  try {
    for (const [name, label] of options.metrics) {
      const sample = new RegExp(`^${name}\\{.*${label}.*\\} (\\S+)$`, 'm')
      while (!(Number(sample.exec(await page())?.[1]) > 0)) {
        for (const { exitCode } of clients) assert.equal(exitCode, null, 'the clients have ended')
        await sleep(100)
      }
    }
  } finally {
    await Promise.all(clients.map((client) => endProcess(client)))
  }
}

async function page(): Promise<string> {
  return (await fetch(new URL('/metrics', served.url))).text()
}

describe('client metrics of Java', { skip: lacking('kafka-tools') }, () => {
  it('kafka-client-metrics asks for them, shows and lists what is asked for', async () => {
    const metrics = ['--metrics', 'org.apache.kafka.producer.,org.apache.kafka.consumer.']
    const match = ['--match', 'client_software_name=apache-kafka-java']
    await run('kafka-client-metrics', '--alter', '--name', NAME, ...metrics, ...match, '--interval', '500')
    assert.equal((await run('kafka-client-metrics', '--list')).trim(), NAME)
    const described = await run('kafka-client-metrics', '--describe', '--name', NAME)
    assert.match(described, /interval\.ms=500\n +match=client_software_name=apache-kafka-java\n/)
  })

  it('kafka-configs shows and changes them too', async () => {
    const entity = ['--entity-type', 'client-metrics', '--entity-name', NAME]
    await run('kafka-configs', '--alter', ...entity, '--add-config', 'interval.ms=400')
    assert.match(await run('kafka-configs', '--describe', ...entity), /interval\.ms=400/)
  })

  it('a producer and a consumer push them', async () => {
    const log = ['--bootstrap-server', served.bootstrap, '--topic', 'measured']
    const amount = ['--num-records', '1000000', '--record-size', '100', '--throughput', '200']
    await untilPushed({
      clients: [
        kafkaTool('kafka-producer-perf-test', [...log, ...amount]),
        kafkaTool('kafka-console-consumer', [...log, '--group', 'readers']),
      ],
      metrics: [
        ['org_apache_kafka_producer_record_send_total', 'client_id="perf-producer-client"'],
        ['org_apache_kafka_producer_request_latency_avg', 'client_id="perf-producer-client"'],
        ['org_apache_kafka_consumer_fetch_manager_records_consumed_total', 'client_id="console-consumer"'],
        ['org_apache_kafka_consumer_fetch_manager_fetch_latency_avg', 'client_id="console-consumer"'],
        ['millrace_client_info', 'group_id="readers"'],
      ],
    })
  })

  it('kafka-client-metrics takes back what is asked for', async () => {
    await run('kafka-client-metrics', '--delete', '--name', NAME)
    assert.equal((await run('kafka-client-metrics', '--list')).trim(), '')
  })
})

describe('client metrics of librdkafka', { skip: lacking('confluent-python') }, () => {
  it('a producer and a consumer push them', async () => {
    const asked = { set: { metrics: '*', 'interval.ms': '500' } }
    const answer = await fetch(new URL(`/api/v1/configs/client-metrics/${NAME}`, served.url), {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(asked),
    })
    assert.equal(answer.status, 200)
    const program = join(import.meta.dirname, 'clients', 'python', 'pushed_metrics.py')
    await untilPushed({
      clients: [{ command: paths.python, args: [program, served.bootstrap, 'rd'] }],
      metrics: [
        ['org_apache_kafka_producer_node_request_latency_avg', 'client_id="rd-producer"'],
        ['org_apache_kafka_consumer_fetch_manager_fetch_latency_avg', 'client_id="rd-consumer"'],
        ['millrace_client_info', 'group_id="rd-readers"'],
      ],
    })
  })
})
