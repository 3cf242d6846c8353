/**
 * Bids generated in process, counted by auction in windows of ten seconds, in one thread.
 * Usage: run-count.ts EVENTS AUCTIONS EVENTS_PER_MS. Runs a quarter of the events first, so that the code is compiled;
 * then prints what all of them took.
 */
import { count, generator, job, runJob, tumbling } from 'millrace'
import { baseMs, bidOf } from './bids.ts'
import { ChecksumSink } from './checksum-sink.ts'
import { startMeasuring } from './usage-report.ts'

const [events = 0, auctions = 0, eventsPerMs = 0] = process.argv.slice(2).map(Number)

await run(events / 4)
const measuring = startMeasuring()
measuring.report(events, await run(events))

async function run(amount: number): Promise<string> {
  const sink = new ChecksumSink()
  const bidsByAuction = job('bids-by-auction', (flow) => {
    flow
      .source(
        'bids',
        generator({
          count: Math.floor(amount),
          generate: (i) => bidOf(i, auctions, baseMs + Math.floor(i / eventsPerMs)),
        }),
      )
      .eventTime({ at: (bid) => bid.dateTime })
      .keyBy((bid) => bid.auction)
      .window(tumbling({ sizeMs: 10_000 }))
      .aggregate('count', { count: count() })
      .sink('checksum', sink)
  })
  const running = await runJob(bidsByAuction, { checkpoint: false })
  await running.ended
  return sink.checksum
}
