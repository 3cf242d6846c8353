import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  heartbeatApi,
  type HeartbeatRequest,
  type HeartbeatResponseInput,
} from '../protocol/apis/heartbeat.ts'
import { BrokerCounters } from './broker-metrics.ts'
import { Router } from './router.ts'
import { route } from './routes.ts'
import { CloseConnection, type BrokerServices, type ClientConnection, type Handler } from './services.ts'
import { requestFrame } from './wire-client.test-kit.ts'

describe('router', () => {
  const request = { groupId: 'g', generationId: 1, memberId: 'm', groupInstanceId: null }
  const frame = requestFrame(heartbeatApi, 4, request).subarray(4)

  function routerFor(answer: () => unknown): { readonly router: Router; readonly events: string[] } {
    const events: string[] = []
    const services = {
      clock: { monotonicMs: () => 0 },
      metrics: new BrokerCounters({ nowMonotonicMs: 0 }),
      quotas: { active: false },
      report: (_level: string, event: string) => events.push(event),
    } as unknown as BrokerServices
    const handle = answer as Handler<HeartbeatRequest, HeartbeatResponseInput>
    return { router: new Router({ routes: [route(heartbeatApi, handle)], services }), events }
  }

  for (const [when, answer] of [
    ['at once', () => ({ errorCode: Symbol('not a number') })],
    ['later', () => Promise.resolve({ errorCode: Symbol('not a number') })],
  ] as const) {
    it(`an answer that cannot be encoded, given ${when}, costs the one connection and is reported`, async () => {
      const { router, events } = routerFor(answer)
      const outcome = await router.dispatch(frame, {} as ClientConnection)
      assert.ok(outcome instanceof CloseConnection)
      assert.deepEqual(events, ['a request failed inside the broker'])
    })
  }

  it('a mechanism that fails on a bare message costs the one connection too, and not the broker', async () => {
    const { router, events } = routerFor(() => undefined)
    const sasl = { expectsBareMessage: true, bareMessage: () => Promise.reject(new Error('a bug')) }
    const outcome = await router.dispatch(frame, { sasl } as unknown as ClientConnection)
    assert.ok(outcome instanceof CloseConnection)
    assert.deepEqual(events, ['a request failed inside the broker'])
  })
})
