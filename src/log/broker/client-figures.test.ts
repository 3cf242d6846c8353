import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ClientFigures, type CountedConnection, OTHER_CLIENTS } from './client-figures.ts'

function connection(clientId: string, requests = 1): CountedConnection {
  return { clientId, listener: 'x', requests, bytesIn: requests * 10, bytesOut: requests * 100 }
}

describe('figures of clients', () => {
  it('add up what connections of a client id have asked for, open and closed', () => {
    const figures = new ClientFigures()
    figures.connectionClosed(connection('a', 2), 0)
    figures.connectionClosed(connection('b', 1), 0)
    const open = [connection('a', 3), connection('a', 4), connection('c', 5)]
    assert.deepEqual(figures.snapshot(open, 1), [
      { clientId: 'a', requests: 9, bytesIn: 90, bytesOut: 900 },
      { clientId: 'b', requests: 1, bytesIn: 10, bytesOut: 100 },
      { clientId: 'c', requests: 5, bytesIn: 50, bytesOut: 500 },
    ])
    figures.connectionClosed(open[0]!, 2)
    assert.equal(figures.snapshot(open.slice(1), 3)[0]?.requests, 9)
    const long = figures.snapshot([connection('x'.repeat(30_000))], 4).at(-1)
    assert.equal(long?.clientId, 'x'.repeat(200))
  })

  it('are bounded, never go back, and give the places of those who are long gone to others', () => {
    const figures = new ClientFigures()
    const early = connection('early')
    for (let i = 0; i < 500; i++) figures.connectionClosed(connection(`random-${i}`), 0)
    const first = figures.snapshot([early], 1)
    assert.ok(first.length <= 201)
    const requestsOf = (snapshot: typeof first, name: string): number | undefined =>
      snapshot.find(({ clientId }) => clientId === name)?.requests
    assert.equal(requestsOf(first, OTHER_CLIENTS), 301)
    const total = (snapshot: typeof first): number =>
      snapshot.reduce((sum, { requests }) => sum + requests, 0)
    assert.equal(total(first), 501)
    const later = figures.snapshot([early, connection('late')], 4_000_000)
    assert.equal(requestsOf(later, 'late'), 1)
    // Whoever was counted among the others stays there as long as it is connected.
    assert.equal(requestsOf(later, 'early'), undefined)
    assert.equal(total(later), 502)
    assert.ok((requestsOf(later, OTHER_CLIENTS) ?? 0) >= 301)
  })
})
