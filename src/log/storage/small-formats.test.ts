import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  decodeLeaderEpochs,
  decodeMetaProperties,
  decodeOffsetCheckpoint,
  decodePartitionMetadata,
  encodeLeaderEpochs,
  encodeMetaProperties,
  encodeOffsetCheckpoint,
  encodePartitionMetadata,
} from './checkpoint-files.ts'
import { LeaderEpochs } from './leader-epochs.ts'
import { parsePartitionDirectoryName, parseSegmentFileName, segmentFileName } from './segment-file-names.ts'
import { SharedRun } from './shared-run.ts'
import { parseTopicConfig, problemWithTopicConfig, topicConfigKeys } from './topic-config.ts'

describe('text files of a data directory', () => {
  it('are what Kafka writes', () => {
    const offsets = [
      { topic: 'a-b', partition: 0, offset: 7 },
      { topic: 'c', partition: 12, offset: 0 },
    ]
    assert.equal(encodeOffsetCheckpoint(offsets), '0\n2\na-b 0 7\nc 12 0\n')
    assert.deepEqual(decodeOffsetCheckpoint(encodeOffsetCheckpoint(offsets)), offsets)
    assert.equal(encodeLeaderEpochs([{ epoch: 3, startOffset: 40 }]), '0\n1\n3 40\n')
    assert.deepEqual(decodeLeaderEpochs('0\n1\n3 40\n'), [{ epoch: 3, startOffset: 40 }])
    const id = 'lWfYL9nvaTMSpsurMfSrAw'
    assert.equal(decodePartitionMetadata(encodePartitionMetadata(id)), id)
    const identity = { clusterId: id, nodeId: 4, directoryId: id }
    assert.deepEqual(decodeMetaProperties(encodeMetaProperties(identity)), identity)
    assert.deepEqual(decodeMetaProperties('#\n#Sun Nov 22\nversion=1\r\ncluster.id=abc\\=\nnode.id=2'), {
      clusterId: 'abc=',
      nodeId: 2,
    })
  })

  it('that are damaged are not believed', () => {
    for (const text of ['', '0\n2\na 0 1\n', '1\n0\n', '0\n1\na 0 x\n', '\0\0\0'])
      assert.equal(decodeOffsetCheckpoint(text), undefined)
    assert.equal(decodePartitionMetadata('version: 0\n'), undefined)
    assert.equal(decodeMetaProperties('version=1\nnode.id=2'), undefined)
  })

  it('names', () => {
    assert.equal(segmentFileName(42, 'log'), '00000000000000000042.log')
    assert.deepEqual(parseSegmentFileName('00000000000000000042.timeindex'), {
      offset: 42,
      kind: 'timeindex',
    })
    assert.equal(parseSegmentFileName('42.log'), undefined)
    assert.deepEqual(parsePartitionDirectoryName('my-topic-10'), { topic: 'my-topic', partition: 10 })
    assert.equal(parsePartitionDirectoryName('topic-01'), undefined)
  })
})

describe('leader epochs', () => {
  it('say where each one ended', () => {
    const epochs = new LeaderEpochs([
      { epoch: 1, startOffset: 0 },
      { epoch: 4, startOffset: 100 },
    ])
    assert.deepEqual(epochs.endOffsetFor(4, 150), { epoch: 4, endOffset: 150 })
    assert.deepEqual(epochs.endOffsetFor(1, 150), { epoch: 1, endOffset: 100 })
    assert.deepEqual(epochs.endOffsetFor(3, 150), { epoch: 1, endOffset: 100 })
    assert.deepEqual(epochs.endOffsetFor(0, 150), { epoch: 0, endOffset: 0 })
    assert.deepEqual(epochs.endOffsetFor(5, 150), { epoch: -1, endOffset: -1 })
  })

  it('an epoch that began nowhere is replaced, a cut or moved log takes its epochs along', () => {
    const epochs = new LeaderEpochs([
      { epoch: 0, startOffset: 0 },
      { epoch: 1, startOffset: 50 },
    ])
    epochs.begin(2, 50)
    assert.deepEqual(epochs.all(), [
      { epoch: 0, startOffset: 0 },
      { epoch: 2, startOffset: 50 },
    ])
    epochs.advanceStartTo(20)
    assert.deepEqual(epochs.all(), [
      { epoch: 0, startOffset: 20 },
      { epoch: 2, startOffset: 50 },
    ])
    epochs.truncateTo(49)
    assert.equal(epochs.current, 0)
  })
})

describe('topic configuration', () => {
  it('every default is a valid value, and the typed form carries Kafka’s defaults', () => {
    for (const key of topicConfigKeys)
      assert.equal(problemWithTopicConfig(key.name, key.defaultValue), undefined, key.name)
    const parsed = parseTopicConfig({})
    assert.ok(parsed.kind === 'valid')
    assert.equal(parsed.config.retentionMs, 604_800_000)
    assert.equal(parsed.config.maxMessageBytes, 1_048_588)
    assert.ok(parsed.config.flushMessages > 1e18)
    assert.deepEqual(
      topicConfigKeys.map((key) => key.name),
      topicConfigKeys.map((key) => key.name).toSorted(),
    )
  })

  it('a topic’s value wins over the broker’s default', () => {
    const parsed = parseTopicConfig(
      { 'retention.ms': '5', 'cleanup.policy': 'compact,delete' },
      { 'retention.ms': '6', 'segment.bytes': '100' },
    )
    assert.ok(parsed.kind === 'valid')
    assert.equal(parsed.config.retentionMs, 5)
    assert.equal(parsed.config.segmentBytes, 100)
    assert.ok(parsed.config.cleanupCompacts && parsed.config.cleanupDeletes)
    assert.deepEqual(parsed.config.overrides, { 'retention.ms': '5', 'cleanup.policy': 'compact,delete' })
  })

  it('refuses what cannot be', () => {
    for (const [name, value] of [
      ['retention.ms', '-2'],
      ['retention.ms', '1.5'],
      ['retention.ms', '9223372036854775808'],
      ['segment.bytes', '2147483648'],
      ['cleanup.policy', 'forget'],
      ['preallocate', 'yes'],
      ['min.cleanable.dirty.ratio', '1.1'],
      ['remote.storage.enable', 'true'],
      ['no.such.key', '1'],
    ] as const) {
      assert.ok(problemWithTopicConfig(name, value) !== undefined, `${name}=${value}`)
      assert.equal(parseTopicConfig({ [name]: value }).kind, 'invalid')
    }
    assert.equal(
      parseTopicConfig({ 'min.compaction.lag.ms': '10', 'max.compaction.lag.ms': '5' }).kind,
      'invalid',
    )
  })
})

describe('shared runs', () => {
  it('callers during a run share the next one', async () => {
    const ends: (() => void)[] = []
    const shared = new SharedRun(() => new Promise((resolve) => ends.push(resolve)))
    const first = shared.run()
    const second = shared.run()
    assert.equal(shared.run(), second)
    assert.equal(ends.length, 1)
    ends[0]!()
    await first
    while (ends.length < 2) await Promise.resolve()
    assert.equal(ends.length, 2)
    ends[1]!()
    await second
    await shared.idle()
  })

  it('a failed run fails its callers only', async () => {
    let count = 0
    const shared = new SharedRun(() =>
      count++ === 0 ? Promise.reject(new Error('first')) : Promise.resolve(),
    )
    const first = shared.run()
    const second = shared.run()
    await assert.rejects(first, /first/)
    await second
  })
})
