/**
 * What clients have asked for, by client id: added up over connections when somebody looks, and when one closes.
 *
 * Client ids are the clients' own words: there may be as many as there are requests. So there are places for 200 of them,
 * and one for all others together. A name gets a place when somebody who has authenticated comes with it; when all are
 * taken, the one that asked for least of those who are gone leaves its own. Names that are made up anew for each connection
 * take places from each other, and not from those that are at work.
 */

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
  /** Whether its listener has let it in; where nobody is asked, everybody is. */
  readonly isAuthenticated: boolean
  readonly requests: number
  readonly bytesIn: number
  readonly bytesOut: number
}

/** Of the connections that are closed. */
interface ClientTotal {
  /** Connections that are counted under this name when they close. */
  connected: number
  requests: number
  bytesIn: number
  bytesOut: number
}

const CLIENTS_MAX = 200
/** Longer ones are cut. */
const NAME_LENGTH_MAX = 200
/** Stands for all clients that there is no place for, and for those that had one. */
export const OTHER_CLIENTS = '(other)'

export class ClientFigures {
  /** By name; a client that is connected has a place here too. */
  readonly #totals = new Map<string, ClientTotal>()
  /** The name under which a connection is counted, which it keeps: counters never go back. */
  readonly #names = new WeakMap<CountedConnection, string>()

  connectionClosed(connection: CountedConnection): void {
    const known = isKnown(connection)
    const total = this.#totalOf(known ? this.#nameOf(connection) : OTHER_CLIENTS)
    add(total, connection)
    if (known) total.connected -= 1
  }

  /** All clients, those that are connected with what they have asked for so far. */
  snapshot(connections: Iterable<CountedConnection>): readonly ClientMetrics[] {
    const known = [...connections].filter(isKnown)
    const live = known.map((connection) => ({ connection, name: this.#nameOf(connection) }))
    const totals = new Map([...this.#totals].map(([name, total]) => [name, { ...total }]))
    for (const { connection, name } of live) add(totals.get(name)!, connection)
    return [...totals].map(([clientId, { requests, bytesIn, bytesOut }]) => ({
      clientId,
      requests,
      bytesIn,
      bytesOut,
    }))
  }

  /** The name has a place in the totals afterwards. */
  #nameOf(connection: CountedConnection): string {
    let name = this.#names.get(connection)
    if (name === undefined) {
      const wanted = (connection.clientId ?? '').slice(0, NAME_LENGTH_MAX)
      name = this.#totals.has(wanted) || this.#makePlace() ? wanted : OTHER_CLIENTS
      this.#names.set(connection, name)
      this.#totalOf(name).connected += 1
    }
    return name
  }

  #totalOf(name: string): ClientTotal {
    let total = this.#totals.get(name)
    if (total === undefined)
      this.#totals.set(name, (total = { connected: 0, requests: 0, bytesIn: 0, bytesOut: 0 }))
    return total
  }

  /** What a forgotten client has asked for stays in the sum of the others. */
  #makePlace(): boolean {
    if (this.#totals.size < CLIENTS_MAX) return true
    const gone = [...this.#totals].filter(
      ([name, { connected }]) => name !== OTHER_CLIENTS && connected === 0,
    )
    if (gone.length === 0) return false
    const [name, total] = gone.reduce((least, next) => (next[1].requests < least[1].requests ? next : least))
    this.#totals.delete(name)
    add(this.#totalOf(OTHER_CLIENTS), total)
    return true
  }
}

/** Before the first request nobody has a name yet, and before it has authenticated none that counts. */
function isKnown({ requests, isAuthenticated }: CountedConnection): boolean {
  return requests > 0 && isAuthenticated
}

function add(total: ClientTotal, more: Omit<ClientMetrics, 'clientId'>): void {
  total.requests += more.requests
  total.bytesIn += more.bytesIn
  total.bytesOut += more.bytesOut
}
