/**
 * The rules of this repository that no compiler knows, checked like a test (`tidy.test.ts`) and by
 * `node tools/tidy.ts`, which prints a line a finding:
 *
 *  - imports follow the layer table (`layers.ts`), and no modules import each other in a circle;
 *  - only `src/world` touches clock, randomness, disk, sockets, threads and the process;
 *  - names say what a file is for, files end before 500 lines, nothing is left to be done later;
 *  - every error code has its page under `docs/errors`, and every page its code; links in documents lead somewhere.
 */
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { documentFindings } from './tidy/documents.ts'
import { importFindings } from './tidy/imports.ts'
import { platformFindings } from './tidy/platform.ts'
import { readRepository } from './tidy/repository.ts'
import { shapeFindings } from './tidy/shape.ts'

/** All findings of the repository at `root`, each `path: what`. */
export function tidyFindings(root: string): string[] {
  const repository = readRepository(root)
  return [
    ...importFindings(repository),
    ...platformFindings(repository),
    ...shapeFindings(repository),
    ...documentFindings(repository),
  ]
}

if (import.meta.main) {
  const found = tidyFindings(dirname(dirname(fileURLToPath(import.meta.url))))
  for (const finding of found) console.log(finding)
  if (found.length > 0) process.exitCode = 1
}
