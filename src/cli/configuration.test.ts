/** Processes that are told by a file, the environment and options what they are. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { CertificateAuthority, lacksOpenssl } from '../world/certificates.test-kit.ts'
import { commandsIn } from './command.test-kit.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-configuration-'))
const { command, run, ok, endAll } = commandsIn(folder)
const READY =
  /Kafka clients on (\S+) \(local\), (\S+) \(office\), status page on http:\/\/(\S+), data in (\S+)\n/

writeFileSync(
  join(folder, 'millrace.config.yaml'),
  `data: data
listeners:
  - name: local
    listen: 127.0.0.1:0
  - name: office
    listen: 127.0.0.1:0
    sasl:
      mechanisms: [PLAIN]
      users:
        ada: \${env:ADA_PASSWORD}
http: 127.0.0.1:0
log:
  level: info
broker:
  num.partitions: 3
`,
)
const env = { ADA_PASSWORD: 'secret', MILLRACE_BROKER_GROUP_MAX_SIZE: '7' }

after(() => {
  endAll()
  rmSync(folder, { recursive: true, force: true })
})

describe('a configuration file', () => {
  it('is found where the process is started, with the environment over it and options over that', async () => {
    const start = command(['start', '--log-format', 'pretty', '--log-level', 'warn'], { env })
    const [, local = '', office = '', http = ''] = await start.says(READY)
    const configs = ['configs', 'describe', 'broker', '1', '--json', '--kafka']
    const shown = JSON.parse((await ok([...configs, local])).out) as { name: string; value: string }[]
    const values = Object.fromEntries(shown.map(({ name, value }) => [name, value]))
    assert.deepEqual([values['num.partitions'], values['group.max.size']], ['3', '7'])
    writeFileSync(
      join(folder, 'ada.properties'),
      `security.protocol=SASL_PLAINTEXT
sasl.mechanism=PLAIN
sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="ada" password="secret";
`,
    )
    await ok(['topics', 'list', '--kafka', office, '--kafka-config', 'ada.properties'])
    assert.equal((await ok(['list', '--http', http])).err, 'millrace: this process runs no job\n')
    start.child.kill('SIGHUP')
    await start.says(/certificates read anew: there are none/)
    start.child.kill('SIGTERM')
    const { code, err } = await start.ended
    assert.equal(code, 0)
    assert.ok(!err.includes('broker listens'), 'the option says warn, the file info')
    assert.ok(existsSync(join(folder, 'data/log')))
    const dumped = await ok(['dump-log', 'data/log', '--quiet'])
    assert.match(dumped.err, /, 0 problems\n$/)
  })

  it('that is a module is refused with the line that is wrong', async () => {
    writeFileSync(join(folder, 'syntax.ts'), "export default {\n  listen: ':0'\n  http: false,\n}\n")
    writeFileSync(join(folder, 'throws.ts'), "\nthrow new Error('no such secret')\n")
    writeFileSync(join(folder, 'imports.ts'), "import './nowhere.ts'\nexport default {}\n")
    const [syntax, throws, imports, missing] = await Promise.all(
      ['syntax.ts', 'throws.ts', 'imports.ts', 'missing.ts'].map((file) => run(['config', 'check', file])),
    )
    assert.match(syntax!.err, /MR_CONFIG_FILE \[path \S+syntax\.ts:3\]/)
    assert.match(throws!.err, /MR_CONFIG_FILE \[path \S+throws\.ts:2\].*no such secret/)
    assert.match(imports!.err, /MR_CONFIG_FILE \[path imports\.ts\].*nowhere\.ts/)
    assert.match(missing!.err, /MR_CONFIG_FILE \[path missing\.ts\].*: there is no such file\./)
  })

  it('is checked and shown without starting anything', async () => {
    writeFileSync(join(folder, 'wrong.yaml'), 'log:\n  level: inof\nlistners: []\n')
    writeFileSync(join(folder, 'open.json'), '{ "listen": "0.0.0.0:0" }')
    writeFileSync(join(folder, 'broken.json'), '{')
    writeFileSync(join(folder, 'other.ts'), "export default { listen: ':0', http: false }\n")
    const [right, wrong, open, broken, none, other, shown] = await Promise.all([
      run(['config', 'check'], { env }),
      run(['config', 'check', 'wrong.yaml']),
      run(['config', 'check', 'open.json']),
      run(['config', 'check', 'broken.json']),
      run(['config', 'check', 'none.yaml']),
      run(['config', 'check', 'other.ts']),
      run(['config', 'show', '--json'], { env }),
    ])
    assert.deepEqual([right.code, right.err], [0, 'millrace: millrace.config.yaml is right\n'])
    assert.equal(wrong.code, 1)
    assert.match(wrong.err, /wrong\.yaml:2: log\.level: expected one of debug, .*; did you mean info\?\n/)
    assert.match(wrong.err, /wrong\.yaml:3: listners: there is no such setting; did you mean listeners\?\n/)
    assert.match(open.err, /MR_OPEN_LISTENER.*allowAnonymousBeyondLoopback/)
    assert.match(broken.err, /MR_CONFIG_FILE \[path broken\.json\]/)
    assert.match(none.err, /MR_CONFIG_FILE \[path none\.yaml\].*no such file/)
    assert.deepEqual([other.code, other.err], [0, 'millrace: other.ts is right\n'])
    const settings = JSON.parse(shown.out) as { setting: string; value: string; from: string }[]
    const of = (name: string): string[] =>
      settings.filter(({ setting }) => setting === name).map(({ value, from }) => `${value} ${from}`)
    assert.deepEqual(of('listeners[1].sasl.users.ada'), ['*** millrace.config.yaml'])
    assert.deepEqual(of('broker.group.max.size'), ['"7" MILLRACE_BROKER_GROUP_MAX_SIZE'])
    assert.deepEqual(of('log.format'), ['"auto" default'])
  })
})

describe('what a process says on standard error', () => {
  it('is JSON where nobody looks, and a fatal error is said once', async () => {
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
    writeFileSync(
      join(folder, 'fails.ts'),
      `import { collect, generator, job } from ${JSON.stringify(new URL('../index.ts', import.meta.url).href)}
export default job('fails', (flow) => {
  flow
    .source('n', generator({ count: 10, generate: (i) => i }))
    .map((n) => { if (n === 5) throw new Error('five is not allowed'); return n })
    .sink('out', collect())
})
`,
    )
    const options = ['--no-config', '--listen', ':0', '--no-http', '--data', 'fails', '--restarts', '0']
    const { code, err } = await run(['run', 'fails.ts', ...options])
    assert.equal(code, 1)
    assert.equal(err.split('five is not allowed').length - 1, 1, err)
    // Every line of it.
    const lines = err.trim().split('\n')
    const [runs, failed, more, ...others] = lines.map((line) => (JSON.parse(line) as { msg: string }).msg)
    assert.match(String(runs), /^the job fails runs, Kafka clients on /)
    assert.equal(failed, 'the job failed')
    assert.match(String(more), /more about it in \S+MR_USER_FUNCTION\.md/)
    assert.deepEqual(others, [])
    const nothing = await run(['run', 'nojob.ts', ...options, '--log-format', 'json'])
    assert.equal(nothing.code, 1)
    for (const line of nothing.err.trim().split('\n')) assert.ok(JSON.parse(line), line)
    assert.match(nothing.err, /MR_JOB_MODULE/)
  })

  it('leaves compiled code behind also when the process is killed', async () => {
    const cache = join(folder, 'cache')
    const start = command(['start', '--no-config', '--listen', ':0', '--no-http', '--data', 'killed'], {
      env: { NODE_COMPILE_CACHE: cache },
    })
    await start.says(/millrace: ready/)
    while (!existsSync(cache) || readdirSync(cache, { recursive: true }).length < 20)
      await new Promise((resolve) => setTimeout(resolve, 50))
    start.child.kill('SIGKILL')
    assert.equal((await start.ended).signal, 'SIGKILL')
  })
})

describe('config check', () => {
  it('finds what the start would refuse, all of it, each with its line', async () => {
    writeFileSync(
      join(folder, 'refused.yaml'),
      `listeners:
  - listen: 127.0.0.1:0
    name: a b
  - listen: 127.0.0.1:0
    sasl:
      mechanisms: [OAUTHBEARER]
mirrors:
  - topics: ['*']
`,
    )
    writeFileSync(
      join(folder, 'unusable.yaml'),
      `listeners:
  - listen: 0.0.0.0:0
  - listen: 127.0.0.1:0
    tls: { certificate: none.pem, key: none.key }
mirrors:
  - topics: ['*']
    to: central:9092
    kafkaConfig: none.properties
broker:
  authorizer.class.name: acl
  super.users: ada
`,
    )
    const [refused, unusable] = await Promise.all([
      run(['config', 'check', 'refused.yaml']),
      run(['config', 'check', 'unusable.yaml']),
    ])
    assert.deepEqual([refused.code, unusable.code], [1, 1])
    for (const said of [
      /3 settings are wrong/,
      /refused\.yaml:2: listeners\[0\]: a name is made of/,
      /refused\.yaml:4: listeners\[1\]: OAUTHBEARER needs/,
      /refused\.yaml:8: mirrors\[0\]: expected one of to and from/,
    ])
      assert.match(refused.err, said)
    for (const said of [
      /4 settings are wrong/,
      /unusable\.yaml:2: listeners\[0\]: .*other machines/,
      /unusable\.yaml:4: listeners\[1\]\.tls: .*none\.pem/,
      /unusable\.yaml:8: mirrors\[0\]\.kafkaConfig: .*none\.properties/,
      /unusable\.yaml:11: broker\.super\.users: super\.users: ada is no principal/,
    ])
      assert.match(unusable.err, said)
  })
  it('reads what the settings name: certificates, signing keys, users', { skip: lacksOpenssl }, async () => {
    using authority = new CertificateAuthority()
    const [server, other, old] = [
      authority.issue('/CN=localhost'),
      authority.issue('/CN=other'),
      authority.issue('/CN=old', { days: -1 }),
    ]
    const keys = createServer((_, response) => response.end('<html>'))
    await new Promise<void>((resolve) => keys.listen(0, '127.0.0.1', resolve))
    const { port } = keys.address() as AddressInfo
    mkdirSync(join(folder, 'broken/log'), { recursive: true })
    writeFileSync(join(folder, 'broken/log/millrace-users.json'), '{')
    const rules = [
      `tls: { certificate: ${server.certificatePath}, key: ${server.keyPath} }`,
      `tls: { certificate: ${server.certificatePath}, key: ${other.keyPath} }`,
      `tls: { certificate: ${old.certificatePath}, key: ${old.keyPath} }`,
      ...['none.json', `http://127.0.0.1:${port}/keys`, 'http://127.0.0.1:1/keys'].map(
        (jwks) => `sasl: { mechanisms: [OAUTHBEARER], oauthBearer: { jwks: ${jwks} } }`,
      ),
    ]
    const listeners = rules.map((rule, index) => `  - { name: n${index}, listen: ":0", ${rule} }`)
    writeFileSync(join(folder, 'named.yaml'), `data: broken\nlisteners:\n${listeners.join('\n')}\n`)
    const { code, err } = await run(['config', 'check', 'named.yaml'])
    keys.close()
    assert.equal(code, 1)
    for (const said of [
      /6 settings are wrong/,
      /named\.yaml:4: listeners\[1\]\.tls: .*cannot be used/,
      /named\.yaml:5: listeners\[2\]\.tls: .*has expired/,
      /named\.yaml:6: listeners\[3\]\.sasl\.oauthBearer\.jwks: .*none\.json: there is no such file/,
      /listeners\[4\]\.sasl\.oauthBearer\.jwks: .*no JSON Web Key Set/,
      /listeners\[5\]\.sasl\.oauthBearer\.jwks: .*no answer over HTTP/,
      /named\.yaml:1: data: .*list of users/,
    ])
      assert.match(err, said)
  })
})
