/** Questions about clients' metrics (KIP-714) that two servers are to answer alike. */
import { setTimeout as sleep } from 'node:timers/promises'
import { metricsData } from '../../src/log/broker/telemetry/otlp.test-kit.ts'
import type { WireClient } from '../../src/log/broker/wire-client.test-kit.ts'
import { apis } from '../../src/log/protocol/apis.ts'
import { compress, type Compression, COMPRESSIONS } from '../../src/log/protocol/compression.ts'
import { ErrorCode, errorName } from '../../src/log/protocol/error-code.ts'

type Question = readonly [name: string, ask: (server: TelemetryServer) => Promise<unknown>]

const CLIENT_METRICS = 16
const OPERATION = { set: 0, delete: 1, append: 2, subtract: 3 } as const
/** Kafka's brokers hear of settings a little after its controller has answered. */
const SETTLE_MS = 500
const METRICS = metricsData([{ name: 'org.apache.kafka.test', kind: 'gauge', value: 1 }])

/** One server, as a client that pushes metrics sees it. */
export class TelemetryServer {
  readonly #client: WireClient
  /** Client instance ids and subscriptions by these tests' words. */
  readonly #told = new Map<string, { readonly id: string; readonly subscriptionId: number }>()

  constructor(client: WireClient) {
    this.#client = client
  }

  async introduce(clientSoftwareName: string): Promise<string> {
    const body = { clientSoftwareName, clientSoftwareVersion: '1.0' }
    return errorName((await this.#client.call(apis.apiVersions, 3, body)).errorCode)
  }

  async alter(
    name: string,
    changes: readonly (readonly [operation: keyof typeof OPERATION, name: string, value: string | null])[],
    validateOnly = false,
  ): Promise<unknown> {
    const configs = changes.map(([operation, setting, value]) => ({
      name: setting,
      configOperation: OPERATION[operation],
      value,
    }))
    const resources = [{ resourceType: CLIENT_METRICS, resourceName: name, configs }]
    const { responses } = await this.#client.call(apis.incrementalAlterConfigs, 1, {
      resources,
      validateOnly,
    })
    if (!validateOnly) await sleep(SETTLE_MS)
    return errorName(responses[0]!.errorCode)
  }

  /** By the older request, which puts back what it does not name. */
  async replace(name: string, values: Readonly<Record<string, string>>): Promise<unknown> {
    const configs = Object.entries(values).map(([key, value]) => ({ name: key, value }))
    const resources = [{ resourceType: CLIENT_METRICS, resourceName: name, configs }]
    const { responses } = await this.#client.call(apis.alterConfigs, 2, { resources, validateOnly: false })
    await sleep(SETTLE_MS)
    return errorName(responses[0]!.errorCode)
  }

  async describe(name: string, configurationKeys: string[] | null = null): Promise<unknown> {
    const resources = [{ resourceType: CLIENT_METRICS, resourceName: name, configurationKeys }]
    const body = { resources, includeSynonyms: true }
    const { results } = await this.#client.call(apis.describeConfigs, 4, body)
    const { errorCode, configs } = results[0]!
    return [errorName(errorCode), configs.toSorted((a, b) => (a.name < b.name ? -1 : 1))]
  }

  async list(version: number): Promise<unknown> {
    const resourceTypes = [CLIENT_METRICS]
    const answer = await this.#client.call(apis.listConfigResources, version, { resourceTypes })
    return answer.configResources.map((one) => JSON.stringify(one)).toSorted()
  }

