import { MillraceError } from '../../../base/millrace-error.ts'
import { readText } from '../../../world/files.ts'
import type { Disk, TlsCredentials } from '../../../world/world.ts'
import type { ListenerTlsOptions } from './listener-options.ts'

/** What PEM begins with, wherever something is given as PEM or as the path of a file with it. */
const PEM = '-----BEGIN'

/** The PEM itself, or what is in the file. Throws `MR_TLS_INVALID` when there is no such file or it holds no PEM. */
export function pemText(disk: Disk, source: string): string {
  if (source.includes(PEM)) return source
  const text = readText(disk, source)
  if (text?.includes(PEM) === true) return text
  throw new MillraceError({
    code: 'MR_TLS_INVALID',
    message: text === undefined ? 'there is no such file.' : 'the file holds no PEM.',
    fix: 'Name a PEM file: it has lines that begin with -----BEGIN.',
    path: source,
  })
}

/** What a listener shows now: files are read anew. */
export function readCredentials(disk: Disk, tls: ListenerTlsOptions): TlsCredentials {
  const { certificate, key, passphrase, clientCa, minVersion = 'TLSv1.2' } = tls
  return {
    certificate: pemText(disk, certificate),
    key: pemText(disk, key),
    minVersion,
    ...(passphrase !== undefined && { passphrase }),
    ...(clientCa !== undefined && { clientCa: pemText(disk, clientCa) }),
  }
}
