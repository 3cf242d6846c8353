/**
 * Strips `src/` to JavaScript and declarations in `dist/`, which is what the published package holds.
 * `node tools/build.ts` (`npm run build`).
 *
 * The modules are then joined, so that a process or a worker reads a dozen files and not two hundred: `millrace start`
 * takes 130 ms of CPU to its first answer in place of 220. Whoever is imported by name or started as a worker keeps its
 * own file, what they share lies in `dist/chunks`, and no module is there twice. Packages stay imports.
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const dist = join(root, 'dist')

/** `new URL('./worker.ts', import.meta.url)`: the compiler rewrites imports only. */
const URL_OF_MODULE = /(new URL\(\s*['"]\.{1,2}\/[^'"]+)\.ts(['"]\s*,\s*import\.meta\.url\s*\))/g
/** What is imported by its name, started as a command, or started as a worker. */
const ENTRIES = ['index.js', '*/index.js', 'connectors/*/index.js', 'cli/bin.js', '**/*-worker.js']
const MODULE_URL = /MODULE_URL\("([^"]+)"\)/g
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
const entries = globSync(ENTRIES, { cwd: dist })
for (const entry of entries.filter((path) => path.endsWith('index.js'))) {
  // Node's types are a dependency of the package; this makes them known to whoever's compiler takes none by itself.
  rewrite(join(dist, entry.replace(/js$/, 'd.ts')), (text) => `/// <reference types="node" />\n${text}`)
}
await joinModules(entries)
// The status page and other files that are served or read as they are.
for (const path of globSync('**/*.{html,css,js,svg}', { cwd: join(root, 'src') })) {
  cpSync(join(root, 'src', path), join(dist, path))
}
chmodSync(join(dist, 'cli/bin.js'), 0o755)

async function joinModules(entries: readonly string[]): Promise<void> {
  const bundle = await rolldown({
    input: Object.fromEntries(entries.map((entry) => [entry.replace(/\.js$/, ''), join(dist, entry)])),
    platform: 'node',
    external: (id) => !id.startsWith('.') && !id.startsWith('/'),
    plugins: [
      {
        name: 'keep-module-urls',
        transform: (code, id) =>
          code.replaceAll('import.meta.url', `MODULE_URL(${JSON.stringify(relative(dist, id))})`),
        renderChunk: (code, chunk) =>
          code.replaceAll(MODULE_URL, (_, path: string) => urlFrom(chunk.fileName, path)),
      },
    ],
  })
  const { output } = await bundle.generate({ format: 'esm', chunkFileNames: 'chunks/[name].js' })
  await bundle.close()
  for (const path of globSync('**/*.js', { cwd: dist })) rmSync(join(dist, path))
  mkdirSync(join(dist, 'chunks'))
  for (const chunk of output) {
    if (chunk.type === 'chunk') writeFileSync(join(dist, chunk.fileName), chunk.code)
  }
}

/** A module that asks where it is means its own place among the modules, whatever file it has been joined to. */
function urlFrom(fileName: string, modulePath: string): string {
  return `new URL(${JSON.stringify(relative(dirname(fileName), modulePath))}, import.meta.url).href`
}

function rewrite(path: string, change: (text: string) => string): void {
  const before = readFileSync(path, 'utf8')
  const after = change(before)
  if (after !== before) writeFileSync(path, after)
}
