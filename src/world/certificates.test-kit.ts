/** Certificates for tests, made by the `openssl` program when they are needed: none lies in the repository. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Files of a certificate and its key (PEM), and their texts. */
export interface MadeCertificate {
  readonly certificatePath: string
  readonly keyPath: string
  readonly certificate: string
  readonly key: string
}

/** A certificate authority of the test's own. */
export class CertificateAuthority implements Disposable {
  readonly directory: string
  readonly root: MadeCertificate
  #next = 1

  constructor(subject = '/O=Millrace tests/CN=Root') {
    this.directory = mkdtempSync(join(tmpdir(), 'millrace-certificates-'))
    const { keyPath, certificatePath } = this.#paths('root')
    openssl(
      ...['req', '-x509', ...NEW_KEY, '-keyout', keyPath, '-out', certificatePath, '-days', '2'],
      '-subj',
      subject,
    )
    this.root = madeFrom({ keyPath, certificatePath })
  }

  /**
   * A certificate that this authority signs, for `localhost` and 127.0.0.1 and for clients. `subject` is in openssl's
   * form: `/C=DE/O=Mill/CN=carrier`.
   */
  issue(
    subject: string,
    options: { readonly passphrase?: string; readonly days?: number } = {},
  ): MadeCertificate {
    const { passphrase, days = 2 } = options
    const { keyPath, certificatePath } = this.#paths(`issued-${this.#next++}`)
    const request = join(this.directory, 'request.csr')
    const extensions = join(this.directory, 'extensions.cnf')
    writeFileSync(extensions, 'subjectAltName=DNS:localhost,IP:127.0.0.1\n')
    const locked = passphrase === undefined ? NEW_KEY : [...KEY_TYPE, '-passout', `pass:${passphrase}`]
    openssl('req', '-new', ...locked, '-utf8', '-keyout', keyPath, '-out', request, '-subj', subject)
    openssl(
      ...['x509', '-req', '-in', request, '-CA', this.root.certificatePath, '-CAkey', this.root.keyPath],
      ...['-CAcreateserial', '-out', certificatePath, '-days', String(days), '-extfile', extensions],
    )
    return madeFrom({ keyPath, certificatePath })
  }

  /** A PKCS #12 store for Java, of a certificate with its key, or of this authority alone (a trust store). */
  keyStore(password: string, of?: MadeCertificate): string {
    const path = join(this.directory, `store-${this.#next++}.p12`)
    if (of === undefined) {
      const trusted = ['-importcert', '-noprompt', '-alias', 'root', '-file', this.root.certificatePath]
      const store = ['-keystore', path, '-storetype', 'PKCS12', '-storepass', password]
      execFileSync('keytool', [...trusted, ...store], { stdio: 'pipe' })
    } else {
      openssl(
        ...['pkcs12', '-export', '-in', of.certificatePath, '-inkey', of.keyPath],
        ...['-certfile', this.root.certificatePath, '-out', path, '-passout', `pass:${password}`],
      )
    }
    return path
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true })
  }

  #paths(name: string): { readonly keyPath: string; readonly certificatePath: string } {
    return {
      keyPath: join(this.directory, `${name}.key.pem`),
      certificatePath: join(this.directory, `${name}.pem`),
    }
  }
}

/** Keys on a curve are made in no time, RSA's are not. */
const KEY_TYPE = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']
const NEW_KEY = [...KEY_TYPE, '-nodes']

/** Why tests with certificates are skipped; false when `openssl` is here. */
export const lacksOpenssl: string | false = has('openssl') ? false : 'there is no openssl on the PATH'

function has(program: string): boolean {
  return (process.env['PATH'] ?? '').split(':').some((folder) => existsSync(join(folder, program)))
}

function openssl(...args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: 'pipe' })
}

function madeFrom(paths: { readonly keyPath: string; readonly certificatePath: string }): MadeCertificate {
  return {
    ...paths,
    certificate: readFileSync(paths.certificatePath, 'utf8'),
    key: readFileSync(paths.keyPath, 'utf8'),
  }
}
