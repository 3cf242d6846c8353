import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const run = promisify(execFile)

/** A job as a user writes it: typed through, with the public API only. */
const JOB = `
import { count, generator, job, tumbling } from 'millrace'
import { writeJsonLines } from 'millrace/files'

interface Visit { readonly page: string; readonly at: number }

export default job('visits', (flow) => {
  flow
    .source('visits', generator<Visit>({ count: 6_000, generate: (i) => ({ page: 'p' + (i % 3), at: i * 10 }) }))
    .eventTime({ at: (visit) => visit.at, outOfOrdernessMs: 0 })
    .keyBy((visit) => visit.page)
    .window(tumbling({ sizeMs: 60_000 }))
    .aggregate('per-minute', { n: count() })
    .map((window) => ({ page: window.key, n: window.n }))
    .sink('out', writeJsonLines({ path: 'out' }))
})
`

describe('the published package', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-package-'))
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    PATH: `${dirname(process.execPath)}${delimiter}${process.env['PATH']}`,
  }
  delete env['NODE_OPTIONS']
  const inFolder = { cwd: folder, env }

  before(async () => {
    await run(process.execPath, ['tools/build.ts'], { cwd: root })
    const packed = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: root, env })
    const tarball = /millrace-[\d.]+\.tgz/.exec(packed.stdout)?.[0]
    assert.ok(tarball !== undefined, packed.stdout)
    writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
    await run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', `./${tarball}`], inFolder)
    writeFileSync(join(folder, 'job.ts'), JOB)
  })

  after(() => rmSync(folder, { recursive: true, force: true }))

  it('holds what is run and its declarations, and no tests', () => {
    const installed = join(folder, 'node_modules/millrace')
    const documents = ['README.md', 'COMPATIBILITY.md', 'LICENSE'].filter((name) =>
      existsSync(join(root, name)),
    )
    assert.deepEqual(readdirSync(installed).sort(), [...documents, 'dist', 'docs', 'package.json'].sort())
    assert.ok(
      existsSync(join(installed, 'docs/errors/MR_JOB_MODULE.md')),
      'the command points to these pages',
    )
    const files = readdirSync(join(installed, 'dist'), { recursive: true }).map(String)
    assert.deepEqual(
      files.filter((file) => /\.test\.|-suite\.|test-kit|-for-tests/.test(file)),
      [],
    )
    assert.ok(files.includes('index.d.ts'))
  })

  it('runs a job with its command, in worker threads, without any build step', async () => {
    const args = ['run', 'job.ts', '--data', 'data', '--listen', '127.0.0.1:0', '--http', '127.0.0.1:0']
    await run(join(folder, 'node_modules/.bin/millrace'), args, { ...inFolder, timeout: 60_000 })
    const lines = readdirSync(join(folder, 'out'), { recursive: true })
      .map(String)
      .filter((name) => name.endsWith('.jsonl'))
      .flatMap((name) =>
        readFileSync(join(folder, 'out', name), 'utf8')
          .trim()
          .split('\n'),
      )
    assert.deepEqual(lines.sort(), [
      '{"page":"p0","n":2000}',
      '{"page":"p1","n":2000}',
      '{"page":"p2","n":2000}',
    ])
  })

  it('runs a job from an application', async () => {
    const application = `
      import { collect, fromAsyncIterable, job, runJob } from 'millrace'
      async function* words() { yield 'a'; yield 'b' }
      const shout = job('shout', (flow) => {
        flow.source('words', fromAsyncIterable(words())).map((word) => word.toUpperCase()).sink('out', collect())
      })
      await using run = await runJob(shout)
      for await (const word of run.output('out')) console.log(word)`
    writeFileSync(join(folder, 'application.ts'), application)
    const { stdout } = await run(process.execPath, ['application.ts'], { ...inFolder, timeout: 60_000 })
    assert.equal(stdout, 'A\nB\n')
  })

  it('has types that a user of TypeScript can check a job with', async () => {
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const entries = ['millrace', ...['kafka', 'files', 'config', 'testing'].map((name) => `millrace/${name}`)]
    const all = entries.map((entry, index) => `export * as entry${index} from '${entry}'`)
    writeFileSync(join(folder, 'entries.ts'), all.join('\n'))
    const options = [
      '--ignoreConfig',
      '--noEmit',
      '--strict',
      '--target',
      'esnext',
      '--skipLibCheck',
      'false',
    ]
    // Neither with a browser's types nor with types that the user would have to install.
    for (const module of [
      ['--module', 'nodenext', '--lib', 'esnext'],
      ['--module', 'esnext', '--moduleResolution', 'bundler', '--lib', 'esnext,dom'],
    ]) {
      const { stdout } = await run(
        process.execPath,
        [tsc, ...options, ...module, 'job.ts', 'application.ts', 'entries.ts'],
        inFolder,
      ).catch((error: unknown) => error as { readonly stdout: string })
      assert.equal(stdout, '')
    }
  })

  it('loads the libraries of formats when a job uses them', async () => {
    const application = `
      import { avro, jsonSchema, protobuf } from 'millrace/kafka'
      const of = (schema) => ({ registry: { url: 'http://127.0.0.1:1' }, schema })
      const formats = [avro(of('"string"')), jsonSchema(of({})), protobuf(of('syntax = "proto3"; message A {}'))]
      for (const format of formats) await format.open({ part: 'value' }).prepareDecode()
      console.log('loaded')`
    writeFileSync(join(folder, 'formats.js'), application)
    const { stdout } = await run(process.execPath, ['formats.js'], { ...inFolder, timeout: 60_000 })
    assert.equal(stdout, 'loaded\n')
  })
})
