import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { checkConfig, pathText } from './check-config.ts'
import { fromEnvironment } from './environment.ts'
import { defineConfig } from './index.ts'
import { nearestWord } from '../base/nearest-word.ts'
import { fillPlaceholders } from './placeholders.ts'
import { processSettings } from './process-settings.ts'
import { shownSettings } from './shown-settings.ts'

function problemsOf(value: unknown): string[] {
  return checkConfig(value).map(({ path, problem }) => `${pathText(path)}: ${problem}`)
}

const whole = defineConfig({
  data: 'here',
  listeners: [
    { listen: 9092 as unknown as string },
    {
      name: 'office',
      listen: '0.0.0.0:9093',
      advertised: 'kafka.example.org:9093',
      tls: {
        certificate: 'a.pem',
        key: '-----BEGIN PRIVATE KEY-----',
        clientAuth: 'required',
        clientCa: 'ca.pem',
      },
      sasl: {
        mechanisms: ['PLAIN', 'OAUTHBEARER'],
        users: { ada: 'secret' },
        oauthBearer: { jwks: 'https://example.org/keys', jwksCa: 'ca.pem' },
      },
    },
  ],
  http: false,
  log: { level: 'info' },
  broker: { 'num.partitions': 3, 'log.retention.ms': '60000', 'super.users': 'User:ada' },
  mirrors: [{ to: 'central:9092', kafkaConfig: 'central.properties', topics: ['*'] }],
})

describe('a configuration', () => {
  it('that is right becomes what a process is started with, paths from the folder of its file', () => {
    assert.deepEqual(problemsOf(whole), [])
    assert.deepEqual(
      processSettings(whole, (path) => `/etc/${path}`),
      {
        data: '/etc/here',
        listen: { host: '127.0.0.1', port: 9092 },
        listeners: [
          { host: '127.0.0.1', port: 9092 },
          {
            name: 'office',
            host: '0.0.0.0',
            port: 9093,
            advertised: { host: 'kafka.example.org', port: 9093 },
            tls: {
              certificate: '/etc/a.pem',
              key: '-----BEGIN PRIVATE KEY-----',
              clientAuth: 'required',
              clientCa: '/etc/ca.pem',
            },
            sasl: {
              mechanisms: ['PLAIN', 'OAUTHBEARER'],
              users: { ada: 'secret' },
              oauthBearer: { jwks: 'https://example.org/keys', jwksCa: '/etc/ca.pem' },
            },
          },
        ],
        http: false,
        allowAnonymousBeyondLoopback: false,
        log: { level: 'info', format: 'auto' },
        broker: { 'num.partitions': 3, 'log.retention.ms': '60000', 'super.users': 'User:ada' },
        mirrors: [{ to: 'central:9092', kafkaConfig: '/etc/central.properties', topics: ['*'] }],
      },
    )
    assert.deepEqual(processSettings({}), {
      data: 'millrace-data',
      listen: { host: '127.0.0.1', port: 9092 },
      http: { host: '127.0.0.1', port: 8090 },
      allowAnonymousBeyondLoopback: false,
      log: { level: 'warn', format: 'auto' },
      broker: {},
      mirrors: [],
    })
  })

  it('that is wrong is told every mistake, with its path, what was expected, and what was meant', () => {
    assert.deepEqual(
      problemsOf({
        data: 7,
        lisen: ':1',
        http: 'everywhere',
        log: { level: 'inof', fromat: 'json' },
        listeners: [
          { tls: { certificat: 'a' } },
          { listen: ':1', sasl: { mechanisms: ['SCRAM'], users: { ada: '' } } },
          7,
        ],
        broker: { 'num.partition': 3, 'num.partitions': 0, num: { partitions: 3 }, 'log.roll.ms': [1] },
        'num.partitions': 3,
      }),
      [
        'data: expected a path, got 7',
        'lisen: there is no such setting; did you mean listen?',
        'http: expected HOST:PORT, or false, got "everywhere"',
        'log.level: expected one of debug, info, warn, error, got "inof"; did you mean info?',
        'log.fromat: there is no such setting; did you mean format?',
        'listeners[0].tls.certificat: there is no such setting; did you mean certificate?',
        'listeners[0].tls.key: is missing: expected a path or PEM',
        'listeners[0].listen: is missing: expected HOST:PORT',
        'listeners[1].sasl.mechanisms[0]: expected one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, got "SCRAM"',
        'listeners[1].sasl.users.ada: expected text, got an empty text',
        'listeners[2]: expected settings by name, got 7',
        'broker.num.partition: there is no broker setting of this name; did you mean num.partitions?',
        'broker.num.partitions: expected a whole number from 1 to 2147483647, got 0',
        'broker.num: there is no broker setting of this name: write its name in one piece, as num.partitions',
        'broker.log.roll.ms: expected a value, got [1]',
        'num.partitions: is a setting of the broker: it belongs under broker',
      ],
    )
    assert.deepEqual(problemsOf([]), [': expected settings by name, got a list'])
  })

  it('are told without what was to be a secret, whatever it was taken for', () => {
    const sasl = (users: unknown): unknown => ({ listen: 1, sasl: { mechanisms: ['PLAIN'], users } })
    assert.deepEqual(
      problemsOf({
        httpToken: 271_828,
        listeners: [
          sasl({ ada: 271_828 }),
          sasl(['ada=271828']),
          sasl('ada=271828'),
          { listen: 1, sasl: 'ada:271828' },
          { listen: 1, tls: { certificate: 'a.pem', key: ['271828'] } },
        ],
      }),
      [
        'httpToken: expected text, got a number',
        'listeners[0].sasl.users.ada: expected text, got a number',
        'listeners[1].sasl.users: expected a value for each user, got a list',
        'listeners[2].sasl.users: expected a value for each user, got text',
        'listeners[3].sasl: expected settings by name, got text',
        'listeners[4].tls.key: expected a path or PEM, got a list',
      ],
    )
    assert.deepEqual(problemsOf({ listen: ':1', listeners: [{ listen: ':1' }] }), [
      'listen: cannot be beside listeners: say it there',
    ])
    assert.deepEqual(problemsOf({ constructor: 1, broker: { toString: 1 } }), [
      'constructor: there is no such setting',
      'broker.toString: there is no broker setting of this name',
    ])
  })

  it('is shown with its defaults, without its secrets', () => {
    const shown = shownSettings(whole)
    const lineOf = (name: string): string => {
      const found = shown.find(({ setting }) => setting === name)
      return `${found?.value}${found?.isDefault === true ? ' by default' : ''}`
    }
    assert.equal(lineOf('data'), '"here"')
    assert.equal(lineOf('listen'), 'undefined', 'there are listeners')
    assert.equal(lineOf('listeners[0].tls'), ' by default')
    assert.equal(lineOf('listeners[1].tls.key'), '***')
    assert.equal(lineOf('listeners[1].tls.minVersion'), '"TLSv1.2" by default')
    assert.equal(lineOf('listeners[1].sasl.users.ada'), '***')
    assert.equal(lineOf('log.format'), '"auto" by default')
    assert.equal(lineOf('broker.num.partitions'), '3')
    assert.equal(lineOf('broker.log.message.timestamp.before.max.ms'), '9223372036854775807 by default')
    assert.ok(!JSON.stringify(shown).includes('secret"') && !JSON.stringify(shown).includes('BEGIN'))
    for (const { doc } of shown) assert.ok(doc.length > 5)
  })
})

