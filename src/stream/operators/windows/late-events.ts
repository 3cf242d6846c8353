import type { JsonValue, Key, OperatorContext } from '../operator.ts'
import { excerpt } from '../user-function-error.ts'

/** Late events are never silently gone: counted as `late`, a few kept as samples, all in the side output `late`. */
export function reportLate(
  context: OperatorContext<unknown>,
  late: {
    readonly key: Key
    readonly value: unknown
    readonly timestampMs: number
    readonly watermarkMs: number
  },
): void {
  const { key, value, timestampMs, watermarkMs } = late
  context.metrics.count('late', 1)
  const sample: JsonValue = {
    key,
    timestampMs,
    watermarkMs,
    lateByMs: watermarkMs - timestampMs,
    event: excerpt(value),
  }
  context.metrics.sample('late', sample)
  context.sideOutput('late').emit(value, timestampMs)
}
