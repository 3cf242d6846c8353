const ISO_TIME =
  /^(\d{4})-(\d{2})-(\d{2})(?:T(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})?)?$/

/**
 * Reads a time as people write it: an ISO 8601 date, with or without a time of day; ms since 1970. A date alone is its
 * midnight in UTC, a time of day without an offset is one of this machine. `undefined` for anything else: to `Date.parse`
 * alone a bare 5000 is a year, and the 30th of February lies in March.
 */
export function readIsoTime(text: string): number | undefined {
  const [, year, month, day] = ISO_TIME.exec(text) ?? []
  if (year === undefined) return undefined
  const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)))
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return undefined
  const timeMs = Date.parse(text)
  return Number.isNaN(timeMs) ? undefined : timeMs
}