describe('the environment', () => {
  it('holds settings by their paths', () => {
    const { settings, unknown } = fromEnvironment({
      MILLRACE_DATA: '/data',
      MILLRACE_HTTP: 'false',
      MILLRACE_LOG_LEVEL: 'info',
      MILLRACE_BROKER_NUM_PARTITIONS: '3',
      MILLRACE_LISTEN: '',
      MILLRACE_ALLOW_ANONYMOUS_BEYOND_LOOPBACK: 'true',
      MILLRACE_LOG_LEVL: 'info',
      HOME: '/root',
    })
    assert.deepEqual(
      settings.map(({ path, value }) => [pathText(path), value]),
      [
        ['data', '/data'],
        ['http', false],
        ['log.level', 'info'],
        ['broker.num.partitions', '3'],
        ['allowAnonymousBeyondLoopback', true],
      ],
    )
    assert.deepEqual(unknown, [{ variable: 'MILLRACE_LOG_LEVL', near: 'MILLRACE_LOG_LEVEL' }])
  })
})

describe('placeholders', () => {
  it('stand for variables and files in every text', () => {
    const values = {
      variable: (name: string) => (name === 'A' ? 'a' : undefined),
      file: (path: string) => (path === 'secrets/b' ? 'b' : undefined),
    }
    const filled = fillPlaceholders(
      { x: ['<${env:A}-${file:secrets/b}>', 7], y: { z: 'no ${other:A}' } },
      values,
    )
    assert.deepEqual(filled, { value: { x: ['<a-b>', 7], y: { z: 'no ${other:A}' } }, problems: [] })
    const { problems } = fillPlaceholders({ users: { ada: '${env:B}' }, list: ['${file:none}'] }, values)
    assert.deepEqual(
      problems.map(({ path, problem }) => `${pathText(path)}: ${problem}`),
      ['users.ada: the environment has no variable B', 'list[0]: the file none cannot be read'],
    )
  })
})

describe('the nearest word', () => {
  it('is one that was probably meant, or none', () => {
    const words = ['listen', 'listeners', 'http', 'data']
    assert.equal(nearestWord('Listner', words), 'listen')
    assert.equal(nearestWord('htpt', words), 'http')
    assert.equal(nearestWord('broker', words), undefined)
  })
})
