import { type Command, Option } from 'commander'
import { createInterface } from 'node:readline'
import type { ScramMechanism } from '../log/client/user-admin.ts'
import { wholeNumber } from './address.ts'
import { withClient } from './cluster.ts'
import { printRows, terminal } from './output.ts'
import { type ClusterOptions, withCluster } from './process-options.ts'
import { examples } from './settings.ts'

const MECHANISMS: readonly ScramMechanism[] = ['SCRAM-SHA-256', 'SCRAM-SHA-512']

export function addUsers(program: Command): void {
  const users = program
    .command('users')
    .summary('list, add and delete users with SCRAM passwords')
    .description('Users that log in with SASL SCRAM, of this log or any Kafka cluster.')
  withCluster(users.command('list').argument('[USER]', 'only this one'))
    .description('Lists users and the mechanisms that they may use.')
    .addHelpText('after', examples('millrace users list'))
    .action(async (user: string | undefined, options: ClusterOptions) => {
      const { listUsers } = await import('../log/client/user-admin.ts')
      const found = await withClient(options, (client) => listUsers(client, user))
      if (user !== undefined && found.length === 0) {
        const { userNotFound } = await import('../server/not-found.ts')
        throw userNotFound(user)
      }
      printRows(
        found.map((one) => ({ ...one })),
        { columns: ['user', 'mechanism', 'iterations'], json: options.json, none: 'no users' },
      )
    })
  withCluster(users.command('add').argument('<USER>'))
    .description('Gives a user a password, or a new one. It is read from standard input: one line.')
    .addOption(
      new Option('--mechanism <NAME...>', 'default: all').choices(MECHANISMS).default(MECHANISMS, 'both'),
    )
    .addOption(
      new Option('--iterations <N>', 'how often the password is hashed')
        .argParser(wholeNumber(4096))
        .default(4096),
    )
    .addHelpText(
      'after',
      examples(
        'printf %s "$PASSWORD" | millrace users add alice',
        'millrace users add alice   # asks for it',
      ),
    )
    .action(
      async (
        user: string,
        options: ClusterOptions & {
          readonly mechanism: readonly ScramMechanism[]
          readonly iterations: number
        },
        command: Command,
      ) => {
        const password = await readPassword(user)
        if (password === '')
          command.error(
            'error: no password came over standard input: printf %s "$PASSWORD" | millrace users add USER',
          )
        const { setPassword } = await import('../log/client/user-admin.ts')
        const { mechanism: mechanisms, iterations } = options
        await withClient(options, (client) => setPassword(client, { user, password, mechanisms, iterations }))
        terminal.note(`millrace: ${user} has a password for ${mechanisms.join(' and ')}`)
      },
    )
  withCluster(users.command('delete').argument('<USER>'))
    .description('Takes a user’s passwords away.')
    .addOption(new Option('--mechanism <NAME...>', 'default: all that it has').choices(MECHANISMS))
    .addHelpText('after', examples('millrace users delete alice'))
    .action(
      async (user: string, options: ClusterOptions & { readonly mechanism?: readonly ScramMechanism[] }) => {
        const { deleteCredentials, listUsers } = await import('../log/client/user-admin.ts')
        await withClient(options, async (client) => {
          const has = (await listUsers(client, user)).map(({ mechanism }) => mechanism)
          if (has.length === 0) {
            const { userNotFound } = await import('../server/not-found.ts')
            throw userNotFound(user)
          }
          await deleteCredentials(client, user, options.mechanism ?? has)
        })
        terminal.note(`millrace: deleted the passwords of ${user}`)
      },
    )
}

/** One line of standard input, empty when there is none; nothing that is typed is shown. */
async function readPassword(user: string): Promise<string> {
  const { stdin } = process
  if (stdin.isTTY) process.stderr.write(`Password for ${user}: `)
  const lines = createInterface({ input: stdin, terminal: stdin.isTTY, historySize: 0 })
  try {
    for await (const line of lines) {
      if (stdin.isTTY) process.stderr.write('\n')
      return line
    }
  } finally {
    lines.close()
  }
  return ''
}
