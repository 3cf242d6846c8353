import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ClientFigures, type ClientMetrics, type CountedConnection, OTHER_CLIENTS } from './client-figures.ts'

function connection(clientId: string, requests = 1, isAuthenticated = true): CountedConnection {
  return {
    clientId,
    listener: 'x',
    isAuthenticated,
    requests,
    bytesIn: requests * 10,
    bytesOut: requests * 100,
  }
}

function requestsOf(snapshot: readonly ClientMetrics[], name: string): number | undefined {
  return snapshot.find(({ clientId }) => clientId === name)?.requests
}

function total(snapshot: readonly ClientMetrics[]): number {
  return snapshot.reduce((sum, { requests }) => sum + requests, 0)
}

describe('figures of clients', () => {
  it('add up what connections of a client id have asked for, open and closed', () => {
    const figures = new ClientFigures()
    figures.connectionClosed(connection('a', 2))
    figures.connectionClosed(connection('b', 1))
    const open = [connection('a', 3), connection('a', 4), connection('c', 5)]
    assert.deepEqual(figures.snapshot(open), [
      { clientId: 'a', requests: 9, bytesIn: 90, bytesOut: 900 },
      { clientId: 'b', requests: 1, bytesIn: 10, bytesOut: 100 },
      { clientId: 'c', requests: 5, bytesIn: 50, bytesOut: 500 },
    ])
    figures.connectionClosed(open[0]!)
    assert.equal(figures.snapshot(open.slice(1))[0]?.requests, 9)
    const long = figures.snapshot([connection('x'.repeat(30_000))]).at(-1)
    assert.equal(long?.clientId, 'x'.repeat(200))
  })

  it('are bounded, and made-up names take places from each other, not from those that are at work', () => {
    const figures = new ClientFigures()
    const atWork = connection('at work', 5)
    figures.snapshot([atWork])
    figures.connectionClosed(connection('was at work', 1000))
    for (let i = 0; i < 500; i++) figures.connectionClosed(connection(`random-${i}`))
    const newcomer = connection('newcomer')
    const snapshot = figures.snapshot([atWork, newcomer])
    assert.ok(snapshot.length <= 201, String(snapshot.length))
    assert.equal(total(snapshot), 1506)
    assert.equal(requestsOf(snapshot, 'at work'), 5)
    assert.equal(requestsOf(snapshot, 'was at work'), 1000)
    assert.equal(requestsOf(snapshot, 'newcomer'), 1)
    assert.ok(requestsOf(snapshot, OTHER_CLIENTS)! > 300)
  })

  it('never go back: who was counted among the others stays there as long as it is connected', () => {
    const figures = new ClientFigures()
    const open = Array.from({ length: 200 }, (_, index) => connection(`open-${index}`))
    figures.snapshot(open)
    const late = connection('late', 7)
    assert.equal(requestsOf(figures.snapshot([...open, late]), OTHER_CLIENTS), 7)
    figures.connectionClosed(open[0]!)
    const snapshot = figures.snapshot([...open.slice(1), late, connection('later')])
    assert.equal(requestsOf(snapshot, 'late'), undefined)
    assert.equal(requestsOf(snapshot, 'later'), 1)
    assert.equal(requestsOf(snapshot, OTHER_CLIENTS), 8)
  })

  it('give no place to a client that has not authenticated', () => {
    const figures = new ClientFigures()
    assert.deepEqual(figures.snapshot([connection('stranger', 2, false)]), [])
    figures.connectionClosed(connection('stranger', 2, false))
    assert.deepEqual(figures.snapshot([]), [
      { clientId: OTHER_CLIENTS, requests: 2, bytesIn: 20, bytesOut: 200 },
    ])
  })
})
