import { InvalidArgumentError } from 'commander'

export interface Address {
  readonly host: string
  readonly port: number
}

/** Reads `HOST:PORT`, `:PORT`, `PORT` or `[IPv6]:PORT`; the host is 127.0.0.1 when it is left out. */
export function parseAddress(text: string): Address {
  const match = /^(?:(?:\[([^\]]+)\]|([^:]*)):)?(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (match === null || port > 65_535) {
    throw new InvalidArgumentError(
      `expected HOST:PORT, for example 127.0.0.1:9092, not ${JSON.stringify(text)}.`,
    )
  }
  const host = match[1] ?? match[2] ?? ''
  return { host: host === '' ? '127.0.0.1' : host, port }
}

export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** Reads a whole number of at least `least`. */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(
        `expected a whole number of at least ${least}, not ${JSON.stringify(text)}.`,
      )
    }
    return value
  }
}
