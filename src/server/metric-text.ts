/** Prometheus' text format, for figures that are there as a whole: prom-client's own metrics take them one by one. */

export type MetricLabels = Readonly<Record<string, string | number>>

export interface MetricFamily {
  readonly name: string
  readonly type: 'counter' | 'gauge'
  readonly help: string
  readonly samples: Iterable<readonly [labels: MetricLabels, value: number]>
}

/** The family with its samples, ending with a line's end. */
export function familyText({ name, type, help, samples }: MetricFamily): string {
  let text = `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`
  for (const [labels, value] of samples) text += `${name}${labelText(labels)} ${valueText(value)}\n`
  return text
}

function labelText(labels: MetricLabels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(String(value))}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escaped(text: string): string {
  return /[\\"\n]/.test(text)
    ? text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
    : text
}

function valueText(value: number): string {
  return value === Infinity ? '+Inf' : String(value)
}
