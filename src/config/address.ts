export interface Address {
  readonly host: string
  readonly port: number
}

/** Reads `HOST:PORT`, `:PORT`, `PORT` or `[IPv6]:PORT`; the host is 127.0.0.1 when it is left out. */
export function readAddress(text: string): Address | undefined {
  const match = /^(?:(?:\[([^\]]+)\]|([^:\s]*)):)?(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (match === null || port > 65_535) return undefined
  const host = match[1] ?? match[2] ?? ''
  return { host: host === '' ? '127.0.0.1' : host, port }
}
