/** Where in a job or in the log an error happened; only what is known is set. */
export interface ErrorPlace {
  readonly job?: string
  readonly step?: string
  readonly topic?: string
  readonly partition?: number
  readonly offset?: number
  readonly path?: string
  readonly peer?: string
  /** In a schema registry, as is the id of a schema. */
  readonly subject?: string
  readonly schemaId?: number
}

export interface MillraceErrorOptions extends ErrorPlace {
  /** Stable code `MR_…`; each has a page under `docs/errors/`. */
  readonly code: `MR_${string}`
  /** What happened: what was expected, what came. One sentence or two. */
  readonly message: string
  /** What the reader should do about it. */
  readonly fix?: string
  readonly cause?: unknown
}

/** An error that the outside caused: bad input, bad configuration, a full disk, a dead peer. */
export class MillraceError extends Error {
  override readonly name = 'MillraceError'
  readonly code: `MR_${string}`
  readonly place: ErrorPlace
  readonly fix: string | undefined

  constructor(options: MillraceErrorOptions) {
    const { code, message, fix, cause, ...place } = options
    super(render({ code, message, fix, place }), cause === undefined ? undefined : { cause })
    this.code = code
    this.place = place
    this.fix = fix
  }
}

function render(error: {
  code: string
  message: string
  fix: string | undefined
  place: ErrorPlace
}): string {
  const where = Object.entries(error.place)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name} ${String(value)}`)
    .join(', ')
  const fix = error.fix === undefined ? '' : ` ${error.fix}`
  return `${error.code}${where === '' ? '' : ` [${where}]`}: ${error.message}${fix}`
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  // Of an address that stands for several, Node says nothing itself.
  if (thrown instanceof AggregateError && thrown.message === '')
    return thrown.errors.map(messageOf).join('; ')
  return thrown instanceof Error ? thrown.message : String(thrown)
}
