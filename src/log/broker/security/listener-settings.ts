import { MillraceError } from '../../../base/millrace-error.ts'
import type {
  HostAndPort,
  ListenerOptions,
  ListenerSaslOptions,
  ListenerTlsOptions,
} from './listener-options.ts'
import { INTERNAL_LISTENER } from './listener-options.ts'

/** A listener whose options were looked at. */
export interface ListenerSettings extends ListenerOptions {
  readonly name: string
}

export interface ListenersWanted {
  readonly listeners: readonly ListenerOptions[]
  /** Lets listeners without authentication be reached from other machines. */
  readonly allowAnonymousBeyondLoopback: boolean
}

/** What is wrong with a listener. */
export interface ListenerProblem {
  /** Of the listener. */
  readonly index: number
  readonly problem: string
}

/**
 * Names the listeners and looks at what can be looked at before they are opened. Throws `MR_CONFIG_INVALID`, and
 * `MR_OPEN_LISTENER` where other machines could come in without saying who they are.
 */
export function listenerSettings(wanted: ListenersWanted): readonly ListenerSettings[] {
  const settings = named(wanted.listeners)
  if (settings.length === 0) throw invalid('listeners', 'there is none')
  const [wrong] = listenerProblems(wanted.listeners)
  if (wrong !== undefined) throw invalid(settings[wrong.index]!.name, wrong.problem)
  const open = wanted.allowAnonymousBeyondLoopback ? undefined : settings.find(isOpen)
  if (open !== undefined) throw openListener(open)
  return settings
}

/** All that is wrong with listeners, but for who may come in. */
export function* listenerProblems(listeners: readonly ListenerOptions[]): Generator<ListenerProblem> {
  const names = new Set<string>()
  for (const [index, { name, tls, sasl }] of named(listeners).entries()) {
    if (!/^[\w.-]{1,100}$/.test(name))
      yield { index, problem: 'a name is made of letters, digits, dots, hyphens and underscores' }
    if (names.has(name.toLowerCase()) || name.toLowerCase() === INTERNAL_LISTENER)
      yield { index, problem: 'this name is taken: give each listener one of its own' }
    names.add(name.toLowerCase())
    if (tls !== undefined) for (const problem of tlsProblems(tls)) yield { index, problem }
    if (sasl !== undefined) for (const problem of saslProblems(sasl)) yield { index, problem }
  }
}

function named(listeners: readonly ListenerOptions[]): readonly ListenerSettings[] {
  return listeners.map((listener) => ({ ...listener, name: listener.name ?? protocolOf(listener) }))
}

/** Kafka's name of what a listener speaks. */
function protocolOf({ tls, sasl }: Pick<ListenerOptions, 'tls' | 'sasl'>): string {
  if (sasl === undefined) return tls === undefined ? 'PLAINTEXT' : 'SSL'
  return tls === undefined ? 'SASL_PLAINTEXT' : 'SASL_SSL'
}

/** Whether clients have to prove who they are: with tokens that nobody has signed they only say so. */
function authenticates({ tls, sasl }: ListenerOptions): boolean {
  if (sasl === undefined) return tls?.clientAuth === 'required'
  return sasl.oauthBearer?.allowUnsecured !== true || !sasl.mechanisms.includes('OAUTHBEARER')
}

/** Whether other machines can come in without saying who they are. */
export function isOpen(listener: ListenerOptions): boolean {
  return !authenticates(listener) && !isLoopback(listener.host)
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host)
}

function* tlsProblems(tls: ListenerTlsOptions): Generator<string> {
  const { clientAuth = 'none', clientCa, handshakeTimeoutMs, handshakesMax, reloadIntervalMs } = tls
  if (!['none', 'requested', 'required'].includes(clientAuth))
    yield `tls.clientAuth is ${clientAuth}, not none, requested or required`
  if (clientAuth !== 'none' && clientCa === undefined)
    yield 'tls.clientAuth needs tls.clientCa: who may sign clients’ certificates'
  for (const [key, value, least] of [
    ['handshakeTimeoutMs', handshakeTimeoutMs, 1],
    ['handshakesMax', handshakesMax, 1],
    ['reloadIntervalMs', reloadIntervalMs, 0],
  ] as const) {
    if (value !== undefined && !(value >= least)) yield `tls.${key} is ${value}`
  }
}

const MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER']

function* saslProblems({ mechanisms, users = {}, oauthBearer }: ListenerSaslOptions): Generator<string> {
  if (mechanisms.length === 0) yield 'sasl.mechanisms is empty'
  for (const mechanism of mechanisms) {
    if (!MECHANISMS.includes(mechanism))
      yield `there is no SASL mechanism ${mechanism}; there are ${MECHANISMS.join(', ')}`
  }
  for (const [user, password] of Object.entries(users)) {
    if (user === '' || user.includes('\0')) yield 'a user needs a name'
    if (password === '' || password.includes('\0')) yield `the user ${user} needs a password`
  }
  if (!mechanisms.includes('OAUTHBEARER')) return
  if (oauthBearer?.jwks === undefined && oauthBearer?.allowUnsecured !== true)
    yield 'OAUTHBEARER needs sasl.oauthBearer.jwks, the keys that sign tokens'
}

function invalid(name: string, problem: string): MillraceError {
  return new MillraceError({
    code: 'MR_CONFIG_INVALID',
    message: `listener ${name}: ${problem}.`,
    fix: 'Correct the listener.',
  })
}

function openListener({ name, host, port }: ListenerSettings & HostAndPort): MillraceError {
  return new MillraceError({
    code: 'MR_OPEN_LISTENER',
    message: `the listener ${name} could be reached from other machines, and asks nobody who they are.`,
    fix: 'Listen on 127.0.0.1, give it sasl or tls with clientAuth required, or, where everybody who reaches it may do everything, set allowAnonymousBeyondLoopback.',
    peer: `${host}:${port}`,
  })
}
