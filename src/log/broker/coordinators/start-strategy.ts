/** Where a share group begins (`share.auto.offset.reset`). */
export type StartStrategy =
  | { readonly kind: 'earliest' }
  | { readonly kind: 'latest' }
  /** With the first record that is no older than this. */
  | { readonly kind: 'by-duration'; readonly durationMs: number }

/** An ISO-8601 duration of days and what is shorter, as Java reads it: `P2DT3H4M5.6S`. */
const DURATION = /^P(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d{1,9})?)S)?)?$/i

/** Undefined when the text is none. */
export function startStrategy(text: string): StartStrategy | undefined {
  const word = text.trim().toLowerCase()
  if (word === 'earliest' || word === 'latest') return { kind: word }
  const [name, duration = ''] = word.split(':', 2)
  const match = name === 'by_duration' && duration.length > 1 ? DURATION.exec(duration) : null
  if (match === null) return undefined
  const [days, hours, minutes, seconds] = match.slice(1).map((part: string | undefined) => Number(part ?? 0))
  const durationMs = (((days! * 24 + hours!) * 60 + minutes!) * 60 + seconds!) * 1_000
  return { kind: 'by-duration', durationMs }
}
