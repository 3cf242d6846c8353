/**
 * Strips `src/` to JavaScript and declarations in `dist/`, which is what the published package holds.
 * `node tools/build.ts` (`npm run build`).
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const dist = join(root, 'dist')

/** `new URL('./worker.ts', import.meta.url)`: the compiler rewrites imports only. */
const URL_OF_MODULE = /(new URL\(\s*['"]\.{1,2}\/[^'"]+)\.ts(['"]\s*,\s*import\.meta\.url\s*\))/g
const IMPORT_IN_DECLARATION = /((?:\bfrom|\bimport)\s*\(?\s*['"]\.{1,2}\/[^'"]+)\.ts(['"])/g

rmSync(dist, { recursive: true, force: true })
execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
})

for (const path of globSync('**/*.js', { cwd: dist })) {
  rewrite(join(dist, path), (text) => text.replace(URL_OF_MODULE, '$1.js$2'))
}
for (const path of globSync('**/*.d.ts', { cwd: dist })) {
  rewrite(join(dist, path), (text) => text.replace(IMPORT_IN_DECLARATION, '$1.js$2'))
}
// The status page and other files that are served or read as they are.
for (const path of globSync('**/*.{html,css,js,svg}', { cwd: join(root, 'src') })) {
  cpSync(join(root, 'src', path), join(dist, path))
}
chmodSync(join(dist, 'cli/bin.js'), 0o755)

function rewrite(path: string, change: (text: string) => string): void {
  const before = readFileSync(path, 'utf8')
  const after = change(before)
  if (after !== before) writeFileSync(path, after)
}
