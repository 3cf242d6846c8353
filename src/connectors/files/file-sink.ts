/**
 * Writes lines into a directory, exactly once by rename. Between two checkpoints events go to a hidden file
 * (`.part-….pending`); the barrier closes it, the completed checkpoint renames it to `part-….jsonl`. After a crash the
 * restored checkpoint's files are renamed if they are not yet, and younger hidden files are removed.
 *
 * A reader that takes only `part-*` files sees every event once, and never half a file.
 */
import { MillraceError } from '../../base/millrace-error.ts'
import type { Format } from '../../stream/connector/format.ts'
import type { Committable, Sink, SinkContext, SinkWriter } from '../../stream/connector/sink.ts'
import type { EventBatch, JsonValue } from '../../stream/operators/operator.ts'
import type { DiskFile } from '../../world/world.ts'

const FLUSH_BYTES = 64 * 1024
const LINE_FEED = Buffer.from('\n')

export interface FileSinkOptions<T> {
  /** The directory; made when it does not exist. */
  readonly path: string
  readonly format: Format<T>
  /** Ending of the files' names. */
  readonly extension: string
}

export function fileSink<T>(kind: string, options: FileSinkOptions<T>): Sink<T> {
  return {
    kind,
    guarantee: 'exactly-once',
    createWriter: (context) => new FileWriter(context, options),
  }
}

/** The file of one checkpoint: written as `pending`, visible as `name`. */
interface Part {
  readonly name: string | null
}

class FileWriter<T> implements SinkWriter<T> {
  readonly #context: SinkContext
  readonly #options: FileSinkOptions<T>
  readonly #run: string
  readonly #uncommitted = new Map<number, Part>()
  #sequence = 0
  #open: { readonly file: DiskFile; readonly name: string; position: number } | undefined
  #chunks: Buffer[] = []
  #chunkBytes = 0

  constructor(context: SinkContext, options: FileSinkOptions<T>) {
    this.#context = context
    this.#options = options
    // A name of its own for every run: checkpoint numbers begin anew on a fresh start, old output stays.
    this.#run = Buffer.from(context.world.random.bytes(4)).toString('hex')
  }

  async recover(restored: readonly Committable[]): Promise<void> {
    const { disk } = this.#context.world
    disk.makeDirectory(this.#options.path)
    for (const { data } of restored) this.#publish(readPart(data))
    // What is hidden still was written after the checkpoint. Files of subtasks that there are no more belong to those
    // that got their committables.
    const { step, subtask, parallelism } = this.#context
    const hidden = new RegExp(`^\\.part-${RegExp.escape(step)}-(\\d+)-[0-9a-f]{8}-\\d+\\..*\\.pending$`)
    for (const name of disk.list(this.#options.path)) {
      const owner = hidden.exec(name)?.[1]
      if (owner !== undefined && Number(owner) % parallelism === subtask)
        disk.remove(`${this.#options.path}/${name}`)
    }
    await disk.syncDirectory(this.#options.path)
  }

  write(batch: EventBatch<T>): void {
    for (const value of batch.values) {
      const line = this.#options.format.encode(value)
      this.#chunks.push(line, LINE_FEED)
      this.#chunkBytes += line.length + 1
    }
    if (this.#chunkBytes >= FLUSH_BYTES) this.#flush()
  }

  blocked(): Promise<void> | undefined {
    return undefined
  }

  async prepareCommit(checkpointId: number): Promise<JsonValue> {
    this.#flush()
    const part: Part = { name: this.#open?.name ?? null }
    const file = this.#open?.file
    this.#open = undefined
    this.#uncommitted.set(checkpointId, part)
    if (file !== undefined) {
      try {
        await file.sync()
      } finally {
        file.close()
      }
      await this.#context.world.disk.syncDirectory(this.#options.path)
    }
    return { name: part.name }
  }

  async commit(checkpointId: number): Promise<void> {
    for (const [id, part] of this.#uncommitted) {
      if (id > checkpointId) continue
      this.#publish(part)
      this.#uncommitted.delete(id)
    }
    await this.#context.world.disk.syncDirectory(this.#options.path)
  }

  close(): Promise<void> {
    this.#open?.file.close()
    this.#open = undefined
    return Promise.resolve()
  }

  #flush(): void {
    if (this.#chunks.length === 0) return
    this.#open ??= this.#create()
    this.#open.file.write(this.#chunks, this.#open.position)
    this.#open.position += this.#chunkBytes
    this.#chunks = []
    this.#chunkBytes = 0
  }

  #create(): { readonly file: DiskFile; readonly name: string; position: number } {
    const { step, subtask, world } = this.#context
    const name = `part-${step}-${subtask}-${this.#run}-${this.#sequence++}.${this.#options.extension}`
    return {
      file: world.disk.open(`${this.#options.path}/${pendingName(name)}`, { create: true }),
      name,
      position: 0,
    }
  }

  #publish({ name }: Part): void {
    if (name === null) return
    const { disk } = this.#context.world
    const visible = `${this.#options.path}/${name}`
    const pending = `${this.#options.path}/${pendingName(name)}`
    if (disk.stat(pending) !== undefined) disk.rename(pending, visible)
    else if (disk.stat(visible) === undefined) {
      throw new MillraceError({
        code: 'MR_OUTPUT_LOST',
        job: this.#context.job,
        step: this.#context.step,
        path: visible,
        message: 'a checkpoint holds this file as written, but neither it nor its hidden predecessor exists.',
        fix: 'Something removed it. Restore it from a backup, or start the job from an older checkpoint.',
      })
    }
  }
}

function pendingName(name: string): string {
  return `.${name}.pending`
}

function readPart(data: JsonValue): Part {
  const name = typeof data === 'object' && data !== null && 'name' in data ? data.name : null
  return { name: typeof name === 'string' ? name : null }
}
