/** Small whole-file operations over the `Disk` interface. */
import { dirname } from 'node:path/posix'
import type { Disk } from './world.ts'

/** The file's bytes, or undefined when there is no such file. */
export function readWhole(disk: Disk, path: string): Buffer | undefined {
  if (disk.stat(path)?.kind !== 'file') return undefined
  const file = disk.open(path)
  try {
    const bytes = Buffer.alloc(file.sizeBytes())
    const count = file.read(bytes, 0)
    return bytes.subarray(0, count)
  } finally {
    file.close()
  }
}

/** The file's text (UTF-8), or undefined when there is no such file. */
export function readText(disk: Disk, path: string): string | undefined {
  return readWhole(disk, path)?.toString('utf8')
}

/** Creates or overwrites the file; neither atomic nor durable. */
export function writeWhole(disk: Disk, path: string, content: Uint8Array | string): void {
  const file = disk.open(path, { create: true })
  try {
    const bytes = bytesOf(content)
    file.truncate(0)
    if (bytes.length > 0) file.write([bytes], 0)
  } finally {
    file.close()
  }
}

/**
 * Replaces the file's content: after a crash at any point it holds either all of the old or all of the new; once the
 * promise has resolved, the new. Two calls for one path must not overlap. With `ownerOnly` it is for its owner's eyes alone.
 */
export async function writeAtomically(
  disk: Disk,
  path: string,
  content: Uint8Array | string,
  options: { readonly ownerOnly?: boolean } = {},
): Promise<void> {
  const temporary = `${path}.tmp`
  const file = disk.open(temporary, { create: true, ...options })
  try {
    const bytes = bytesOf(content)
    file.truncate(0)
    if (bytes.length > 0) file.write([bytes], 0)
    await file.sync()
  } finally {
    file.close()
  }
  disk.rename(temporary, path)
  await disk.syncDirectory(dirname(path))
}

/**
 * Makes a directory and waits until it, and its name in its parent, are on the device. So are the names of all
 * directories above: an earlier process may have made them, and died before it could see to that. Of those, the ones
 * that may not be read are somebody else's, and left alone.
 */
export async function makeDurableDirectory(disk: Disk, path: string): Promise<void> {
  disk.makeDirectory(path)
  await disk.syncDirectory(dirname(path))
  for (let at = dirname(path); at !== dirname(at); at = dirname(at)) {
    try {
      await disk.syncDirectory(dirname(at))
    } catch (error) {
      if (!isForbidden(error)) throw error
    }
  }
}

function isForbidden(error: unknown): boolean {
  const { code } = (error as { readonly cause?: { readonly code?: unknown } }).cause ?? {}
  return code === 'EACCES' || code === 'EPERM'
}

function bytesOf(content: Uint8Array | string): Uint8Array {
  return typeof content === 'string' ? Buffer.from(content, 'utf8') : content
}
