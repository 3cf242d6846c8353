/** Everything that is checked without running the product: `npm run check`. Runs all of it, then fails if any failed. */
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const binary = (name: string): string => join(root, 'node_modules/.bin', name)

const checks: readonly { readonly name: string; readonly command: readonly [string, ...string[]] }[] = [
  { name: 'types', command: [binary('tsc'), '-p', 'tsconfig.json'] },
  { name: 'lint', command: [binary('oxlint'), '--type-aware', '--deny-warnings'] },
  { name: 'format', command: [binary('prettier'), '--check', '--log-level=warn', '.'] },
  { name: 'tidy', command: [process.execPath, 'tools/tidy.ts'] },
  { name: 'unused code and packages', command: [binary('knip'), '--no-progress'] },
]

const failed: string[] = []
for (const { name, command } of checks) {
  const [program, ...args] = command
  const startMs = performance.now()
  const { status, error } = spawnSync(program, args, { cwd: root, stdio: 'inherit' })
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1)
  if (error !== undefined) console.log(error.message)
  if (status !== 0) failed.push(name)
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`)
}
if (failed.length > 0) {
  console.log(`failed: ${failed.join(', ')}`)
  process.exitCode = 1
}
