/** Runs a client program of `conformance/clients`, each of its scenarios as a test of its own. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { runCommand, type Command } from './command.ts'

/**
 * The program is called with the address, the prefix and prints `ok NAME` or `not ok NAME: why` for each scenario.
 * @param expected the scenarios that must have been run, so that a program that ends early is not taken for a success.
 */
export async function runScenarios(
  t: TestContext,
  options: { readonly program: Command; readonly expected: readonly string[]; readonly timeoutMs?: number },
): Promise<void> {
  const { stdout, stderr, exitCode } = await runCommand(options.program, {
    timeoutMs: options.timeoutMs ?? 150_000,
  })
  const outcomes = new Map<string, string>()
  for (const line of stdout.split('\n')) {
    const [, failed, name = '', why = ''] = /^(not )?ok ([^:]+)(?:: (.*))?$/.exec(line) ?? []
    if (name !== '') outcomes.set(name, failed === undefined ? 'ok' : why)
  }
  for (const name of options.expected) {
    await t.test(name, () => {
      assert.equal(
        outcomes.get(name) ?? `the program ended (${exitCode}) before this scenario: ${stderr.slice(-1_500)}`,
        'ok',
      )
    })
  }
  assert.deepEqual(
    [...outcomes.keys()].sort(),
    [...options.expected].sort(),
    'every scenario is expected by name',
  )
}
