import { InvalidArgumentError } from 'commander'

/** Collects `NAME=VALUE` arguments or options. */
export function readSetting(text: string, earlier: Record<string, string> = {}): Record<string, string> {
  const [name = '', ...value] = text.split('=')
  if (name === '' || value.length === 0)
    throw new InvalidArgumentError(`Expected NAME=VALUE, not ${JSON.stringify(text)}.`)
  return { ...earlier, [name]: value.join('=') }
}

/** Collects an option that may be given several times. */
export function repeated(text: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, text]
}

/** The end of a command's help. */
export function examples(...lines: readonly string[]): string {
  return `\n${lines.length === 1 ? 'Example' : 'Examples'}:\n${lines.map((line) => `  $ ${line}`).join('\n')}`
}
