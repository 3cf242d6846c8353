/** Metrics of clients (KIP-714) over the wire, in the simulated world. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { sleep } from '../../world/world.ts'
import { alterConfigsApi } from '../protocol/apis/alter-configs.ts'
import { describeConfigsApi } from '../protocol/apis/describe-configs.ts'
import { getTelemetrySubscriptionsApi } from '../protocol/apis/get-telemetry-subscriptions.ts'
import { incrementalAlterConfigsApi } from '../protocol/apis/incremental-alter-configs.ts'
import { listConfigResourcesApi } from '../protocol/apis/list-config-resources.ts'
import { pushTelemetryApi } from '../protocol/apis/push-telemetry.ts'
import { compress, type Compression, COMPRESSIONS } from '../protocol/compression.ts'
import { ErrorCode } from '../protocol/error-code.ts'
import { ZERO_UUID } from '../protocol/field.ts'
import { withBroker } from './coordinator-scene.test-kit.ts'
import { metricsData } from './telemetry/otlp.test-kit.ts'
import type { WireClient } from './wire-client.test-kit.ts'

const { NONE } = ErrorCode
const METRICS = metricsData([{ name: 'org.apache.kafka.x', kind: 'gauge', value: 1 }])

async function want(client: WireClient, name: string, values: Readonly<Record<string, string>>) {
  const configs = Object.entries(values).map(([key, value]) => ({ name: key, configOperation: 0, value }))
  const resources = [{ resourceType: 16, resourceName: name, configs }]
  const { responses } = await client.call(incrementalAlterConfigsApi, 1, { resources, validateOnly: false })
  return responses[0]!.errorCode
}

function subscribe(client: WireClient, clientInstanceId = ZERO_UUID) {
  return client.call(getTelemetrySubscriptionsApi, 0, { clientInstanceId })
}

async function push(
  client: WireClient,
  to: { readonly clientInstanceId: string; readonly subscriptionId: number },
  more: {
    readonly metrics?: Buffer
    readonly compression?: Compression
    readonly terminating?: boolean
  } = {},
) {
  const { metrics = METRICS, compression = 'none', terminating = false } = more
  const { clientInstanceId, subscriptionId } = to
  const compressionType = COMPRESSIONS.indexOf(compression)
  const body = { clientInstanceId, subscriptionId, terminating, compressionType, metrics }
  return (await client.call(pushTelemetryApi, 0, body)).errorCode
}

describe('metrics of clients', () => {
  it('are wanted of those that a subscription fits, as often as it says', () =>
    withBroker(async ({ client }) => {
      const nobodyAsks = await subscribe(client)
      assert.deepEqual([nobodyAsks.requestedMetrics, nobodyAsks.pushIntervalMs], [[], 300_000])
      assert.equal(await want(client, 'a', { metrics: 'b,a', 'interval.ms': '2000' }), NONE)
      assert.equal(
        await want(client, 'b', { metrics: 'c', 'interval.ms': '1000', match: 'client_id=wire-.*' }),
        NONE,
      )
      assert.equal(await want(client, 'c', { metrics: '*', match: 'client_id=wire' }), NONE)
      const told = await subscribe(client)
      assert.deepEqual(
        [told.requestedMetrics, told.pushIntervalMs, told.acceptedCompressionTypes, told.telemetryMaxBytes],
        [['a', 'b', 'c'], 1_000, [4, 3, 1, 2], 1_048_576],
      )
      assert.notEqual(told.clientInstanceId, ZERO_UUID)
      await want(client, 'c', { match: 'client_source_address=.*,client_software_name=unknown' })
      assert.deepEqual((await subscribe(client)).requestedMetrics, ['*'])
    }))

  it('are taken once in an interval, compressed in every codec', () =>
    withBroker(async ({ client, simulation }) => {
      await want(client, 'a', { metrics: '*', 'interval.ms': '1000' })
      const told = await subscribe(client)
      for (const compression of COMPRESSIONS) {
        const metrics = compress(compression, METRICS)
        assert.equal(await push(client, told, { metrics, compression }), NONE)
        assert.equal(await push(client, told), ErrorCode.THROTTLING_QUOTA_EXCEEDED)
        await sleep(simulation.clock, 1_000)
      }
      assert.equal(await push(client, told, { terminating: true }), NONE)
      assert.equal(await push(client, told), ErrorCode.INVALID_REQUEST)
    }))

  it('for a subscription that has changed are refused, and the new one is given at once', () =>
    withBroker(async ({ client, simulation }) => {
      await want(client, 'a', { metrics: 'a', 'interval.ms': '1000' })
      const told = await subscribe(client)
      await want(client, 'a', { metrics: 'b' })
      assert.equal(await push(client, told), ErrorCode.UNKNOWN_SUBSCRIPTION_ID)
      const again = await subscribe(client, told.clientInstanceId)
      assert.deepEqual([again.errorCode, again.requestedMetrics], [NONE, ['b']])
      assert.equal(again.clientInstanceId, told.clientInstanceId)
      await sleep(simulation.clock, 1_000)
      assert.equal(await push(client, again), NONE)
    }))

  it('that are rubbish, or become too much, are refused', () =>
    withBroker(async ({ client }) => {
      const errorOf = async (metrics: Buffer, compression: Compression): Promise<number> =>
        push(client, await subscribe(client), { metrics, compression })
      assert.equal(await errorOf(Buffer.from([0x0a, 0xff]), 'none'), ErrorCode.INVALID_RECORD)
      assert.equal(await errorOf(METRICS, 'zstd'), ErrorCode.INVALID_RECORD)
      assert.equal(await errorOf(gzipSync(Buffer.alloc(17 << 20)), 'gzip'), ErrorCode.INVALID_RECORD)
      assert.equal(await errorOf(Buffer.alloc((1 << 20) + 1), 'none'), ErrorCode.TELEMETRY_TOO_LARGE)
    }))

  it('a client is forgotten with its connection', () =>
    withBroker(async ({ client, connect, simulation }) => {
      await want(client, 'a', { metrics: '*', 'interval.ms': '3600000' })
      const first = await connect()
      const told = await subscribe(first)
      assert.equal(await push(first, told), NONE)
      assert.equal(await push(client, told), ErrorCode.THROTTLING_QUOTA_EXCEEDED)
      first.close()
      await sleep(simulation.clock, 10)
      assert.equal(await push(client, told), NONE)
    }))

  it('that are wanted survive a power cut', () =>
    withBroker(async ({ client, restart }) => {
      await want(client, 'a', { metrics: 'x', match: 'client_id=wire.*', 'interval.ms': '500' })
      const { client: later } = await restart()
      const told = await subscribe(later)
      assert.deepEqual([told.requestedMetrics, told.pushIntervalMs], [['x'], 500])
    }))

  it('their settings are described, listed, put back', () =>
    withBroker(async ({ client }) => {
      await want(client, 'a', { metrics: 'x' })
      const resources = [{ resourceType: 16, resourceName: 'a', configurationKeys: null }]
      const { results } = await client.call(describeConfigsApi, 4, { resources })
      assert.deepEqual(
        results[0]!.configs.map(({ name, value, configSource }) => [name, value, configSource]),
        [
          ['interval.ms', '300000', 5],
          ['match', '', 5],
          ['metrics', 'x', 7],
        ],
      )
      for (const version of [0, 1]) {
        const { configResources } = await client.call(listConfigResourcesApi, version, {
          resourceTypes: [16],
        })
        assert.deepEqual(configResources, [{ resourceName: 'a', resourceType: 16 }])
      }
      const putBack = {
        resources: [{ resourceType: 16, resourceName: 'a', configs: [] }],
        validateOnly: false,
      }
      assert.equal((await client.call(alterConfigsApi, 2, putBack)).responses[0]!.errorCode, NONE)
      const { configResources } = await client.call(listConfigResourcesApi, 1, { resourceTypes: [16] })
      assert.deepEqual(configResources, [])
    }))
})
