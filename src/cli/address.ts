import { InvalidArgumentError } from 'commander'
import { readIsoTime } from '../base/iso-time.ts'
import { type Address, readAddress } from '../config/address.ts'

export type { Address } from '../config/address.ts'

/** Reads `HOST:PORT`, `:PORT`, `PORT` or `[IPv6]:PORT`; the host is 127.0.0.1 when it is left out. */
export function parseAddress(text: string): Address {
  const address = readAddress(text)
  if (address !== undefined) return address
  throw new InvalidArgumentError(
    `Expected HOST:PORT, for example 127.0.0.1:9092, not ${JSON.stringify(text)}.`,
  )
}

/** Reads one or more addresses to connect to, separated by commas; gives them in the form that clients take. */
export function parseBootstrap(text: string): string {
  return text
    .split(',')
    .map((part) => {
      const address = parseAddress(part.trim())
      if (address.port === 0) throw new InvalidArgumentError('Port 0 is none to connect to.')
      return formatAddress(address)
    })
    .join(',')
}

export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** Reads a whole number of at least `least`. */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : NaN
    if (!Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(
        `Expected a whole number of at least ${least}, not ${JSON.stringify(text)}.`,
      )
    }
    return value
  }
}

/** Reads where in a topic to begin: an end of it, a time, or an offset. */
export function parsePosition(text: string): 'earliest' | 'latest' | number | { readonly offset: number } {
  const position = readPosition(text)
  if (position !== undefined) return position
  throw notAPlace(text, 'earliest, latest, a time such as 2026-01-31T12:00:00Z, or offset:N')
}

/** A time is in ms since 1970. */
export function readPosition(text: string): ReturnType<typeof parsePosition> | undefined {
  if (text === 'earliest' || text === 'latest') return text
  const offset = /^offset:(\d{1,15})$/.exec(text)?.[1]
  return offset === undefined ? readIsoTime(text) : { offset: Number(offset) }
}

/** A bare number is an offset to whoever writes it, and a time in ms to others: which has to be said. */
export function notAPlace(text: string, expected: string): InvalidArgumentError {
  const meant = /^\d{1,15}$/.test(text) ? ` For the offset, say offset:${text}.` : ''
  return new InvalidArgumentError(`Expected ${expected}, not ${JSON.stringify(text)}.${meant}`)
}
