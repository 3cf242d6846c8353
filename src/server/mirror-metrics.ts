/** The mirrors of a process in Prometheus' text format. */
import { familyText, type MetricLabels } from './metric-text.ts'
import type { MirrorView } from './mirror-view.ts'

/** Nothing where there is none. */
export function mirrorMetricsText(all: readonly MirrorView[]): string {
  if (all.length === 0) return ''
  // Of two that could not be told apart, which cannot both copy, one would make the page unreadable.
  const mirrors = [...new Map(all.map((one) => [JSON.stringify(labelsOf(one)), one])).values()]
  const each = (value: (mirror: MirrorView) => number): [MetricLabels, number][] =>
    mirrors.map((one) => [labelsOf(one), value(one)])
  const families = [
    {
      name: 'millrace_mirror_status',
      type: 'gauge',
      help: '1 for the state that the mirror is in: copying, waiting, failed …',
      samples: mirrors.map((one): [MetricLabels, number] => [{ ...labelsOf(one), status: one.state }, 1]),
    },
    {
      name: 'millrace_mirror_records_total',
      type: 'counter',
      help: 'Records copied.',
      samples: each(({ records }) => records),
    },
    {
      name: 'millrace_mirror_bytes_total',
      type: 'counter',
      help: 'Bytes of record batches copied.',
      samples: each(({ bytes }) => bytes),
    },
    {
      name: 'millrace_mirror_failures_total',
      type: 'counter',
      help: 'How often copying was interrupted: a side was away, or refused.',
      samples: each(({ failures }) => failures),
    },
    {
      name: 'millrace_mirror_last_failure_timestamp_seconds',
      type: 'gauge',
      help: 'When copying was last interrupted, seconds since the epoch; 0 for never. What by is at /api/v1/mirrors.',
      samples: each(({ lastFailure }) => (lastFailure?.timeMs ?? 0) / 1000),
    },
    {
      name: 'millrace_mirror_partition_lag',
      type: 'gauge',
      help: 'Offsets of a partition at the source that are not at the target yet.',
      samples: partitions(mirrors, ({ lag }) => lag),
    },
    {
      name: 'millrace_mirror_partition_lost_total',
      type: 'counter',
      help: 'Records that the source deleted before they were copied.',
      samples: partitions(mirrors, ({ lost }) => lost),
    },
  ] as const
  return `\n${families.map(familyText).join('')}`
}

function labelsOf({ name, from, to }: MirrorView): MetricLabels {
  return { mirror: name, from, to }
}

function partitions(
  mirrors: readonly MirrorView[],
  value: (partition: MirrorView['partitions'][number]) => number,
): [MetricLabels, number][] {
  return mirrors.flatMap((mirror) =>
    mirror.partitions.map((one): [MetricLabels, number] => {
      const { topic, partition } = one
      return [{ ...labelsOf(mirror), topic, partition }, value(one)]
    }),
  )
}
