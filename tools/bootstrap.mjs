/**
 * What `npm start`, `npm test` and the other scripts run. It works on any Node from 18 on and needs nothing installed:
 *
 *  1. `npm ci`, when `node_modules` is missing or does not hold what `package-lock.json` says;
 *  2. makes sure that the Node which the `node` package pins is there (its install step may have been blocked);
 *  3. runs the command with that Node, passing on all further arguments, signals and the exit code.
 *
 * All it prints itself goes to stderr: stdout belongs to the command.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const [command, ...args] = process.argv.slice(2)

/** Lets imports of `millrace` and its subpaths resolve to `src/`. */
const FROM_SOURCES = '--conditions=millrace-source'
const TESTED_FOLDERS = ['src', 'tools', 'examples', 'simulation', 'conformance', 'survival', 'fuzz', 'bench']

const commands = {
  start: () => [FROM_SOURCES, 'examples/main.ts', ...args],
  millrace: () => [FROM_SOURCES, 'src/cli/bin.ts', ...args],
  node: () => [FROM_SOURCES, ...args],
  bench: () => [FROM_SOURCES, 'bench/run.ts', ...args],
  build: () => ['tools/build.ts', ...args],
  check: () => [FROM_SOURCES, 'tools/check.ts', ...args],
  fuzz: () => [FROM_SOURCES, 'fuzz/run.ts', ...args],
  simulate: () => [FROM_SOURCES, 'simulation/run.ts', ...args],
  test: () => {
    const options = args.filter((arg) => arg.startsWith('-'))
    const files = args.filter((arg) => !arg.startsWith('-'))
    return [
      FROM_SOURCES,
      '--test',
      '--test-reporter=spec',
      `--test-concurrency=${Math.max(2, availableParallelism() - 1)}`,
      ...options,
      ...(files.length > 0 ? files : TESTED_FOLDERS.map((folder) => `${folder}/**/*.test.ts`)),
    ]
  },
}

if (commands[command] === undefined) {
  fail(`usage: node tools/bootstrap.mjs ${Object.keys(commands).join('|')} [arguments]`)
}
installPackages()
run(pinnedNode(), commands[command]())

function installPackages() {
  if (!packagesAreStale()) return
  say('installing the packages of package-lock.json (npm ci)')
  if (npm(['ci', '--no-audit', '--no-fund', '--loglevel=error'], root) !== 0) {
    fail('npm ci failed: see above. It needs the npm registry, once.')
  }
}

/** npm leaves in `node_modules` a copy of the lock file as it was installed. */
function packagesAreStale() {
  const installedPath = join(root, 'node_modules/.package-lock.json')
  if (!existsSync(installedPath)) return true
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages
  const installed = JSON.parse(readFileSync(installedPath, 'utf8')).packages
  return Object.entries(wanted).some(([path, { version, optional, link }]) => {
    if (!path.includes('node_modules/') || link === true) return false
    if (installed[path] === undefined) return optional !== true
    return installed[path].version !== version
  })
}

/** The path of the pinned Node; repairs its package when the install step did not run. */
function pinnedNode() {
  const folder = join(root, 'node_modules/node')
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const path = join(folder, 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  if (versionOf(path) === `v${version}`) return path
  say(`installing Node ${version} for this checkout`)
  spawnSync(process.execPath, ['installArchSpecificPackage.js'], {
    cwd: folder,
    stdio: ['ignore', 2, 2],
    env: { ...process.env, PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}` },
  })
  if (versionOf(path) === `v${version}`) return path
  fail(
    `Node ${version} could not be installed into node_modules/node. ` +
      'Allow install scripts for the package "node" (npm rebuild node --foreground-scripts shows why it fails).',
  )
}

function versionOf(path) {
  if (!existsSync(path)) return undefined
  const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' })
  return stdout?.trim()
}

function npm(npmArgs, cwd) {
  const stdio = ['ignore', 2, 2]
  const script = process.env.npm_execpath
  const result = script?.endsWith('.js')
    ? spawnSync(process.execPath, [script, ...npmArgs], { cwd, stdio })
    : spawnSync('npm', npmArgs, { cwd, stdio, shell: process.platform === 'win32' })
  return result.status
}

function run(node, nodeArgs) {
  const child = spawn(node, nodeArgs, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, PATH: `${join(root, 'node_modules/.bin')}${delimiter}${process.env.PATH}` },
  })
  // The terminal sends SIGINT to the child too; it decides what to do, and we end with it.
  process.on('SIGINT', () => undefined)
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => fail(`${node}: ${error.message}`))
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}

function say(message) {
  process.stderr.write(`millrace: ${message}\n`)
}

function fail(message) {
  say(message)
  process.exit(1)
}
