/** What an entry costs besides the bytes of its key, roughly. */
const ENTRY_BYTES = 96

/**
 * The last offset of every key in a stretch of the log. Keys are held whole, so two never pass for one; when the memory
 * is used up the stretch ends, and the next run goes on from there.
 */
export class KeyOffsets {
  readonly #offsets = new Map<string, number>()
  readonly #maxBytes: number
  #bytes = 0

  constructor(options: { readonly maxBytes: number }) {
    this.#maxBytes = options.maxBytes
  }

  get isFull(): boolean {
    return this.#bytes >= this.#maxBytes
  }

  /** Offsets come in ascending order. */
  put(key: Buffer, offset: number): void {
    const text = key.toString('latin1')
    if (!this.#offsets.has(text)) this.#bytes += text.length + ENTRY_BYTES
    this.#offsets.set(text, offset)
  }

  /** Undefined when the key is not in the stretch. */
  get(key: Buffer): number | undefined {
    return this.#offsets.get(key.toString('latin1'))
  }
}
