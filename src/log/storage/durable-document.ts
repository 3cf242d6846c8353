import { MillraceError } from '../../base/millrace-error.ts'
import { readText, writeAtomically } from '../../world/files.ts'
import type { Disk } from '../../world/world.ts'

export interface DurableDocumentOptions<Content> {
  readonly disk: Disk
  /** The file; its directory exists. */
  readonly path: string
  /** What the file holds, for the error message of a damaged one: `the list of topics`. */
  readonly what: string
  /** The content while there is no file yet. */
  readonly initial: Content
  /** Turns what JSON.parse gave into the content; undefined, or an exception, when it is none. */
  readonly parse: (json: unknown) => Content | undefined
  /** Turns the content into what JSON.stringify takes; by default the content itself. */
  readonly toJson?: (content: Content) => unknown
  /** Whether the file is for its owner's eyes alone. Default false. */
  readonly ownerOnly?: boolean
  /** What to do about a damaged file, for its error message. */
  readonly fix?: string
}

/**
 * A small document of the broker's own (users, access rules, quotas): JSON in one file that is replaced as a whole.
 *
 * `content` is always what is on the device: a change is decided, written and synced, and only then seen. Changes that
 * come during a write share the next one, each decided on what the ones before it left. When the disk refuses, the
 * changes of that write are refused, nobody has seen them, and the next change tries again. (If the disk failed after
 * the file's name was exchanged, a restart may find a refused change done; a caller that was told of an error tries it
 * again or looks.)
 */
export class DurableDocument<Content> {
  readonly #options: DurableDocumentOptions<Content>
  readonly #waiting: Waiting<Content>[] = []
  #content: Content
  #writing: Promise<void> | undefined

  /** Reads the file. Throws `MR_DATA_DIR_DAMAGED` when it is there but cannot be read. */
  static open<Content>(options: DurableDocumentOptions<Content>): DurableDocument<Content> {
    const text = readText(options.disk, options.path)
    return new DurableDocument(options, text === undefined ? options.initial : parsed(text, options))
  }

  private constructor(options: DurableDocumentOptions<Content>, content: Content) {
    this.#options = options
    this.#content = content
  }

  /** What is on the device. */
  get content(): Content {
    return this.#content
  }

  /**
   * Decides a change on the newest content and resolves with the content that it left, once that is on the device.
   * `change` gives a new content and leaves the old one as it is; the very same object means that nothing changes, and
   * costs no write. Rejects with what `change` throws, or with the disk's error.
   */
  update(change: (content: Content) => Content): Promise<Content> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ change, resolve, reject })
      this.#writing ??= this.#write()
    })
  }

  /** Resolves when no change is under way. */
  async idle(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing
  }

  async #write(): Promise<void> {
    // What is asked in one turn of the event loop is written together.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const decided: Waiting<Content>[] = []
      let content = this.#content
      for (const waiting of this.#waiting.splice(0)) {
        try {
          content = waiting.change(content)
          decided.push(waiting)
        } catch (error) {
          waiting.reject(error)
        }
      }
      try {
        if (content !== this.#content) await this.#save(content)
      } catch (error) {
        for (const { reject } of decided) reject(error)
        continue
      }
      this.#content = content
      for (const { resolve } of decided) resolve(content)
    }
    this.#writing = undefined
  }

  async #save(content: Content): Promise<void> {
    const { disk, path, toJson, ownerOnly = false } = this.#options
    const json = toJson === undefined ? content : toJson(content)
    await writeAtomically(disk, path, `${JSON.stringify(json, undefined, 2)}\n`, { ownerOnly })
  }
}

interface Waiting<Content> {
  readonly change: (content: Content) => Content
  readonly resolve: (content: Content) => void
  readonly reject: (error: unknown) => void
}

function parsed<Content>(text: string, options: DurableDocumentOptions<Content>): Content {
  try {
    const content = options.parse(JSON.parse(text))
    if (content !== undefined) return content
  } catch {
    // Said below.
  }
  throw new MillraceError({
    code: 'MR_DATA_DIR_DAMAGED',
    message: `${options.what} cannot be read.`,
    fix: options.fix ?? 'Restore the file from a copy, or move it away: it begins empty then.',
    path: options.path,
  })
}
