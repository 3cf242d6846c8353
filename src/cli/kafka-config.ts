/**
 * A Java client's configuration (`client.properties`, `--command-config`), as far as it says how to get into a cluster:
 * security.protocol, sasl.mechanism, sasl.jaas.config, sasl.oauthbearer.token.endpoint.url, and the ssl.* keys with PEM.
 */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { messageOf, MillraceError } from '../base/millrace-error.ts'
import type { ClientSecurity, ClientTls, SaslOptions } from '../log/client/security.ts'
import { terminal } from './output.ts'

type Properties = ReadonlyMap<string, string>

/** Keys that are heeded. Others are for other clients, unless they look like a slip of the pen. */
const KEYS = [
  'security.protocol',
  'sasl.mechanism',
  'sasl.jaas.config',
  'sasl.oauthbearer.token.endpoint.url',
  'sasl.oauthbearer.client.credentials.client.id',
  'sasl.oauthbearer.client.credentials.client.secret',
  'sasl.oauthbearer.scope',
  'ssl.truststore.type',
  'ssl.truststore.location',
  'ssl.truststore.certificates',
  'ssl.keystore.type',
  'ssl.keystore.location',
  'ssl.keystore.certificate.chain',
  'ssl.keystore.key',
  'ssl.key.password',
  'ssl.endpoint.identification.algorithm',
]

/** Throws `MR_KAFKA_CONFIG` with the file and the key; `warn` hears of keys that look misspelt. */
export function readKafkaConfig(
  path: string,
  warn: (message: string) => void = (message) => terminal.note(`millrace: ${message}`),
): ClientSecurity {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw invalid(path, messageOf(error), error)
  }
  try {
    const properties = parseProperties(text)
    for (const key of properties.keys()) {
      const meant = KEYS.includes(key) ? undefined : KEYS.find((known) => isSlipOf(key, known))
      if (meant !== undefined) warn(`${path}: ${key} is not known and passed over: did you mean ${meant}?`)
    }
    return securityOfProperties(properties)
  } catch (error) {
    throw error instanceof MillraceError ? error : invalid(path, messageOf(error), error)
  }
}

/** Whether they differ in case, or by at most two letters added, left out or changed. */
function isSlipOf(key: string, known: string): boolean {
  const written = key.toLowerCase()
  let row = Array.from({ length: known.length + 1 }, (_, index) => index)
  for (let at = 0; at < written.length; at++) {
    const next = [at + 1]
    for (let to = 1; to <= known.length; to++) {
      const changed = row[to - 1]! + (written[at] === known[to - 1] ? 0 : 1)
      next.push(Math.min(changed, row[to]! + 1, next[to - 1]! + 1))
    }
    row = next
  }
  return row.at(-1)! <= 2
}

/** The text of a file that a key names; relative paths start at the working directory, as Java's do. */
function textOf(key: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : messageOf(error)
    throw new Error(`${key} is ${path}, and ${resolve(path)} cannot be read (${why})`, { cause: error })
  }
}

function invalid(path: string, message: string, cause: unknown): MillraceError {
  return new MillraceError({
    code: 'MR_KAFKA_CONFIG',
    path,
    message: `${message.replace(/\.$/, '')}.`,
    fix: "Give a Java client's .properties with security.protocol, sasl.… and ssl.… keys; stores are PEM here.",
    cause,
  })
}

/** Key and value of each line of a .properties file: comments, `=`, `:` or blank between them, `\` at the end, escapes. */
export function parseProperties(text: string): Properties {
  const properties = new Map<string, string>()
  const logical = text.replaceAll(/\r\n?/g, '\n').replaceAll(/(?<=(?:^|[^\\])(?:\\\\)*)\\\n[ \t\f]*/g, '')
  for (const line of logical.split('\n')) {
    const trimmed = line.replace(/^[ \t\f]+/, '')
    if (trimmed === '' || trimmed.startsWith('#') || trimmed.startsWith('!')) continue
    const match = /^((?:\\.|[^\\=: \t\f])*)[ \t\f]*[=:]?[ \t\f]*(.*)$/s.exec(trimmed)
    if (match !== null) properties.set(unescaped(match[1] ?? ''), unescaped(match[2] ?? ''))
  }
  return properties
}

function unescaped(text: string): string {
  const known: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' }
  return text.replaceAll(/\\(?:u([0-9a-fA-F]{4})|(.))/gs, (_, code: string | undefined, one: string) =>
    code === undefined ? (known[one] ?? one) : String.fromCharCode(Number.parseInt(code, 16)),
  )
}

