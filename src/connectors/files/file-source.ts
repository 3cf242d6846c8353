/**
 * Reads files of lines, one after the other. Each file is one split; its position is the byte after the last line that
 * was read, so a restart goes on at exactly the next line. Files must not be rewritten in place; they may grow
 * (`follow`).
 */
import { MillraceError, messageOf } from '../../base/millrace-error.ts'
import type { Format } from '../../stream/connector/format.ts'
import type {
  ErrorPolicy,
  RejectedRecord,
  Source,
  SourceBatch,
  SourceContext,
  SourceReader,
  Split,
} from '../../stream/connector/source.ts'
import { NO_TIMESTAMP } from '../../stream/operators/operator.ts'
import { sleep, type DiskFile } from '../../world/world.ts'
import { forEachLine, readLineBlock, type LineBlock } from './lines.ts'

export interface FileSourceOptions<T> {
  /** A file, or a directory of which every file is read (not its subdirectories), in the order of their names. */
  readonly path: string
  readonly format: Format<T>
  /** Keep reading what is appended, looking every `pollMs`. Default: end after the last line. */
  readonly follow?: boolean | { readonly pollMs: number }
  /** What to do with a line that cannot be decoded. Default: `fail`. */
  readonly onError?: ErrorPolicy
}

/** Turns the lines of one block into events; knows about headers and quoting, where the format has them. */
export interface BlockDecoder<T> {
  /** Where the events begin: after a header, for formats that have one. */
  start(file: DiskFile): number
  /** Cuts `block` where its last whole record ends. */
  decode(
    block: LineBlock,
    accept: (value: T) => void,
    reject: (line: Buffer, start: number, reason: string) => void,
  ): number
}

export function fileSource<T>(
  kind: string,
  options: Omit<FileSourceOptions<T>, 'format'>,
  createDecoder: (file: DiskFile) => BlockDecoder<T>,
): Source<T> {
  return {
    kind,
    replayable: true,
    discoverSplits: (context) => Promise.resolve(listFiles(context, options.path)),
    createReader: (context) => new FileReader(context, options, createDecoder),
  }
}

/** One event a line, decoded by a format on its own. */
export function lineDecoder<T>(format: Format<T>): BlockDecoder<T> {
  return {
    start: () => 0,
    decode(block, accept, reject) {
      forEachLine(block.bytes, (line, start) => {
        if (line.length === 0) return
        try {
          accept(format.decode(line, 0, line.length))
        } catch (error) {
          reject(line, start, messageOf(error))
        }
      })
      return block.bytes.length
    },
  }
}

function listFiles(context: SourceContext, path: string): readonly Split[] {
  const { disk } = context.world
  const entry = disk.stat(path)
  if (entry === undefined) {
    throw new MillraceError({
      code: 'MR_FILE_NOT_FOUND',
      job: context.job,
      step: context.step,
      path,
      message: 'there is no such file or directory.',
      fix: 'Check the path; it is relative to where the job was started.',
    })
  }
  if (entry.kind === 'file') return [{ id: path, position: null }]
  return disk
    .list(path)
    .filter((name) => !name.startsWith('.') && disk.stat(`${path}/${name}`)?.kind === 'file')
    .map((name) => ({ id: `${path}/${name}`, position: null }))
}

interface OpenFile<T> {
  readonly id: string
  readonly file: DiskFile
  readonly decoder: BlockDecoder<T>
  position: number
  ended: boolean
}

/** How many bytes are left to read. */
function lagOf({ file, position }: OpenFile<unknown>): number {
  return Math.max(0, file.sizeBytes() - position)
}

function batchOf<T>(
  file: OpenFile<T>,
  values: readonly T[],
  rejected: readonly RejectedRecord[],
): SourceBatch<T> {
  const lag = lagOf(file)
  const timestamps = new Array<number>(values.length).fill(NO_TIMESTAMP)
  return { splitId: file.id, values, timestamps, rejected, caughtUp: lag === 0, lag }
}

class FileReader<T> implements SourceReader<T> {
  readonly #context: SourceContext
  readonly #options: Omit<FileSourceOptions<T>, 'format'>
  readonly #createDecoder: (file: DiskFile) => BlockDecoder<T>
  readonly #files: OpenFile<T>[] = []
  /** Files whose turn comes later: it is said first that they have something, so that nobody takes them for idle. */
  #later: OpenFile<T>[] = []

  constructor(
    context: SourceContext,
    options: Omit<FileSourceOptions<T>, 'format'>,
    createDecoder: (file: DiskFile) => BlockDecoder<T>,
  ) {
    this.#context = context
    this.#options = options
    this.#createDecoder = createDecoder
  }

  open(splits: readonly Split[]): Promise<void> {
    for (const split of splits) {
      const file = this.#context.world.disk.open(split.id)
      const decoder = this.#createDecoder(file)
      const position = typeof split.position === 'number' ? split.position : decoder.start(file)
      this.#files.push({ id: split.id, file, decoder, position, ended: false })
    }
    this.#later = this.#files.slice(1).filter((file) => lagOf(file) > 0)
    return Promise.resolve()
  }

  async poll(): Promise<SourceBatch<T> | 'end'> {
    const { follow } = this.#options
    const pollMs = typeof follow === 'object' ? follow.pollMs : 200
    const later = this.#later.pop()
    if (later !== undefined) return batchOf(later, [], [])
    for (;;) {
      for (const file of this.#files) {
        if (file.ended) continue
        const batch = this.#readBatch(file)
        if (batch !== undefined) return batch
        if (follow !== undefined && follow !== false) continue
        file.ended = true
        return { ...batchOf(file, [], []), splitEnded: true }
      }
      if (this.#files.every((file) => file.ended)) return 'end'
      if (this.#context.signal.aborted) return 'end'
      await sleep(this.#context.world.clock, pollMs, this.#context.signal)
    }
  }

  snapshot(): readonly Split[] {
    return this.#files.map(({ id, position }) => ({ id, position }))
  }

  onCheckpointComplete(): Promise<void> {
    return Promise.resolve()
  }

  close(): Promise<void> {
    for (const { file } of this.#files.splice(0)) file.close()
    return Promise.resolve()
  }

  #readBatch(file: OpenFile<T>): SourceBatch<T> | undefined {
    const final = this.#options.follow === undefined || this.#options.follow === false
    const block = readLineBlock(file.file, file.position, { final })
    if (block === undefined) return undefined
    const values: T[] = []
    const rejected: RejectedRecord[] = []
    const used = file.decoder.decode(
      block,
      (value) => values.push(value),
      (line, start, reason) => rejected.push(this.#reject(file, line, file.position + start, reason)),
    )
    file.position += used
    return batchOf(file, values, rejected)
  }

  #reject(file: OpenFile<T>, line: Buffer, offset: number, reason: string): RejectedRecord {
    if ((this.#options.onError ?? 'fail') === 'fail') {
      const { job, step } = this.#context
      throw new MillraceError({
        code: 'MR_BAD_RECORD',
        job,
        step,
        path: file.id,
        offset,
        message: `the line at byte ${offset} cannot be decoded: ${reason}.`,
        fix: "Mend the file, or set onError to 'skip' or { deadLetter: topic } to go on without such lines.",
      })
    }
    return { topic: file.id, partition: 0, offset, key: null, value: Buffer.from(line), reason }
  }
}
