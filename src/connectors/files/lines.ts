import type { DiskFile } from '../../world/world.ts'

const BLOCK_BYTES = 256 * 1024
const LINE_FEED = 0x0a

/** The longest line a file source takes; longer ones are an error of the file, not a reason to fill the memory. */
export const MAX_LINE_BYTES = 16 * 1024 * 1024

/** Complete lines of a file, with the position right after the last of them. */
export interface LineBlock {
  /** The lines' bytes with their line feeds; the last line of a file may lack its own. */
  readonly bytes: Buffer
  /** Position in the file after `bytes`. */
  readonly end: number
  /** True when the file ends here. */
  readonly final: boolean
}

/**
 * Reads the whole lines that start at `position`, about 256 KiB at a time. `undefined` when there is no complete line;
 * at the end of a file that no longer grows (`final`), a last line without a line feed counts as complete.
 */
export function readLineBlock(
  file: DiskFile,
  position: number,
  options: { readonly final: boolean },
): LineBlock | undefined {
  for (let capacity = BLOCK_BYTES; ; capacity *= 4) {
    const block = Buffer.allocUnsafe(capacity)
    const length = file.read(block, position)
    if (length === 0) return undefined
    const atEnd = length < capacity
    const lastLineFeed = block.lastIndexOf(LINE_FEED, length - 1)
    if (atEnd && options.final) {
      return { bytes: block.subarray(0, length), end: position + length, final: true }
    }
    if (lastLineFeed >= 0) {
      return { bytes: block.subarray(0, lastLineFeed + 1), end: position + lastLineFeed + 1, final: false }
    }
    if (atEnd) return undefined
    if (capacity >= MAX_LINE_BYTES)
      throw new Error(`the line at byte ${position} is longer than ${MAX_LINE_BYTES} bytes`)
  }
}

/** Calls `visit` with each line, without its line feed and carriage return. */
export function forEachLine(bytes: Buffer, visit: (line: Buffer, start: number) => void): void {
  let start = 0
  while (start < bytes.length) {
    let end = bytes.indexOf(LINE_FEED, start)
    if (end < 0) end = bytes.length
    const lineEnd = end > start && bytes[end - 1] === 0x0d ? end - 1 : end
    visit(bytes.subarray(start, lineEnd), start)
    start = end + 1
  }
}
