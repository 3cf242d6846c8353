/** Writes metrics as clients push them, in OpenTelemetry's protobuf format, for tests. */

export interface WrittenMetric {
  readonly name: string
  readonly kind: 'gauge' | 'sum' | 'histogram'
  readonly value: number
  readonly attributes?: Readonly<Record<string, string>>
  /** Of a sum; default: what came since the last push, of what only grows. */
  readonly cumulative?: boolean
  readonly monotonic?: boolean
  /** Written as a whole number. */
  readonly whole?: boolean
}

export function metricsData(
  metrics: readonly WrittenMetric[],
  resource: Readonly<Record<string, string>> = {},
): Buffer {
  const scope = Buffer.concat(metrics.map((metric) => message(2, written(metric))))
  return message(1, message(1, attributes(1, resource)), message(2, scope))
}

const DELTA = 1
const CUMULATIVE = 2

function written({ name, kind, ...metric }: WrittenMetric): Buffer {
  const { value, whole = false, cumulative = false, monotonic = true } = metric
  const fixed64 = Buffer.alloc(8)
  if (whole) fixed64.writeBigInt64LE(BigInt(value))
  else fixed64.writeDoubleLE(value)
  const point = message(1, attributes(7, metric.attributes ?? {}), tag(whole ? 6 : 4, 1), fixed64)
  const sum = [point, number(2, cumulative ? CUMULATIVE : DELTA), number(3, monotonic ? 1 : 0)]
  const field = { gauge: 5, sum: 7, histogram: 9 }[kind]
  return Buffer.concat([message(1, Buffer.from(name)), message(field, ...(kind === 'sum' ? sum : [point]))])
}

function attributes(field: number, values: Readonly<Record<string, string>>): Buffer {
  return Buffer.concat(
    Object.entries(values).map(([key, value]) =>
      message(field, message(1, Buffer.from(key)), message(2, message(1, Buffer.from(value)))),
    ),
  )
}

/** A field that holds bytes: a text or a message. */
export function message(field: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  return Buffer.concat([tag(field, 2), varint(content.length), content])
}

function number(field: number, value: number): Buffer {
  return Buffer.concat([tag(field, 0), varint(value)])
}

function tag(field: number, wireType: number): Buffer {
  return varint(field * 8 + wireType)
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (; value >= 0x80; value = Math.floor(value / 0x80)) bytes.push((value % 0x80) + 0x80)
  return Buffer.from([...bytes, value])
}
