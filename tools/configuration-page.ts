/**
 * Writes docs/configuration.md from the settings themselves: `node tools/configuration-page.ts`.
 * `configuration-page.test.ts` fails while the page is not what this would write.
 */
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BROKER_SETTINGS } from '../src/log/broker/broker-config.ts'
import type { Setting as BrokerSetting } from '../src/log/broker/setting.ts'
import { expectation } from '../src/config/check-config.ts'
import { variableOf } from '../src/config/environment.ts'
import { brokerValue } from '../src/config/shown-settings.ts'
import type { Setting } from '../src/config/setting.ts'
import { SETTINGS } from '../src/config/settings.ts'

export const CONFIGURATION_PAGE = join(
  dirname(dirname(fileURLToPath(import.meta.url))),
  'docs/configuration.md',
)

const INTRODUCTION = `# Configuration

<!-- Written by tools/configuration-page.ts from the settings in the code. -->

\`millrace start\` and \`millrace run\` take their settings from, each over the one before: the defaults, a file, the
environment, the options of the command.

The file is \`millrace.config.ts\` (or \`.js\`, \`.json\`, \`.yaml\`) of the working directory, or the one that \`--config FILE\` names;
\`--no-config\` looks for none. Paths in it are relative to its folder.

\`\`\`ts
import { defineConfig } from 'millrace/config'

export default defineConfig({
  data: '/var/lib/millrace',
  listeners: [
    { name: 'local', listen: '127.0.0.1:9092' },
    {
      name: 'office',
      listen: '0.0.0.0:9093',
      advertised: 'kafka.example.org:9093',
      tls: { certificate: 'tls/server.pem', key: 'tls/server.key' },
      sasl: { mechanisms: ['SCRAM-SHA-512'], users: { admin: '\${env:ADMIN_PASSWORD}' } },
    },
  ],
  broker: {
    'authorizer.class.name': 'acl',
    'super.users': 'User:admin',
    'num.partitions': 4,
  },
})
\`\`\`

\`\`\`yaml
# millrace.config.yaml
data: /var/lib/millrace
http: false
log:
  level: info
broker:
  num.partitions: 4
\`\`\`

- \`millrace config check FILE\` names every setting that is wrong, with what was expected. It reads the certificates, keys
  and users that the settings name, and asks for signing keys. \`millrace config show --all\` shows what a process would have,
  and where each value comes from.
- A text may hold \`\${env:NAME}\`, the value of an environment variable, and \`\${file:PATH}\`, the content of a file: secrets need
  not lie in the configuration.
- Settings outside of lists have a variable each, with the names in capitals and underscores: \`${variableOf(['log', 'level'])}\`,
  \`${variableOf(['broker', 'num.partitions'])}\`. A variable that is no setting is told about and does no harm.
- A process that gets SIGHUP takes new certificates from their files. SIGTERM and SIGINT stop it in good order, a second one at once.
`

/** The page as it should be. */
export function configurationPage(): string {
  return [
    INTRODUCTION,
    '## Settings\n',
    table(
      ['setting', 'is', 'default', 'meaning'],
      rowsOf(SETTINGS, '').map(({ path, setting }) => [
        code(path),
        expectation(setting) + (setting.required === true ? '; has to be set' : ''),
        defaultOf(setting),
        setting.doc,
      ]),
    ),
    `\n## Settings of the broker\n\nUnder \`broker\`, by Kafka’s names. Defaults are Kafka’s unless the meaning says otherwise; \`configs describe broker 1 --all\` shows those of a running log.\n`,
    table(
      ['setting', 'is', 'default', 'meaning'],
      Object.entries<BrokerSetting<unknown>>(BROKER_SETTINGS).map(([name, setting]) => [
        code(name),
        brokerExpectation(setting),
        setting.default === '' ? 'none' : code(brokerValue(setting.default).replaceAll('"', '')),
        setting.doc,
      ]),
    ),
    '',
  ].join('\n')
}

function rowsOf(
  fields: Readonly<Record<string, Setting>>,
  before: string,
): { readonly path: string; readonly setting: Setting }[] {
  return Object.entries(fields).flatMap(([name, setting]) => {
    const path = `${before}${name}`
    const row = { path, setting }
    switch (setting.kind) {
      case 'group':
        return [row, ...rowsOf(setting.fields, `${path}.`)]
      case 'list':
        return setting.of.kind === 'group' ? [row, ...rowsOf(setting.of.fields, `${path}[].`)] : [row]
      case 'record':
        return [row, { path: `${path}.${setting.nameOf.toUpperCase()}`, setting: setting.of }]
      case 'text':
      case 'choice':
      case 'number':
      case 'flag':
      case 'address':
      case 'broker':
        return [row]
    }
  })
}

function defaultOf(setting: Setting): string {
  if ('default' in setting) return code(String(setting.default))
  return setting.unset ?? ''
}

function brokerExpectation(setting: BrokerSetting<unknown>): string {
  const { type, oneOf, min, max } = setting
  const words = oneOf?.filter((word) => word !== '')
  if (words !== undefined) return `${type === 'list' ? 'some of' : 'one of'} ${words.join(', ')}`
  if (type !== 'int' && type !== 'long') return type === 'boolean' ? 'true or false' : 'text'
  const most = type === 'int' ? 2 ** 31 - 1 : 2 ** 63
  return max === most ? `a number of at least ${min}` : `a number from ${min} to ${max}`
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n')
}

function code(text: string): string {
  return `\`${text}\``
}

if (import.meta.main) writeFileSync(CONFIGURATION_PAGE, configurationPage())