  /** Asks for the subscription as a client that is new, or one that has asked before. */
  async subscribe(client: string): Promise<unknown> {
    const before = this.#told.get(client)
    const { clientInstanceId, subscriptionId, ...answer } = await this.#client.call(
      apis.getTelemetrySubscriptions,
      0,
      before === undefined ? { clientInstanceId: NOBODY } : { clientInstanceId: before.id },
    )
    const { errorCode, requestedMetrics, ...rest } = answer
    if (errorCode === ErrorCode.NONE) this.#told.set(client, { id: clientInstanceId, subscriptionId })
    return {
      ...rest,
      errorCode: errorName(errorCode),
      requestedMetrics: requestedMetrics.toSorted(),
      named:
        clientInstanceId === NOBODY ? 'nobody' : clientInstanceId === before?.id ? 'the same' : 'a new one',
      subscribed:
        subscriptionId === before?.subscriptionId ? 'as before' : subscriptionId === 0 ? 'no' : 'anew',
    }
  }

  async push(
    client: string,
    push: {
      readonly metrics?: Buffer
      readonly subscriptionId?: number
      readonly compression?: Compression
      readonly compressionType?: number
      readonly terminating?: boolean
    } = {},
  ): Promise<unknown> {
    const { id, subscriptionId } = this.#told.get(client) ?? { id: client, subscriptionId: 0 }
    const { metrics = METRICS, compression = 'none' } = push
    const answer = await this.#client.call(apis.pushTelemetry, 0, {
      clientInstanceId: id,
      subscriptionId: push.subscriptionId ?? subscriptionId,
      terminating: push.terminating ?? false,
      compressionType: push.compressionType ?? COMPRESSIONS.indexOf(compression),
      metrics: compress(compression, metrics),
    })
    return errorName(answer.errorCode)
  }
}

const NOBODY = 'AAAAAAAAAAAAAAAAAAAAAA'
const RESERVED = 'AAAAAAAAAAAAAAAAAAAAAQ'
const STRANGER = 'c3RyYW5nZXItMTIzNDU2Nw'

function setting(name: string, value: string): Question {
  return [`settings: ${name}=${value}`, (server) => server.alter('tried', [['set', name, value]], true)]
}

const SETTINGS: readonly Question[] = [
  ...['100', '99', '3600000', '3600001', 'soon', '', ' 200 ', '1.5', '-1'].map((value) =>
    setting('interval.ms', value),
  ),
  ...['a,b', '', '*', 'a,a', 'a,,b', ' a , b ', ',', 'a,'].map((value) => setting('metrics', value)),
  ...[
    'client_id=a',
    'client_id=a.*,client_software_name=x',
    'client_id=a,client_id=b',
    'client_id',
    'client_id=',
    'client_id=a=b',
    ' client_id = a ',
    'client_id=[',
    'no_such=a',
    '=a',
    'client_source_port=1[0-9]+',
    '',
  ].map((value) => setting('match', value)),
  setting('no.such', '1'),
  ['settings: of no name', (server) => server.alter('', [['set', 'interval.ms', '100']])],
  ['settings: null', (server) => server.alter('tried', [['set', 'interval.ms', null]])],
  ['settings: tried only', (server) => server.list(1)],
  ['settings: nobody’s', (server) => server.describe('tried')],
  ['settings: of no name, described', (server) => server.describe('')],
  [
    'settings: set',
    (server) =>
      server.alter('a', [
        ['set', 'metrics', 'one,two'],
        ['set', 'interval.ms', '100'],
      ]),
  ],
  ['settings: append', (server) => server.alter('a', [['append', 'metrics', 'three,two']])],
  ['settings: append to a number', (server) => server.alter('a', [['append', 'interval.ms', '1']])],
  [
    'settings: append to what is not set',
    (server) => server.alter('a', [['append', 'match', 'client_id=x']]),
  ],
  ['settings: appended', (server) => server.describe('a')],
  ['settings: subtract', (server) => server.alter('a', [['subtract', 'metrics', 'one']])],
  ['settings: subtract all', (server) => server.alter('a', [['subtract', 'match', 'client_id=x']])],
  ['settings: subtracted', (server) => server.describe('a')],
  ['settings: some', (server) => server.describe('a', ['interval.ms', 'no.such'])],
  ['settings: listed', (server) => server.list(1)],
  ['settings: listed as before', (server) => server.list(0)],
  [
    'settings: set one twice, with blanks',
    (server) =>
      server.alter('a', [
        ['set', 'metrics', ' b ,a, b'],
        ['set', 'interval.ms', ' 0500 '],
        ['set', 'match', ' client_id = x , client_source_port=1'],
      ]),
  ],
  ['settings: shown once or twice', (server) => server.describe('a')],
  ['settings: replace', (server) => server.replace('a', { 'interval.ms': '500' })],
  ['settings: replace by what is wrong', (server) => server.replace('a', { 'interval.ms': '5' })],
  ['settings: replaced', (server) => server.describe('a')],
  ['settings: delete an unknown one', (server) => server.alter('a', [['delete', 'no.such', null]])],
  [
    'settings: delete all',
    (server) =>
      server.alter('a', [
        ['delete', 'metrics', null],
        ['delete', 'interval.ms', null],
        ['delete', 'match', null],
      ]),
  ],
  ['settings: are gone', (server) => server.list(1)],
]

