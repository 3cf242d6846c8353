import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { importJob } from './import-job.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-import-job-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const millrace = new URL('../../index.ts', import.meta.url).href

/** The message with which a module of this source is refused. */
async function refusal(name: string, source?: string): Promise<string> {
  const path = join(folder, name)
  if (source !== undefined) writeFileSync(path, source)
  const thrown: unknown = await importJob(pathToFileURL(path).href).catch((error: unknown) => error)
  assert.ok(thrown instanceof Error, `${name} was imported`)
  return thrown.message.replaceAll(folder, '.')
}

describe('a module that cannot be run is refused with', () => {
  it('the line where its syntax is wrong', async () => {
    const message = await refusal('syntax.ts', "import 'node:fs'\nconst x = (\n}\n")
    assert.match(message, /^MR_JOB_MODULE \[path \.\/syntax\.ts:3\]: the job's module cannot be loaded: /)
  })

  it('the line where it throws', async () => {
    const message = await refusal('throws.ts', "\nthrow new Error('no TOKEN is set')\n")
    assert.match(message, /^MR_JOB_MODULE \[path \.\/throws\.ts:2\].*: no TOKEN is set\. /)
  })

  it('what its package lacks, where npm init has declared it CommonJS', async () => {
    mkdirSync(join(folder, 'cjs'))
    writeFileSync(join(folder, 'cjs/package.json'), '{ "type": "commonjs" }')
    const source = `import { job } from '${millrace}'\nexport default job('x', () => {})\n`
    assert.match(await refusal('cjs/job.ts', source), /cjs\/job\.ts.*Set "type": "module" in package\.json/)
    assert.match(await refusal('cjs/export.ts', 'export default 1\n'), /Set "type": "module"/)
  })

  it('the name of a file that is not there', async () => {
    const message = await refusal('missing.ts')
    assert.equal(
      message,
      'MR_JOB_MODULE [path ./missing.ts]: there is no such file. Name the file of the job.',
    )
  })

  it('a package that is not there, which is not the file', async () => {
    assert.match(await refusal('package.ts', "import 'no-such-package'\n"), /Cannot find package/)
  })

  it('what is wrong with the job in it', async () => {
    const source = `import { job } from '${millrace}'\nexport default job('empty', () => {})\n`
    assert.match(await refusal('empty.ts', source), /^MR_JOB_INVALID \[job empty\]: /)
  })

  it('what it should have exported', async () => {
    assert.match(await refusal('number.ts', 'export default 7\n'), /does not export a job\. Write: export/)
  })
})
