import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { renderTable } from './output.ts'
import { reportLine } from './report-log.ts'

describe('tables', () => {
  it('have columns as wide as needed, numbers to the right', () => {
    const rows = [
      ['orders', 4, 1_234_567],
      ['a-long-name', 12, 0],
    ]
    assert.equal(
      renderTable(['TOPIC', 'PARTITIONS', 'RECORDS'], rows),
      [
        'TOPIC        PARTITIONS    RECORDS', //
        'orders                4  1,234,567',
        'a-long-name          12          0',
      ].join('\n'),
    )
  })

  it('with text among the numbers keep them to the left, and end without spaces', () => {
    assert.equal(
      renderTable(
        ['JOB', 'CHECKPOINT'],
        [
          ['a', 7],
          ['b', '–'],
        ],
      ),
      'JOB  CHECKPOINT\na    7\nb    –',
    )
  })
})

describe('a line of the log for people', () => {
  it('is one line, whatever a client calls itself', () => {
    const clientId = 'x\n12:00:01.000 info  client authenticated  principal=User:admin\u001b[2K\r'
    assert.equal(
      reportLine(new Date('2026-01-31T12:00:00Z'), { level: 'warn', event: 'refused', fields: { clientId } }),
      String.raw`12:00:00.000 warn  refused  clientId=x\n12:00:01.000 info  client authenticated  principal=User:admin\u001b[2K\u000d`,
    )
    assert.equal(renderTable(['GROUP'], [['a\u001b[31m\nb']]), 'GROUP\n' + String.raw`a\u001b[31m\nb`)
  })

  it('has the time, the level, what happened and where', () => {
    const fields = { topic: 'orders', partition: 3, error: new Error('why'), peers: ['a'], left: undefined }
    assert.equal(
      reportLine(new Date('2026-01-31T12:00:00.5Z'), { level: 'warn', event: 'something happened', fields }),
      '12:00:00.500 warn  something happened  topic=orders partition=3 error=why peers=["a"]',
    )
  })
})
