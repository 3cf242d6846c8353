import { join } from 'node:path/posix'
import { MillraceError } from '../../base/millrace-error.ts'
import { readText } from '../../world/files.ts'
import type { Disk } from '../../world/world.ts'
import { AtomicFile } from './atomic-file.ts'

/**
 * Which topics exist, with their ids, partition counts and own configurations: the file `millrace-topics.json`. It is
 * the authority; directories follow it. Ids of deleted topics stay until their directories are gone, so that a directory
 * which a crash brings back is known to be rubbish.
 */
export interface TopicEntry {
  readonly name: string
  readonly id: string
  readonly partitions: number
  readonly internal: boolean
  readonly config: Readonly<Record<string, string>>
}

interface RegistryFile {
  readonly version: 1
  readonly topics: readonly TopicEntry[]
  readonly deleted: readonly string[]
}

export const TOPICS_FILE_NAME = 'millrace-topics.json'

export class TopicRegistry {
  readonly #file: AtomicFile
  readonly #topics: Map<string, TopicEntry>
  readonly #deleted: Set<string>
  #version = 0
  #savedVersion = 0
  /** The version that the save under way writes. */
  #writingVersion = 0

  private constructor(disk: Disk, path: string, content: RegistryFile) {
    this.#topics = new Map(content.topics.map((topic) => [topic.name, topic]))
    this.#deleted = new Set(content.deleted)
    this.#file = new AtomicFile({ disk, path, render: () => this.#render() })
  }

  /** Reads the file; `existed` is false when there is none yet. Throws `MR_DATA_DIR_DAMAGED`. */
  static open(
    disk: Disk,
    directory: string,
  ): { readonly registry: TopicRegistry; readonly existed: boolean } {
    const path = join(directory, TOPICS_FILE_NAME)
    const text = readText(disk, path)
    const content: RegistryFile =
      text === undefined ? { version: 1, topics: [], deleted: [] } : parse(text, path)
    return { registry: new TopicRegistry(disk, path, content), existed: text !== undefined }
  }

  topics(): Iterable<TopicEntry> {
    return this.#topics.values()
  }

  get(name: string): TopicEntry | undefined {
    return this.#topics.get(name)
  }

  isDeleted(id: string): boolean {
    return this.#deleted.has(id)
  }

  put(topic: TopicEntry): void {
    this.#topics.set(topic.name, topic)
    this.#version++
  }

  delete(name: string): void {
    const topic = this.#topics.get(name)
    if (topic === undefined) return
    this.#topics.delete(name)
    this.#deleted.add(topic.id)
    this.#version++
  }

  /** The directories of a deleted topic are gone, and that is on the device. Saved with the next change. */
  forgetDeleted(id: string): void {
    this.#deleted.delete(id)
  }

  /** Makes sure that the file exists: from then on directories that it does not name are no topics. */
  establish(): Promise<void> {
    this.#version++
    return this.synced()
  }

  /** Resolves when every change so far is on the device. Rejects when the disk refuses; the next call tries again. */
  async synced(): Promise<void> {
    const version = this.#version
    while (this.#savedVersion < version) {
      await this.#file.save()
      this.#savedVersion = Math.max(this.#savedVersion, this.#writingVersion)
    }
  }

  /** Resolves when nothing is being written. */
  idle(): Promise<void> {
    return this.#file.idle()
  }

  #render(): string {
    this.#writingVersion = this.#version
    const content: RegistryFile = {
      version: 1,
      topics: [...this.#topics.values()],
      deleted: [...this.#deleted],
    }
    return `${JSON.stringify(content, undefined, 2)}\n`
  }
}

function parse(text: string, path: string): RegistryFile {
  try {
    const content = JSON.parse(text) as RegistryFile
    if (content.version === 1 && Array.isArray(content.topics) && Array.isArray(content.deleted))
      return content
  } catch {
    // Said below.
  }
  throw new MillraceError({
    code: 'MR_DATA_DIR_DAMAGED',
    message: 'the list of topics cannot be read.',
    fix: 'Restore the file from a copy, or move it away: topics are then found again by their directories, without their own settings.',
    path,
  })
}
