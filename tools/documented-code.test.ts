/**
 * The TypeScript in README.md and docs/: it compiles as its reader would compile it, and the test in it passes. A block
 * that begins with a comment `// NAME.ts` is that file, for the other blocks of its page to import; one without imports
 * is a piece, and an HTML comment in front of it, `<!-- given: CODE -->`, says what the piece stands on.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'

const run = promisify(execFile)
const root = join(import.meta.dirname, '..')
/** Within the package, so that `millrace` is the package itself. */
const cache = join(root, '.cache')
mkdirSync(cache, { recursive: true })
const folder = mkdtempSync(join(cache, 'documented-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const docs = join(root, 'docs')
const pages = ['README.md', ...readdirSync(docs).filter((name) => name.endsWith('.md'))].map((name) =>
  existsSync(join(docs, name)) ? join(docs, name) : join(root, name),
)

/** Writes the blocks of a page as files into a folder of their own; returns the files. */
function writeBlocks(page: string): string[] {
  const text = readFileSync(page, 'utf8')
  const target = join(folder, basename(page, '.md'))
  mkdirSync(target)
  return Array.from(
    text.matchAll(/(?:<!-- given: (?<given>(?:(?!-->).)*) -->\s*)?```ts\n(?<code>.*?)```/gs),
    ({ groups }, index) => {
      const { given = '', code = '' } = groups ?? {}
      const path = join(target, /^\/\/ (\S+\.ts)\n/.exec(code)?.[1] ?? `block-${index + 1}.ts`)
      assert.ok(
        given !== '' || /^import /m.test(code),
        `${page}: a piece of code that does not say on what:\n${code}`,
      )
      writeFileSync(path, `${given}\n${code}export {}\n`)
      return path
    },
  )
}

const files = pages.flatMap(writeBlocks)

test('compiles under a strict compiler', async () => {
  const options = ['--strict', '--noEmit', '--target', 'esnext', '--module', 'nodenext', '--types', 'node']
  const here = [
    '--allowImportingTsExtensions',
    '--customConditions',
    'millrace-source',
    '--skipLibCheck',
    '--ignoreConfig',
  ]
  const compiler = join(root, 'node_modules', '.bin', 'tsc')
  await run(compiler, [...options, ...here, ...files], { cwd: root }).catch((error: unknown) => {
    assert.fail(String((error as { stdout?: string }).stdout ?? error))
  })
})

test('a test passes', async () => {
  const tests = files.filter((path) => readFileSync(path, 'utf8').includes("from 'node:test'"))
  assert.ok(tests.length > 0)
  const args = ['--conditions=millrace-source', '--test', ...tests]
  await run(process.execPath, args, { cwd: root, env: { ...process.env, NODE_TEST_CONTEXT: undefined } })
})
