import type { Command } from 'commander'
import { printRows, terminal } from './output.ts'
import { withOutput } from './process-options.ts'
import { examples } from './settings.ts'

export function addConfig(program: Command): void {
  const config = program
    .command('config')
    .summary('check a configuration file, and show what it comes to')
    .description(
      'The configuration of a Millrace process: millrace.config.ts, .js, .json or .yaml. Every setting is described in docs/configuration.md.',
    )
  config
    .command('check')
    .argument('[FILE]', 'default: millrace.config.… in the working directory')
    .description(
      'Says whether a configuration is right, and names every setting that is not. Reads the certificates, keys and users that it names, and asks for signing keys; starts nothing.',
    )
    .addHelpText('after', examples('millrace config check millrace.config.yaml'))
    .action(async (file: string | undefined, _: unknown, command: Command) => {
      const { loadConfig } = await import('./config-file.ts')
      const loaded = await loadConfig(file === undefined ? {} : { file })
      if (loaded.file === undefined)
        command.error('error: there is no configuration here: name one, or begin with `millrace config show`')
      const { problemsAtStart } = await import('./check-start.ts')
      const problems = await problemsAtStart(loaded)
      if (problems.length > 0) throw loaded.invalid(problems)
      terminal.note(`millrace: ${loaded.file} is right`)
    })
  withOutput(config.command('show').argument('[FILE]'))
    .description(
      'Shows the settings that a process would have: those of the file and of the environment, with --all also the defaults and what each means.',
    )
    .option('--all', 'also settings that have their default', false)
    .addHelpText(
      'after',
      examples('millrace config show --all', 'MILLRACE_LOG_LEVEL=info millrace config show --json'),
    )
    .action(async (file: string | undefined, options: { readonly all: boolean; readonly json: boolean }) => {
      const [{ loadConfig }, { shownSettings }] = await Promise.all([
        import('./config-file.ts'),
        import('../config/shown-settings.ts'),
      ])
      const loaded = await loadConfig(file === undefined ? {} : { file })
      const rows = shownSettings(loaded.config)
        .filter(({ isDefault }) => options.all || options.json || !isDefault)
        .map(({ setting, value, isDefault, doc }) => ({
          setting,
          value,
          from: isDefault ? 'default' : (loaded.variables.get(setting) ?? loaded.file ?? ''),
          meaning: doc,
        }))
      const columns = ['setting', 'value', 'from', ...(options.all ? (['meaning'] as const) : [])] as const
      const none = `everything has its default (--all shows it)`
      printRows(rows, { columns, json: options.json, none })
    })
}
