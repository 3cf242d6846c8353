/** A broken invariant: our own bug. The worker that meets it dies and recovers from its checkpoint. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError'
}

/** Checks an invariant of Millrace's own code. What the outside did wrong is a `MillraceError` instead. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message)
}

/** Marks a branch that an exhaustive switch cannot reach; the compiler complains when it can. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${String(value)}`)
}
