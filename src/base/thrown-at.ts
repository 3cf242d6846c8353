import { fileURLToPath } from 'node:url'

/**
 * `PATH:LINE` where something was thrown, for a message: where the syntax of a module is wrong, which Node puts before
 * the stack, or else the innermost function that is no package's and not Node's own.
 */
export function thrownAt(thrown: unknown): string | undefined {
  const stack = thrown instanceof Error ? (thrown.stack ?? '') : ''
  const syntax = /^((?:file:|\/|[A-Z]:\\).*):(\d+)\n/.exec(stack)
  if (syntax !== null) return `${pathOf(syntax[1]!)}:${syntax[2]}`
  for (const [, url = '', line] of stack.matchAll(/^ +at .*?(file:\/\/[^\s()]+):(\d+):\d+\)?$/gm)) {
    if (!url.includes('/node_modules/')) return `${pathOf(url)}:${line}`
  }
  return undefined
}

/** A file's path of its URL; anything else as it is. */
export function pathOf(url: string): string {
  if (!url.startsWith('file:')) return url
  try {
    return fileURLToPath(url)
  } catch {
    return url
  }
}
