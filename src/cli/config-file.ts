/** Finds and reads a configuration: the file, what the environment says over it, and the checks of both. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { MillraceError, messageOf } from '../base/millrace-error.ts'
import { thrownAt } from '../base/thrown-at.ts'
import {
  checkConfig,
  type CheckedConfig,
  type ConfigProblem,
  pathText,
  type SettingPath,
} from '../config/check-config.ts'
import { fromEnvironment } from '../config/environment.ts'
import { fillPlaceholders } from '../config/placeholders.ts'
import { terminal } from './output.ts'

/** Where a configuration is looked for, in the working directory. */
export const CONFIG_FILES = ['ts', 'mts', 'js', 'mjs', 'json', 'yaml', 'yml'].map(
  (extension) => `millrace.config.${extension}`,
)

export interface LoadedConfig {
  /** As it was named, or found; undefined when there is none. */
  readonly file: string | undefined
  readonly config: CheckedConfig
  /** Where each setting that is not the file's comes from, by its path. */
  readonly variables: ReadonlyMap<string, string>
  /** Makes a path in the file one of this process. */
  readonly resolvePath: (path: string) => string
  /** What is said of settings that turn out to be wrong when they are used. */
  readonly invalid: (problems: readonly ConfigProblem[]) => MillraceError
}

/** A file's content, and in which line a setting stands. */
interface ReadFile {
  readonly value: unknown
  readonly lineOf?: (path: SettingPath) => number | undefined
}

/**
 * Loads the named file, or the one that is found; `file: false` looks for none. Throws `MR_CONFIG_FILE` when it cannot
 * be read, and `MR_CONFIG_INVALID` with every setting that is wrong.
 */
export async function loadConfig(options: { readonly file?: string | false }): Promise<LoadedConfig> {
  const file = options.file === false ? undefined : (options.file ?? findConfigFile())
  const read: ReadFile = file === undefined ? { value: {} } : await readConfigFile(file)
  const folder = file === undefined ? process.cwd() : dirname(resolve(file))
  const resolvePath = (path: string): string => resolve(folder, path)
  const filled = fillPlaceholders(read.value, {
    variable: (name) => process.env[name],
    file: (path) => {
      try {
        return readFileSync(resolvePath(path), 'utf8').replace(/\r?\n$/, '')
      } catch {
        return undefined
      }
    },
  })
  const wrong = (problems: readonly ConfigProblem[]): MillraceError =>
    invalid(problems, { file: file ?? 'the environment', lineOf: read.lineOf })
  const problems = [...filled.problems, ...checkConfig(filled.value)]
  if (problems.length > 0) throw wrong(problems)
  return { file, resolvePath, invalid: wrong, ...overridden(filled.value as CheckedConfig) }
}

function findConfigFile(): string | undefined {
  const found = CONFIG_FILES.filter((name) => existsSync(name))
  if (found.length < 2) return found[0]
  throw new MillraceError({
    code: 'MR_CONFIG_FILE',
    message: `there are several configurations here: ${found.join(', ')}.`,
    fix: 'Name one with --config FILE.',
  })
}

async function readConfigFile(file: string): Promise<ReadFile> {
  // The module loader has words of its own for it.
  if (!existsSync(file)) {
    throw new MillraceError({
      code: 'MR_CONFIG_FILE',
      path: file,
      message: 'the configuration cannot be read: there is no such file.',
      fix: 'Name one with --config FILE, relative to the working directory.',
    })
  }
  try {
    if (/\.ya?ml$/.test(file)) return await readYaml(readFileSync(file, 'utf8'))
    if (file.endsWith('.json')) return { value: JSON.parse(readFileSync(file, 'utf8')) }
    if (/\.[mc]?[jt]s$/.test(file)) return { value: await importConfig(file) }
  } catch (error) {
    throw unreadable(file, error)
  }
  throw new MillraceError({
    code: 'MR_CONFIG_FILE',
    path: file,
    message: 'a configuration is a .ts, .js, .json or .yaml file.',
  })
}

async function importConfig(file: string): Promise<unknown> {
  let module: { readonly default?: unknown }
  try {
    module = (await import(pathToFileURL(resolve(file)).href)) as typeof module
  } catch (error) {
    // Where it throws, or where its syntax is wrong.
    throw unreadable(thrownAt(error) ?? file, error)
  }
  if (module.default !== undefined) return module.default
  throw new Error('its default export is missing: export default defineConfig({ … })')
}

function unreadable(path: string, error: unknown): MillraceError {
  if (error instanceof MillraceError) return error
  return new MillraceError({
    code: 'MR_CONFIG_FILE',
    path,
    message: `the configuration cannot be read: ${messageOf(error).trim()}.`,
    cause: error,
  })
}

async function readYaml(text: string): Promise<ReadFile> {
  const { isNode, LineCounter, parseDocument } = await import('yaml')
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines })
  const [error] = document.errors
  if (error !== undefined) throw error
  return {
    value: document.toJS() ?? {},
    lineOf(path) {
      // What is missing has no line: the line of what it is missing in.
      for (let length = path.length; length > 0; length--) {
        const node = document.getIn(path.slice(0, length), true)
        if (isNode(node) && node.range) return lines.linePos(node.range[0]).line
      }
      return undefined
    },
  }
}

/** The environment is over the file; variables that are no setting are told, and do no harm. */
function overridden(config: CheckedConfig): Pick<LoadedConfig, 'config' | 'variables'> {
  const { settings, unknown } = fromEnvironment(process.env)
  for (const { variable, near } of unknown)
    terminal.note(`millrace: ${variable} is no setting${near === undefined ? '' : `; did you mean ${near}?`}`)
  if (settings.length === 0) return { config, variables: new Map() }
  const changed: Record<string, unknown> = { ...config }
  const variables = new Map<string, string>()
  for (const { variable, path, value } of settings) {
    const [group, name] = path as readonly [string, string?]
    changed[group] =
      name === undefined
        ? value
        : { ...(changed[group] as Record<string, unknown> | undefined), [name]: value }
    // A short form in the environment stands for the listeners of the file.
    if (group === 'listen') delete changed['listeners']
    variables.set(pathText(path), variable)
  }
  const problems = checkConfig(changed).map(({ path, problem }) => ({
    path: [variables.get(pathText(path)) ?? pathText(path)],
    problem,
  }))
  if (problems.length > 0) throw invalid(problems, { file: 'the environment', lineOf: undefined })
  return { config: changed, variables }
}

function invalid(
  problems: readonly ConfigProblem[],
  { file, lineOf }: { readonly file: string; readonly lineOf: ReadFile['lineOf'] },
): MillraceError {
  const lines = problems.map(({ path, problem }) => {
    const line = lineOf?.(path)
    const at = pathText(path)
    return `${file}${line === undefined ? '' : `:${line}`}: ${at === '' ? '' : `${at}: `}${problem}`
  })
  const count = problems.length === 1 ? 'a setting is wrong' : `${problems.length} settings are wrong`
  return new MillraceError({ code: 'MR_CONFIG_INVALID', message: `${count}.\n  ${lines.join('\n  ')}` })
}
