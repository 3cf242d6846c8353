/** The stream of bids as a function of a bid's number: the same as bench/rivals/flink's `Bids`, field by field. */

export interface Bid {
  auction: number
  bidder: number
  price: number
  channel: string
  url: string
  /** Event time, milliseconds since the epoch. */
  dateTime: number
  extra: string
}

export const baseMs = 1_700_000_000_000

const channels = ['apple', 'google', 'facebook', 'baidu'] as const
const urls = Array.from({ length: 16 }, (_, i) => `https://auctions.example/items/item.htm?query=${i}`)
const extras = Array.from({ length: 16 }, (_, i) => `extra text of a bid that a job seldom reads ${i}`)

function mix(number: number): number {
  let x = number
  x ^= x >>> 16
  x = Math.imul(x, 0x7feb352d)
  x ^= x >>> 15
  x = Math.imul(x, 0x846ca68b)
  return x ^ (x >>> 16)
}

export function bidOf(number: number, auctions: number, dateTimeMs: number): Bid {
  const hash = mix(number)
  return {
    auction: (hash >>> 0) % auctions,
    bidder: 1_000 + ((hash >>> 7) % 10_000),
    price: 100 + ((hash >>> 3) % 10_000),
    channel: channels[hash & 3] ?? '',
    url: urls[(hash >>> 2) & 15] ?? '',
    dateTime: dateTimeMs,
    extra: extras[(hash >>> 6) & 15] ?? '',
  }
}