const HOUR = '3600000'

/** In order: later ones see what earlier ones did. */
export const TELEMETRY_QUESTIONS: readonly Question[] = [
  ...SETTINGS,
  ['introduce', (server) => server.introduce('telemetry-test')],
  ['nothing is wanted', (server) => server.subscribe('idle')],
  ['who asks again at once', (server) => server.subscribe('idle')],
  ['who pushes what is not wanted', (server) => server.push('idle')],
  ['who pushes nothing', (server) => server.push('idle', { metrics: Buffer.alloc(0) })],
  [
    'set',
    (server) =>
      server.alter('mine', [
        ['set', 'metrics', 'org.apache.kafka.b,org.apache.kafka.a'],
        ['set', 'interval.ms', '200000'],
        ['set', 'match', 'client_software_name=telemetry-.*'],
      ]),
  ],
  [
    'set for others',
    (server) =>
      server.alter('others', [
        ['set', 'match', 'client_id=elemetry'],
        ['set', 'interval.ms', '100'],
      ]),
  ],
  ['an older subscription is unknown', (server) => server.push('idle')],
  ['who was told so may ask at once', (server) => server.subscribe('idle')],
  ['but not push at once', (server) => server.push('idle')],
  ['a new client', (server) => server.subscribe('new')],
  ['pushes', (server) => server.push('new')],
  ['and again too early', (server) => server.push('new')],
  ['asks too early', (server) => server.subscribe('new')],
  ['ends', (server) => server.push('new', { terminating: true })],
  ['ends again', (server) => server.push('new', { terminating: true })],
  ['pushes after its end', (server) => server.push('new')],
  ['pushes after that', (server) => server.push('new')],
  ['nobody pushes', (server) => server.push(NOBODY)],
  ['somebody reserved pushes', (server) => server.push(RESERVED)],
  ['a stranger pushes', (server) => server.push(STRANGER)],
  ...COMPRESSIONS.flatMap((compression): Question[] => [
    [`a client that compresses by ${compression}`, (server) => server.subscribe(compression)],
    [`pushes by ${compression}`, (server) => server.push(compression, { compression })],
  ]),
  ...[5, -1, 127].flatMap((compressionType): Question[] => [
    [`a client that compresses by ${compressionType}`, (server) => server.subscribe(`by ${compressionType}`)],
    [`pushes by ${compressionType}`, (server) => server.push(`by ${compressionType}`, { compressionType })],
    [`asks again, after ${compressionType}`, (server) => server.subscribe(`by ${compressionType}`)],
  ]),
  ['a client with rubbish', (server) => server.subscribe('rubbish')],
  ['pushes it', (server) => server.push('rubbish', { metrics: Buffer.from([0x0a, 0xff, 0x01]) })],
  ['asks after that', (server) => server.subscribe('rubbish')],
  ['a client with wrong compression', (server) => server.subscribe('wrong')],
  ['pushes that', (server) => server.push('wrong', { compressionType: 1 })],
  ['a client with much', (server) => server.subscribe('much')],
  ['pushes too much', (server) => server.push('much', { metrics: Buffer.alloc((1 << 20) + 1) })],
  ['a client with a wrong subscription', (server) => server.subscribe('off')],
  ['pushes for it', (server) => server.push('off', { subscriptionId: 1 })],
  ['asks again', (server) => server.subscribe('off')],
  ['an interval that ends soon', (server) => server.alter('others', [['delete', 'match', null]])],
  ['a client of it', (server) => server.subscribe('quick')],
  ['waits a little', () => sleep(150)],
  ['pushes, quickly', (server) => server.push('quick')],
  ['waits again', () => sleep(150)],
  ['pushes again, quickly', (server) => server.push('quick')],
  ['waits once more', () => sleep(150)],
  ['asks again, quickly', (server) => server.subscribe('quick')],
  ['want all', (server) => server.alter('others', [['set', 'metrics', 'x,*']])],
  ['a client of whom all is wanted', (server) => server.subscribe('all')],
  ['want it late', (server) => server.alter('others', [['set', 'interval.ms', HOUR]])],
  ['a client of the longest interval', (server) => server.subscribe('late')],
]
