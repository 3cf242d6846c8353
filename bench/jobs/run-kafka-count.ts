/**
 * JSON bids of a topic, counted by auction in windows of ten seconds, written exactly once.
 * Usage: run-kafka-count.ts BOOTSTRAP IN OUT PARALLELISM CHECKPOINT_MS RECORDS whole|fields. With RECORDS over 0,
 * IN-warm-up is run first (its results go to OUT-warm-up), then IN to its end, and what that took is printed; with 0 it
 * runs until it is ended.
 */
import { count, job, runJob, tumbling } from 'millrace'
import { json, jsonFields, kafka } from 'millrace/kafka'
import type { Bid } from './bids.ts'
import { startMeasuring } from './usage-report.ts'

const [log = '', input = '', output = '', parallelism = '1', checkpointMs = '1000', records = '0', variant] =
  process.argv.slice(2)

if (records === '0') {
  await run(input, output, 'never')
} else {
  await run(`${input}-warm-up`, `${output}-warm-up`, 'end')
  const measuring = startMeasuring()
  await run(input, output, 'end')
  measuring.report(Number(records), '')
}

async function run(from: string, to: string, until: 'never' | 'end'): Promise<void> {
  const bidsByAuction = job(to, (flow) => {
    const value = variant === 'whole' ? json<Bid>() : jsonFields({ auction: 'integer', dateTime: 'integer' })
    flow
      .source('bids', kafka<Pick<Bid, 'auction' | 'dateTime'>>({ topic: from, value, until }))
      .eventTime({ at: (bid) => bid.dateTime })
      .keyBy((bid) => bid.auction)
      .window(tumbling({ sizeMs: 10_000 }))
      .aggregate('count', { count: count() })
      .map(({ key, windowEnd, count }) => ({ auction: key, windowEnd, count }))
      .sink('counts', kafka({ topic: to, value: json() }))
  })
  const running = await runJob(bidsByAuction, {
    log,
    parallelism: Number(parallelism),
    checkpoint: { intervalMs: Number(checkpointMs) },
  })
  await running.ended
}
