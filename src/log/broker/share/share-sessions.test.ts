import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorCode } from '../../protocol/error-code.ts'
import type { ClientConnection } from '../services.ts'
import { ShareSessions } from './share-sessions.ts'

function scene(most: number) {
  const ended: string[] = []
  const sessions = new ShareSessions({ most, onEnd: ({ memberId }) => ended.push(memberId) })
  const connect = () => {
    const callbacks = new Set<() => void>()
    const connection = {
      onClose: (callback: () => void) => {
        callbacks.add(callback)
        return () => callbacks.delete(callback)
      },
    } as unknown as ClientConnection
    const open = (memberId: string, groupId = 'g') => {
      const request = { groupId, memberId, shareSessionEpoch: 0, added: [], forgotten: [] }
      const opened = sessions.begin({ ...request, acknowledges: false }, connection)
      return opened.kind === 'refused' ? opened.error : opened.kind
    }
    return { open, close: () => callbacks.forEach((callback) => callback()) }
  }
  return { ended, connect }
}

test('one connection cannot keep others out by inventing members', () => {
  const { connect, ended } = scene(4)
  const greedy = connect()
  for (const member of ['a', 'b', 'c', 'd']) assert.equal(greedy.open(member), 'session')
  assert.equal(greedy.open('e'), ErrorCode.SHARE_SESSION_LIMIT_REACHED)
  const others = [connect(), connect(), connect()]
  for (const [index, other] of others.entries()) assert.equal(other.open(`other-${index}`), 'session')
  assert.deepEqual(
    ended,
    ['a', 'b', 'c'],
    'its oldest go first, and what their members have acquired with them',
  )
  for (const [index, other] of others.entries())
    assert.equal(other.open(`more-${index}`), ErrorCode.SHARE_SESSION_LIMIT_REACHED)
  assert.equal(connect().open('last'), ErrorCode.SHARE_SESSION_LIMIT_REACHED, 'all have one')
  assert.equal(ended.length, 3)
  others[0]!.close()
  assert.equal(connect().open('last'), 'session')
})

test('sessions that are replaced or have moved do not count where they were', () => {
  const { connect, ended } = scene(2)
  const [one, other] = [connect(), connect()]
  assert.equal(one.open('a'), 'session')
  assert.equal(one.open('b'), 'session')
  assert.equal(one.open('b'), 'session', 'anew, although there are as many as there may be')
  assert.equal(other.open('a'), 'session')
  assert.equal(connect().open('c'), ErrorCode.SHARE_SESSION_LIMIT_REACHED)
  one.close()
  assert.deepEqual(ended, ['b'])
})
