/**
 * One spelling for each address, so that a rule and a peer can be compared as texts: IPv4 as it is, also where it comes
 * as part of an IPv6 address (`::ffff:10.0.0.1`); IPv6 as eight groups without leading zeros, as Java writes it
 * (`0:0:0:0:0:0:0:1`), and without the brackets or the zone that it may have. What is no address stays as it is.
 */
export function canonicalHost(host: string): string {
  const text = host.toLowerCase().replace(/^\[|\]$|%.*$/g, '')
  if (!text.includes(':')) return text
  const mapped = /^(?:0:0:0:0:0|:):ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(text)
  if (mapped !== null) return mapped[1]!
  const halves = text.split('::')
  const [head = [], tail = []] = halves.map((half) => (half === '' ? [] : half.split(':')))
  const missing = 8 - head.length - tail.length
  const groups =
    halves.length === 2 ? [...head, ...Array<string>(Math.max(0, missing)).fill('0'), ...tail] : head
  if (groups.length !== 8 || !groups.every((group) => /^[\da-f]{1,4}$/.test(group))) return host
  return groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':')
}

/** Whether the text is an IPv4 or IPv6 address. */
export function isAddress(text: string): boolean {
  const canonical = canonicalHost(text)
  const octets = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(canonical)
  if (octets !== null) return octets.slice(1).every((octet) => Number(octet) <= 255)
  return /^(?:[\da-f]{1,4}:){7}[\da-f]{1,4}$/.test(canonical)
}
