/** What is misspelt is said, and ends with an exit code that a script sees. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { commandsIn, type Result } from './command.test-kit.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-typos-'))
const { command, run, ok, endAll } = commandsIn(folder)

after(() => {
  endAll()
  rmSync(folder, { recursive: true, force: true })
})

describe('a process with a token', () => {
  let kafka = ''
  let http = ''

  before(async () => {
    const start = command(['start', '--listen', ':0', '--http', ':0'], {
      env: { MILLRACE_HTTP_TOKEN: 'right' },
    })
    const [, log = '', page = ''] = await start.says(/Kafka clients on (\S+), .*http:\/\/(\S+), data/)
    kafka = log
    http = page
  })

  it('is asked with the token of the variable, and it is said which one is missing or wrong', async () => {
    const list = (env: Readonly<Record<string, string>>): Promise<Result> =>
      run(['list', '--http', http], { env })
    const [none, wrong, right, help] = await Promise.all([
      list({}),
      list({ MILLRACE_HTTP_TOKEN: 'wrong' }),
      list({ MILLRACE_HTTP_TOKEN: 'right' }),
      ok(['savepoint', '--help']),
    ])
    assert.deepEqual([none.code, wrong.code, right.code], [1, 1, 0])
    assert.match(none.err, /MR_NOT_AUTHORIZED.*none was shown.*MILLRACE_HTTP_TOKEN/)
    assert.match(wrong.err, /MR_NOT_AUTHORIZED.*MILLRACE_HTTP_TOKEN is not the one/)
    assert.match(help.out, /MILLRACE_HTTP_TOKEN/)
  })

  it('refuses names that are none', async () => {
    const empty = await ok(['topics', 'list', '--kafka', kafka])
    assert.match(empty.err, /there are none, or none that you may see/)
    await ok(['topics', 'create', 'orders', '--kafka', kafka])
    await ok(['quotas', 'set', '--user', 'ada', 'producer_byte_rate=1', '--kafka', kafka])
    const cases: readonly [code: number, args: readonly string[], said: RegExp][] = [
      [0, ['transactions', 'list', '--state', 'ongoing'], /no transactional ids/],
      [2, ['transactions', 'list', '--state', 'going'], /Expected one of Empty, Ongoing/],
      [1, ['configs', 'delete', 'topic', 'orders', 'retention.mss'], /did you mean retention\.ms\?/],
      [1, ['topics', 'configure', 'orders', '--delete', 'bogus'], /has no setting "bogus"/],
      [2, ['topics', 'configure', 'orders'], /name a setting/],
      [
        1,
        ['quotas', 'remove', '--user', 'ada', 'consumer_byte_rate'],
        /user ada has no quota.*producer_byte_rate/,
      ],
      [1, ['users', 'list', 'nobody'], /MR_USER_NOT_FOUND/],
      [1, ['topics', 'delete', 'nope'], /MR_TOPIC_NOT_FOUND(?!.*Create)/],
      [2, ['acls', 'add', '--allow', 'ada', '--operation', 'read', '--topic', 'orders'], /User:ada/],
    ]
    const results = await Promise.all(cases.map(([, args]) => run([...args, '--kafka', kafka])))
    for (const [index, { code, err }] of results.entries()) {
      const [wanted, args, said] = cases[index]!
      assert.equal(code, wanted, `${args.join(' ')}: ${err}`)
      assert.match(err, said)
    }
    await ok(['configs', 'delete', 'topic', 'orders', 'retention.ms', '--kafka', kafka])
    await ok(['quotas', 'remove', '--user', 'ada', 'producer_byte_rate', '--kafka', kafka])
    const produced = await run(['produce', 'orders', '--key-separator', ':', '--kafka', kafka], {
      input: 'a:1\nno key\nb:2\n',
    })
    assert.equal(produced.code, 1)
    assert.match(
      produced.err,
      /MR_BAD_RECORD.*line 2 has no key: it lacks ":"\. The lines before it were produced/,
    )
    const stored = await ok(['consume', 'orders', '--keys', '--exit', '--kafka', kafka])
    assert.equal(stored.out, 'a\t1\n')
  })
})
