import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { reportNothing } from '../../base/report.ts'
import { readBatchHeader, RecordBatchBuilder } from '../../log/protocol/record-batch.ts'
import { LogDirectory } from '../../log/storage/log-directory.ts'
import { nodeWorld } from '../../world/node.ts'
import { dumpFile, filesToDump } from './dump-files.ts'
import type { DumpLine } from './dump-sink.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-dump-'))
const partition = join(folder, 'log', 'orders-0')
// Of the time in which markers are written: a segment does not span more than a week.
const timestampMs = Date.now()

interface Dumped {
  readonly lines: readonly DumpLine[]
  readonly problems: readonly string[]
}

function dump(path: string, records = false): Dumped {
  const [lines, problems]: [DumpLine[], string[]] = [[], []]
  for (const file of filesToDump(path)) {
    dumpFile(
      file,
      { records },
      {
        line: (line) => lines.push(line),
        problem: (at, what) => problems.push(`${basename(file)} ${at}: ${what}`),
      },
    )
  }
  return { lines, problems }
}

before(async () => {
  const directory = await LogDirectory.open({
    world: nodeWorld(),
    path: join(folder, 'log'),
    config: {},
    report: reportNothing,
  })
  const topic = directory.createTopic({
    name: 'orders',
    partitions: 1,
    config: { 'index.interval.bytes': '100' },
  })
  const log = topic.partitions[0]!
  const append = (
    value: string,
    producer: { producerId: number; baseSequence: number } | undefined,
  ): void => {
    const builder = new RecordBatchBuilder()
    const headers = [{ key: 'h', value: Buffer.from('1') }]
    builder.append({ key: Buffer.from('k'), value: Buffer.from(value), headers, timestampMs })
    const batch = builder.build(
      producer === undefined ? {} : { ...producer, producerEpoch: 0, transactional: true },
    )
    const { kind } = log.append(batch, readBatchHeader(batch, 0), { origin: 'client' })
    assert.equal(kind, 'appended')
  }
  append('first', undefined)
  append('aborted', { producerId: 7, baseSequence: 0 })
  log.appendMarker({ kind: 'abort', producerId: 7, producerEpoch: 0, coordinatorEpoch: 3 })
  for (let i = 0; i < 20; i++) append(`more ${i}`.padEnd(60, '.'), undefined)
  await directory.close()
})

after(() => rmSync(folder, { recursive: true }))

describe('a log that is whole', () => {
  it('is shown with its batches, indexes, aborted transactions and producers', () => {
    const { lines, problems } = dump(join(folder, 'log'), true)
    assert.deepEqual(problems, [])
    const ofKind = (kind: string): readonly DumpLine[] => lines.filter((line) => line.kind === kind)
    const batches = ofKind('batch')
    assert.equal(batches.length, 23)
    assert.deepEqual(
      batches
        .slice(0, 3)
        .map((one) => [one['baseOffset'], one['transactional'], one['control'], one['crcValid']]),
      [
        [0, false, null, true],
        [1, true, null, true],
        [2, true, 'abort', true],
      ],
    )
    const records = ofKind('record')
    assert.equal(records.length, 22)
    assert.deepEqual(records[0], {
      kind: 'record',
      offset: 0,
      timestampMs,
      key: 'k',
      value: 'first',
      headers: { h: '1' },
    })
    assert.ok(ofKind('offset-index').length > 5)
    assert.ok(ofKind('time-index').length > 0)
    const [aborted] = ofKind('aborted-transaction')
    assert.deepEqual([aborted?.['producerId'], aborted?.['firstOffset'], aborted?.['lastOffset']], [7, 1, 2])
    assert.deepEqual(
      ofKind('producer').map((one) => [one['producerId'], one['coordinatorEpoch']]),
      [[7, 3]],
    )
    assert.deepEqual(ofKind('leader-epoch-checkpoint'), [
      { kind: 'leader-epoch-checkpoint', epoch: 0, startOffset: 0 },
    ])
  })
})

describe('a log that is damaged', () => {
  const log = join(partition, '00000000000000000000.log')

  it('is told where', () => {
    const whole = readFileSync(log)
    const { lines } = dump(log)
    const second = Number(lines[1]!['position'])
    const flipped = Buffer.from(whole)
    flipped[second + 65]! ^= 1
    writeFileSync(log, flipped)
    assert.deepEqual(dump(log).problems, [
      `00000000000000000000.log position ${second}: the checksum of the batch at offset 1 is wrong`,
    ])
    writeFileSync(log, whole)
    truncateSync(log, whole.length - 10)
    assert.match(
      dump(log).problems.join('\n'),
      /^\S+ position \d+: a batch of \d+ bytes, of which \d+ are there$/,
    )
    // Zeros are room for batches to come.
    for (const bytes of [10, 100_000]) {
      writeFileSync(log, Buffer.concat([whole, Buffer.alloc(bytes)]))
      assert.deepEqual(dump(log).problems, [])
    }
    writeFileSync(log, Buffer.concat([whole, Buffer.alloc(10, 1)]))
    assert.match(dump(log).problems.join('\n'), /10 bytes are left, which is less than a batch’s header$/)
    writeFileSync(log, Buffer.concat([whole, whole.subarray(0, second)]))
    assert.match(dump(log).problems.join('\n'), /begins at offset 0, where 23 or more is expected$/)
    writeFileSync(log, whole)
  })

  it('has indexes that point nowhere', () => {
    const index = join(partition, '00000000000000000000.index')
    const whole = readFileSync(index)
    const wrong = Buffer.from(whole)
    wrong.writeInt32BE(wrong.readInt32BE(4) + 1, 4)
    writeFileSync(index, Buffer.concat([wrong, Buffer.from([1])]))
    const { problems } = dump(index)
    assert.equal(problems.length, 2)
    assert.match(problems[0]!, /the end: 1 bytes are left/)
    assert.match(problems[1]!, /entry 0: no batch with offset \d+ begins at position \d+/)
    writeFileSync(index, whole)
    const snapshot = filesToDump(partition).find((file) => file.endsWith('.snapshot'))!
    const producers = readFileSync(snapshot)
    producers[12]! ^= 1
    writeFileSync(snapshot, producers)
    assert.match(dump(snapshot).problems.join(), /no snapshot of producers, or damaged/)
  })

  it('is not there', () => {
    assert.throws(() => filesToDump(join(folder, 'none')), { code: 'MR_FILE_NOT_FOUND' })
  })
})
