/** What clients have asked for, by client id: added up over connections when somebody looks, and when one closes. */

export interface ClientMetrics {
  readonly clientId: string
  readonly requests: number
  readonly bytesIn: number
  readonly bytesOut: number
}

/** What a connection counts of itself. */
export interface CountedConnection {
  readonly clientId: string | null
  readonly listener: string
  readonly requests: number
  readonly bytesIn: number
  readonly bytesOut: number
}

interface ClientTotal {
  requests: number
  bytesIn: number
  bytesOut: number
  lastSeenMs: number
}

/** Client ids are the clients' own words: there may be as many as there are requests. */
const CLIENTS_MAX = 200
/** Longer ones are cut. */
const NAME_LENGTH_MAX = 200
/** A client that is gone for so long gives its place to another. */
const FORGOTTEN_AFTER_MS = 3_600_000
/** Stands for all clients that there is no place for, and for those that had one. */
export const OTHER_CLIENTS = '(other)'

export class ClientFigures {
  /** What closed connections have asked for; a client that is connected has a place here too. */
  readonly #closed = new Map<string, ClientTotal>()
  /** The name under which a connection is counted, which it keeps: counters never go back. */
  readonly #names = new WeakMap<CountedConnection, string>()

  connectionClosed(connection: CountedConnection, nowMs: number): void {
    add(this.#closed.get(this.#nameOf(connection, nowMs))!, connection, nowMs)
  }

  /** All clients, those that are connected with what they have asked for so far. */
  snapshot(connections: Iterable<CountedConnection>, nowMs: number): readonly ClientMetrics[] {
    const live = [...connections].map((connection) => ({ connection, name: this.#nameOf(connection, nowMs) }))
    const totals = new Map([...this.#closed].map(([name, total]) => [name, { ...total }]))
    for (const { connection, name } of live) add(totals.get(name)!, connection, nowMs)
    return [...totals].map(([clientId, { requests, bytesIn, bytesOut }]) => ({
      clientId,
      requests,
      bytesIn,
      bytesOut,
    }))
  }

  /** The name has a place in the totals afterwards. */
  #nameOf(connection: CountedConnection, nowMs: number): string {
    let name = this.#names.get(connection)
    if (name === undefined) {
      const wanted = (connection.clientId ?? '').slice(0, NAME_LENGTH_MAX)
      name = this.#closed.has(wanted) || this.#makePlace(nowMs) ? wanted : OTHER_CLIENTS
      // Before the first request nobody has a name yet.
      if (connection.requests > 0) this.#names.set(connection, name)
    }
    this.#totalOf(name).lastSeenMs = nowMs
    return name
  }

  #totalOf(name: string): ClientTotal {
    let total = this.#closed.get(name)
    if (total === undefined)
      this.#closed.set(name, (total = { requests: 0, bytesIn: 0, bytesOut: 0, lastSeenMs: 0 }))
    return total
  }

  /** What a forgotten client has asked for stays in the sum of the others. */
  #makePlace(nowMs: number): boolean {
    if (this.#closed.size < CLIENTS_MAX) return true
    for (const [name, total] of this.#closed) {
      if (name === OTHER_CLIENTS || nowMs - total.lastSeenMs < FORGOTTEN_AFTER_MS) continue
      this.#closed.delete(name)
      add(this.#totalOf(OTHER_CLIENTS), total, nowMs)
      return true
    }
    return false
  }
}

function add(total: ClientTotal, more: Omit<ClientMetrics, 'clientId'>, nowMs: number): void {
  total.requests += more.requests
  total.bytesIn += more.bytesIn
  total.bytesOut += more.bytesOut
  total.lastSeenMs = nowMs
}
