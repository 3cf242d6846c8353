/** A job's module, imported in each worker; what its author did wrong is said with the place where. */
import { MillraceError, messageOf } from '../../base/millrace-error.ts'
import { pathOf, thrownAt } from '../../base/thrown-at.ts'
import { isJob, type Job } from '../graph/plan.ts'

/** What Node says to an ES module in a package that is declared to be CommonJS, as `npm init` does. */
const TAKEN_FOR_COMMONJS = /outside a module|Unexpected token 'export'/

/** Imports the module and returns its default export; throws what building the job throws, and `MR_JOB_MODULE`. */
export async function importJob(url: string): Promise<Job> {
  let exported: unknown
  try {
    exported = ((await import(url)) as { readonly default?: unknown }).default
  } catch (error) {
    // The module was there and is sound: the job in it is not, and the error says why.
    if (error instanceof MillraceError) throw error
    throw new MillraceError({ code: 'MR_JOB_MODULE', ...whyNot(error, url), cause: error })
  }
  if (isJob(exported)) return exported
  throw new MillraceError({
    code: 'MR_JOB_MODULE',
    path: pathOf(url),
    message: 'the module does not export a job.',
    fix: 'Write: export default job(name, (flow) => …).',
  })
}

function whyNot(error: unknown, url: string): { path: string; message: string; fix: string } {
  if (error instanceof Error && 'url' in error && error.url === url)
    return { path: pathOf(url), message: 'there is no such file.', fix: 'Name the file of the job.' }
  const message = messageOf(error)
  return {
    path: thrownAt(error) ?? pathOf(url),
    message: `the job's module cannot be loaded: ${message}.`,
    fix: TAKEN_FOR_COMMONJS.test(message)
      ? 'Set "type": "module" in package.json, or name the file .mts.'
      : 'Run it with node by itself to see the whole error.',
  }
}
