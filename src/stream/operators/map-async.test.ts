import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { expectSameWithSnapshots } from '../../testing/expect-same-with-snapshots.ts'
import {
  OperatorHarness,
  advanceTime,
  event,
  watermark,
  type ScriptStep,
} from '../../testing/operator-harness.ts'
import { MapAsyncOperator, type AsyncCall, type AsyncMapOptions } from './map-async.ts'

/** Calls that the test answers. */
class Service {
  readonly calls: { readonly n: number; readonly call: AsyncCall; answer(): void; refuse(): void }[] = []

  readonly ask = (n: number, call: AsyncCall): Promise<string> => {
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    this.calls.push({ n, call, answer: () => resolve(`<${n}>`), refuse: () => reject(new Error(`no ${n}`)) })
    return promise
  }

  answer(n: number): void {
    this.calls.findLast((each) => each.n === n)!.answer()
  }
}

function harnessOf(service: Service, options: AsyncMapOptions): OperatorHarness<number, string> {
  return new OperatorHarness<number, string>({ operator: () => new MapAsyncOperator(service.ask, options) })
}

const numbers = (...all: number[]): ScriptStep<number>[] => all.map((n) => event(n, { at: n }))
const nothing = advanceTime(0)
const values = (harness: OperatorHarness<number, string>): string[] =>
  harness.results().map(({ value }) => value)

describe('mapAsync', () => {
  test('keeps the order of the inputs when it is ordered', async () => {
    const service = new Service()
    const harness = harnessOf(service, {})
    await harness.run(numbers(1, 2, 3))
    service.answer(3)
    service.answer(2)
    await harness.run([nothing])
    assert.deepEqual(values(harness), [])
    service.answer(1)
    await harness.run([nothing])
    assert.deepEqual(
      harness.results(),
      [1, 2, 3].map((n) => ({ value: `<${n}>`, timestampMs: n })),
    )
  })

  test('lets results pass each other, but not a watermark, when it is unordered', async () => {
    const service = new Service()
    const harness = harnessOf(service, { order: 'unordered' })
    await harness.run([...numbers(1, 2), watermark(2), ...numbers(3)])
    service.answer(3)
    service.answer(2)
    await harness.run([nothing])
    assert.deepEqual(values(harness), ['<2>'])
    service.answer(1)
    await harness.run([nothing])
    const seen = harness.recorded().map((each) => (each.kind === 'event' ? each.value : each.watermarkMs))
    assert.deepEqual(seen, ['<2>', '<1>', 2, '<3>'])
  })

  test('calls no more than its capacity, and takes nothing while it is full', async () => {
    const service = new Service()
    const operator = new MapAsyncOperator(service.ask, { capacity: 2 })
    const harness = new OperatorHarness({ operator: () => operator })
    await harness.run(numbers(1, 2, 3, 4))
    assert.deepEqual(
      service.calls.map(({ n }) => n),
      [1, 2],
    )
    assert.notEqual(operator.blocked(), undefined)
    service.answer(1)
    service.answer(2)
    await harness.run([nothing])
    assert.deepEqual(
      service.calls.map(({ n }) => n),
      [1, 2, 3, 4],
    )
    assert.notEqual(operator.blocked(), undefined)
    service.answer(3)
    await harness.run([nothing])
    assert.equal(operator.blocked(), undefined)
  })

  test('tries again after a growing pause, and gives up with the cause', async () => {
    const service = new Service()
    const harness = harnessOf(service, { retry: { attempts: 3, backoffMs: 100 } })
    await harness.run(numbers(1))
    service.calls[0]!.refuse()
    await harness.run([advanceTime(99)])
    assert.equal(service.calls.length, 1)
    await harness.run([advanceTime(1)])
    service.calls[1]!.refuse()
    await harness.run([advanceTime(200)])
    assert.deepEqual(
      service.calls.map(({ call }) => call.attempt),
      [1, 2, 3],
    )
    service.calls[2]!.refuse()
    await assert.rejects(
      harness.run([nothing]),
      /MR_USER_FUNCTION \[job test, step tested\]: The mapAsync function threw "no 1" for 1/,
    )
  })

  test('ends an attempt that takes too long, and does not hear its answer any more', async () => {
    const service = new Service()
    const harness = harnessOf(service, { timeoutMs: 50, retry: { attempts: 2, backoffMs: 10 } })
    await harness.run([...numbers(1), advanceTime(50)])
    assert.equal(service.calls[0]!.call.signal.aborted, true)
    service.calls[0]!.answer()
    await harness.run([nothing])
    assert.deepEqual(values(harness), [])
    await harness.run([advanceTime(10)])
    await assert.rejects(harness.run([advanceTime(50)]), { code: 'MR_ASYNC_TIMEOUT' })
  })

  test('calls again after a restart what had not left, in order', async () => {
    const service = new Service()
    const harness = harnessOf(service, {})
    await harness.run(numbers(1, 2, 3))
    service.answer(1)
    service.answer(3)
    await harness.run([nothing])
    await harness.restart()
    assert.deepEqual(
      service.calls.map(({ n }) => n),
      [1, 2, 3, 2, 3],
    )
    service.answer(2)
    service.answer(3)
    await harness.end()
    assert.deepEqual(values(harness), ['<1>', '<2>', '<3>'])
  })

  test('holds the end of input until all has left', async () => {
    const service = new Service()
    const harness = harnessOf(service, {})
    await harness.run(numbers(1))
    setImmediate(() => service.answer(1))
    await harness.end()
    assert.deepEqual(values(harness), ['<1>'])
  })

  test('gives the same however it is interrupted', async () => {
    const steps = fc.array(
      fc.oneof(
        fc.nat(20).map((n) => event(n, { at: n })),
        fc.nat(20).map(watermark),
      ),
      { maxLength: 15 },
    )
    await fc.assert(
      fc.asyncProperty(
        steps,
        fc.constantFrom('ordered', 'unordered'),
        fc.integer({ min: 1, max: 5 }),
        async (script, order, capacity) => {
          const ask = async (n: number): Promise<string> => {
            for (let turns = 0; turns < n % 4; turns++) await Promise.resolve()
            return `<${n}>`
          }
          const operator = () => new MapAsyncOperator(ask, { order, capacity })
          await expectSameWithSnapshots<number, string>({
            operator,
            script,
            ordered: order === 'ordered',
            cuts: 2,
          })
        },
      ),
      { numRuns: 30 },
    )
  })
})