function securityOfProperties(properties: Properties): ClientSecurity {
  const protocol = (properties.get('security.protocol') ?? 'PLAINTEXT').toUpperCase()
  if (!['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'].includes(protocol))
    throw new Error(`security.protocol is ${protocol}: PLAINTEXT, SSL, SASL_PLAINTEXT and SASL_SSL are known`)
  return {
    ...(protocol.endsWith('SSL') && { tls: tlsOf(properties) }),
    ...(protocol.startsWith('SASL') && { sasl: saslOf(properties) }),
  }
}

function tlsOf(properties: Properties): ClientTls {
  const truststore = storeOf(properties, 'truststore')
  const keystore = storeOf(properties, 'keystore')
  const ca = properties.get('ssl.truststore.certificates') ?? truststore
  const certificate = properties.get('ssl.keystore.certificate.chain') ?? keystore
  const key = properties.get('ssl.keystore.key') ?? keystore
  const passphrase = properties.get('ssl.key.password')
  // Java's clients check the name unless this is there and empty.
  const verifyHostname = properties.get('ssl.endpoint.identification.algorithm') !== ''
  return {
    ...(ca !== undefined && { ca }),
    ...(certificate !== undefined && { certificate }),
    ...(key !== undefined && { key }),
    ...(passphrase !== undefined && { passphrase }),
    ...(!verifyHostname && { verifyHostname }),
  }
}

/** The PEM file of a store; undefined when there is none. */
function storeOf(properties: Properties, store: 'truststore' | 'keystore'): string | undefined {
  const type = (properties.get(`ssl.${store}.type`) ?? 'JKS').toUpperCase()
  const location = properties.get(`ssl.${store}.location`)
  if (location === undefined) return undefined
  const text = textOf(`ssl.${store}.location`, location)
  if (text.includes('-----BEGIN ')) return text
  throw new Error(
    `ssl.${store}.location is a ${type} store, and only PEM can be read: make one with ` +
      `"keytool -importkeystore -srckeystore ${location} -destkeystore store.p12 -deststoretype PKCS12" and ` +
      `"openssl pkcs12 -in store.p12 -nodes -out store.pem", and set ssl.${store}.type=PEM`,
  )
}

function saslOf(properties: Properties): SaslOptions {
  const mechanism = properties.get('sasl.mechanism')
  if (mechanism === undefined)
    throw new Error(
      'sasl.mechanism is not set (Java would take GSSAPI): PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 and OAUTHBEARER are known',
    )
  const login = jaasOf(properties.get('sasl.jaas.config') ?? '')
  switch (mechanism) {
    case 'PLAIN':
    case 'SCRAM-SHA-256':
    case 'SCRAM-SHA-512': {
      const [username, password] = [login.get('username'), login.get('password')]
      if (username === undefined || password === undefined)
        throw new Error(`sasl.jaas.config names no username and password for ${mechanism}`)
      return { mechanism, username, password }
    }
    case 'OAUTHBEARER':
      return { mechanism, token: credentialsOf(properties, login) }
    default:
      throw new Error(
        `sasl.mechanism is ${mechanism}: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 and OAUTHBEARER are known`,
      )
  }
}

function credentialsOf(
  properties: Properties,
  login: ReadonlyMap<string, string>,
): Extract<SaslOptions, { mechanism: 'OAUTHBEARER' }>['token'] {
  const endpoint = properties.get('sasl.oauthbearer.token.endpoint.url')
  const clientId = login.get('clientId') ?? properties.get('sasl.oauthbearer.client.credentials.client.id')
  const clientSecret =
    login.get('clientSecret') ?? properties.get('sasl.oauthbearer.client.credentials.client.secret')
  const scope = login.get('scope') ?? properties.get('sasl.oauthbearer.scope')
  if (endpoint === undefined || clientId === undefined || clientSecret === undefined)
    throw new Error(
      'OAUTHBEARER needs sasl.oauthbearer.token.endpoint.url, and clientId and clientSecret in sasl.jaas.config',
    )
  if (endpoint.startsWith('file:')) {
    const token = textOf('sasl.oauthbearer.token.endpoint.url', fileURLToPath(endpoint)).trim()
    return () => token
  }
  return { endpoint, clientId, clientSecret, ...(scope !== undefined && { scope }) }
}

/** The options of the login module: `CLASS required name="value" name='value' name=value;` */
function jaasOf(text: string): ReadonlyMap<string, string> {
  const options = new Map<string, string>()
  const pattern = /([\w.-]+)\s*=\s*(?:"((?:\\.|[^"\\])*)"|'((?:\\.|[^'\\])*)'|([^\s;"']+))/gs
  for (const [, name = '', double, single, bare] of text.matchAll(pattern))
    options.set(name, (double ?? single ?? bare ?? '').replaceAll(/\\(.)/gs, '$1'))
  return options
}
