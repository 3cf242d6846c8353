/** Finds the files of a data directory, a partition or a list, and reads each by what its name says. */
import { closeSync, existsSync, fstatSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { MillraceError, messageOf } from '../../base/millrace-error.ts'
import { decodeLeaderEpochs, decodeOffsetCheckpoint } from '../../log/storage/checkpoint-files.ts'
import { parsePartitionDirectoryName, parseSegmentFileName } from '../../log/storage/segment-file-names.ts'
import { dumpOffsetIndex, dumpProducers, dumpTimeIndex, dumpTransactionIndex } from './dump-indexes.ts'
import { dumpSegment } from './dump-segment.ts'
import type { DumpSink } from './dump-sink.ts'

const TEXT_FILES: Readonly<Record<string, (text: string) => readonly object[] | undefined>> = {
  'leader-epoch-checkpoint': decodeLeaderEpochs,
  'recovery-point-offset-checkpoint': decodeOffsetCheckpoint,
  'log-start-offset-checkpoint': decodeOffsetCheckpoint,
}

export interface DumpCounts {
  readonly files: number
  readonly batches: number
  readonly records: number
}

/** The files that can be read under a path, sorted; throws `MR_FILE_NOT_FOUND`. */
export function filesToDump(path: string): readonly string[] {
  if (!existsSync(path)) {
    throw new MillraceError({
      code: 'MR_FILE_NOT_FOUND',
      path,
      message: 'there is no such file or directory.',
      fix: 'Name a segment, a partition’s directory, or a data directory: the log lies in DATA/log.',
    })
  }
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const inner = join(path, entry.name)
      if (entry.isDirectory()) return filesToDump(inner)
      return isReadable(entry.name) ? [inner] : []
    })
}

function isReadable(name: string): boolean {
  return parseSegmentFileName(name) !== undefined || Object.hasOwn(TEXT_FILES, name)
}

/** Reads one file into the sink. */
export function dumpFile(path: string, options: { readonly records: boolean }, sink: DumpSink): DumpCounts {
  const name = basename(path)
  const counts = { files: 1, batches: 0, records: 0 }
  const text = Object.hasOwn(TEXT_FILES, name) ? TEXT_FILES[name] : undefined
  if (text !== undefined) {
    const content = readFileSync(path, 'utf8')
    // Kafka makes the files at its start, and fills them later.
    const entries = content === '' ? [] : text(content)
    if (entries === undefined) sink.problem('the whole', 'this is no checkpoint, or damaged')
    for (const entry of entries ?? []) sink.line({ kind: name, ...entry })
    return counts
  }
  const segment = parseSegmentFileName(name)
  if (segment === undefined) {
    sink.problem(
      'the name',
      'this is no file of a log: 20 digits, then .log, .index, .timeindex, .txnindex or .snapshot',
    )
    return counts
  }
  const { offset: baseOffset, kind } = segment
  switch (kind) {
    case 'log': {
      const topic = parsePartitionDirectoryName(basename(dirname(resolve(path))))?.topic
      const summary = withFile(path, (log) =>
        dumpSegment({ ...log, baseOffset, topic, records: options.records }, sink),
      )
      return { files: 1, ...summary }
    }
    case 'index': {
      const log = path.replace(/\.index$/, '.log')
      const bytes = readFileSync(path)
      if (existsSync(log)) withFile(log, (open) => dumpOffsetIndex(bytes, { baseOffset, log: open }, sink))
      else dumpOffsetIndex(bytes, { baseOffset, log: undefined }, sink)
      return counts
    }
    case 'timeindex':
      dumpTimeIndex(readFileSync(path), { baseOffset }, sink)
      return counts
    case 'txnindex':
      dumpTransactionIndex(readFileSync(path), sink)
      return counts
    case 'snapshot':
      dumpProducers(readFileSync(path), sink)
      return counts
  }
}

function withFile<T>(path: string, work: (file: { fd: number; sizeBytes: number }) => T): T {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch (error) {
    throw new MillraceError({
      code: 'MR_FILE_NOT_FOUND',
      path,
      message: `${messageOf(error)}.`,
      cause: error,
    })
  }
  try {
    return work({ fd, sizeBytes: fstatSync(fd).size })
  } finally {
    closeSync(fd)
  }
}
