import { execFileSync } from 'node:child_process'
import { globSync, statSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')

/** The path of the published package's `millrace` command, built first when its sources are newer. */
export function builtCommand(): string {
  const command = join(root, 'dist/cli/bin.js')
  const sources = globSync(['src/**/*.ts', 'tools/build.ts', 'package-lock.json'], { cwd: root })
  const newestMs = Math.max(...sources.map((path) => statSync(join(root, path)).mtimeMs))
  const builtMs = statSync(command, { throwIfNoEntry: false })?.mtimeMs ?? 0
  if (builtMs < newestMs) {
    execFileSync(process.execPath, ['tools/build.ts'], { cwd: root, stdio: ['ignore', 2, 2] })
  }
  return command
}
